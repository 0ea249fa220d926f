"""Polls a builder: one cheap shell command, and the snapshot that its answer gives.

It reads the builder's folders in shell, because that takes 5 ms on a Pi; starting Python takes 50 times as long.
"""

from __future__ import annotations

import base64
import binascii
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..contract.worker_status import read_building
from ..text import last_lines
from .host_metrics import METRICS_COMMAND, HostMetrics, parse_metrics

_RESULT_FILE = re.compile(
    r"outbox/(?P<attempt>[a-z0-9][a-z0-9.+!_-]*)/(?P<name>[A-Za-z0-9][A-Za-z0-9.+!_-]*) (?P<size>[0-9]{1,15})"
)
_WAITING = re.compile(r"inbox/(?P<attempt>[a-z0-9][a-z0-9.+!_-]*)\.json")
_TAIL = re.compile(r"tail (?P<attempt>[a-z0-9][a-z0-9.+!_-]*) (?P<data>[A-Za-z0-9+/=]*)")
#: Bytes of each running build's log that are shown to whoever watches.
TAIL_BYTES = 2048
#: Bytes; no disk is larger.
_LARGEST_DISK = 1 << 60


class PollError(ValueError):
    """The answer broke off or is malformed; the message shows a part of it."""


@dataclass(frozen=True)
class BuilderSnapshot:
    """The state of a builder at a poll: whether its `worker` lives; attempts that are `building` with their seconds so
    far, `waiting` in the inbox, and in the `outbox` with sizes in bytes by file; `free` bytes of its disk; its `clock`
    in epoch seconds; its metrics; and by attempt the end of its log, safe to show, if that was asked for."""

    worker: bool
    building: dict[str, float] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()
    outbox: dict[str, dict[str, int]] = field(default_factory=dict)
    free: int = 0
    clock: float = 0.0
    metrics: HostMetrics = field(default_factory=HostMetrics)
    tails: dict[str, str] = field(default_factory=dict)


#: Prints a line for each log. Base64, because a log may hold anything. No links and pipes, because a build without a
#: sandbox could put them there.
_TAILS_COMMAND = (
    'for l in work/*/log; do if [ -f "$l" ] && [ ! -L "$l" ]; then a=${l#work/}; '
    f'echo "tail ${{a%/log}} $(tail -c {TAIL_BYTES} "$l" | base64 | tr -d \'\\n\')"; fi; done; '
)


def poll_command(home: str, acknowledged: Iterable[str], *, tails: bool = False) -> str:
    """The shell command that polls the builder whose folder is `home` and removes the results `acknowledged`.

    With `tails` it also reads the ends of the logs of running builds.
    """
    # The rename hides it first, because a half-removed result must not look like a result.
    forget = "".join(
        f"mv outbox/{a} outbox/.{a} 2>/dev/null; rm -rf outbox/.{a}; " for a in map(shlex.quote, acknowledged)
    )
    return (
        f"cd {shlex.quote(home)} && {{ {forget}"
        "if [ -e worker.lock ] && ! flock -n -s worker.lock true; then echo alive; else echo ended; fi; "
        "date +%s; stat -f -c '%a %b %S' .; "
        f"{METRICS_COMMAND}"
        "head -c 100000 status.json 2>/dev/null | tr -d '\\n'; echo; "
        # BusyBox, as on Alpine, has no -printf.
        "find inbox -mindepth 1 -maxdepth 1 -type f; echo outbox:; "
        "find outbox -mindepth 2 -maxdepth 2 -type f ! -path '*/.*' -exec stat -c '%n %s' {} +; "
        f"{_TAILS_COMMAND if tails else ''}"
        "echo end; }"
    )


def parse_snapshot(lines: list[str]) -> BuilderSnapshot:
    """Read the answer's lines. Raises PollError.

    Builds could put anything into the folders, so files without the name of an assignment or a result are ignored.
    """
    if len(lines) < 7 or lines[-1] != "end" or "outbox:" not in lines[5:]:
        raise PollError(f"the answer to a poll broke off after {lines[-1:]}")
    worker, clock, space, machine, status, *rest = lines
    try:
        free, blocks, block = map(int, space.split())
        seconds = float(clock)
    except ValueError as error:
        raise PollError(f"the answer to a poll says {clock!r} and {space!r}") from error
    alive = worker == "alive"
    building = read_building(status) if alive else {}
    split = rest.index("outbox:")
    waiting = frozenset(found["attempt"] for line in rest[:split] if (found := _WAITING.fullmatch(line)))
    outbox: dict[str, dict[str, int]] = {}
    for line in rest[split + 1 : -1]:
        if found := _RESULT_FILE.fullmatch(line):
            outbox.setdefault(found["attempt"], {})[found["name"]] = int(found["size"])
    tails = {
        found["attempt"]: _text(found["data"])
        for line in rest[split + 1 : -1]
        if (found := _TAIL.fullmatch(line)) and found["attempt"] in building
    }
    metrics = parse_metrics(machine)
    if 0 <= free <= blocks and 0 < blocks * block < _LARGEST_DISK:
        metrics |= {"disk_total": blocks * block, "disk_free": free * block}
    return BuilderSnapshot(alive, building, waiting, outbox, free * block, seconds, metrics, tails)


def _text(data: str) -> str:
    """The end of a log, from its base64; empty if that is malformed."""
    try:
        log = base64.b64decode(data[: 2 * TAIL_BYTES], validate=True)
    except binascii.Error:
        return ""
    return last_lines(log, begins_within=len(log) >= TAIL_BYTES)


def withdraw_command(home: str, attempts: Iterable[str]) -> str:
    """The shell command that takes assignments out of the inbox and prints the attempts that were still there."""
    names = " ".join(shlex.quote(attempt) for attempt in attempts)
    return (
        f"cd {shlex.quote(home)}/inbox && for a in {names}; do "
        '! unlink "$a.json" 2>/dev/null || echo "$a"; done; sync .'
    )


def stop_command(home: str, attempts: Iterable[str]) -> str:
    """The shell command that has the worker end builds; those that have ended by themselves are left out."""
    names = " ".join(shlex.quote(attempt) for attempt in attempts)
    # In this order, because attempts move from the inbox to their work folder in the meantime.
    return (
        f"cd {shlex.quote(home)} && mkdir -p stop && for a in {names}; do "
        'if [ -e "inbox/$a.json" ] || [ -e "work/$a/assignment.json" ]; then : >"stop/$a"; fi; done'
    )
