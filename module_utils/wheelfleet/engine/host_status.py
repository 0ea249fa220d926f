"""The status of each host in a run: one small JSON file per host, renamed into place by the host's session.

Sessions and the live view are different processes; files are the simplest thing that they can share.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from .host_metrics import HostMetrics

#: The controller's host name in its own status (how far it has read upstream); no host of an inventory has this name.
CONTROLLER = "(controller)"


class HostState(str, Enum):
    """The state of a host; the values are those of the status file."""

    STARTING = "starting"
    READING = "reading"
    VISITING = "visiting"
    BUILDING = "building"
    CANARY = "canary"
    WAITING = "waiting"
    SILENT = "silent"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    DRAINING = "draining"
    DRAINED = "drained"
    IDLE = "idle"
    UNREACHABLE = "unreachable"
    FAILED = "failed"

    def __str__(self) -> str:
        return self.value


#: The states of a builder that an operator holds; the note says who, since when and why.
HELD = (HostState.PAUSED, HostState.DRAINING, HostState.DRAINED)


@dataclass
class Building:
    """A build that goes on; `since` is when it was first seen, in epoch seconds by the controller's clock."""

    name: str
    version: str
    target: str
    since: float
    #: How long it was expected to take on this host; 0: not known.
    seconds: float = 0.0
    #: The end of its log, while somebody watches (`watched`).
    tail: str = ""


@dataclass
class HostStatus:
    """The status of one host. Counts are of this run; `left` and `seconds_left` (predicted) are the whole fleet's."""

    host: str
    run: str
    state: HostState = HostState.STARTING
    building: list[Building] = field(default_factory=list)
    built: int = 0
    failed: int = 0
    left: int = 0
    seconds_left: float = 0.0
    #: When these two were counted. Other news come more often.
    counted_at: float = 0.0
    at: float = 0.0
    #: The reason of the state, for people.
    note: str = ""
    #: Since when the host is in its state, in epoch seconds; 0: unknown.
    since: float = 0.0
    #: Whether the host does nothing more in this run.
    final: bool = False
    metrics: HostMetrics = field(default_factory=HostMetrics)
    #: Whether it gets no work because its disk is almost full.
    disk_low: bool = False


def status_folder(state_dir: Path) -> Path:
    """The folder of all hosts' status files."""
    return state_dir / "run" / "status"


def post_status(folder: Path, status: HostStatus) -> None:
    """Put the host's file in place and set its `at`. Errors are ignored: a full disk must not end the run."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        status.at = time.time()
        path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', status.host)}.json"
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(status)))
        temporary.replace(path)


def read_statuses(folder: Path, run: str) -> list[HostStatus]:
    """The status of every host of a run, by host name."""
    statuses = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            data: Mapping[str, Any] = json.loads(path.read_text())
            if data["run"] == run:
                building = [Building(**each) for each in data["building"]]
                statuses.append(HostStatus(**{**data, "state": HostState(data["state"]), "building": building}))
    return statuses


def described(status: HostStatus) -> str:
    """The host's state in words: `waiting for pi2`, `read 3 of 10 projects`, `idle`."""
    if status.state is HostState.READING:
        return status.note
    return f"{status.state} {status.note}" if status.state in (HostState.WAITING, *HELD) else str(status.state)


def latest_count(statuses: Sequence[HostStatus]) -> HostStatus | None:
    """The status that counted last what is left for the fleet; None without any."""
    return max(statuses, key=lambda status: (status.counted_at, status.at), default=None)


def expected_end_seconds(statuses: Sequence[HostStatus], now: float) -> float | None:
    """Seconds until everything is done if predictions hold; None if no host builds, 0 if everything is late.

    What is left is shared among the builds that go on, and none of these ends before its own time.
    """
    # A paused builder ends what it has begun.
    working = [status for status in statuses if status.state is HostState.BUILDING or status.building]
    if not working:
        return None
    newest = latest_count(statuses)
    builds = [build for status in working for build in status.building]
    running = sum(max(len(status.building), 1) for status in working)
    spent = sum(min(max(now - build.since, 0.0), build.seconds) for build in builds)
    shared = ((newest.seconds_left if newest else 0.0) - spent) / running
    longest = max((build.since + build.seconds - now for build in builds), default=0.0)
    return max(shared, longest, 0.0)
