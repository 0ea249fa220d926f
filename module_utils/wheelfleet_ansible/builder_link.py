"""The link to one builder over Ansible's connection; each step is repeated until it succeeds or patience ends."""

from __future__ import annotations

import base64
import binascii
import shlex
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from wheelfleet.admission.result import LARGEST_RESULT_BYTES
from wheelfleet.admission.wheel_archive import Limits
from wheelfleet.contract.assignment import HandOver
from wheelfleet.engine.link import LinkEvents, LinkLost
from wheelfleet.engine.poll import (
    BuilderSnapshot,
    PollError,
    parse_snapshot,
    poll_command,
    stop_command,
    withdraw_command,
)
from wheelfleet.text import printable

from .node_action import NodeAction, Pauses

#: Bytes that one command fetches from the builder; it needs a few times as much memory.
CHUNK = 8 << 20

#: Seconds between two tries after a lost connection: first, and at most.
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0

_Answer = TypeVar("_Answer")


class BuilderLink:
    """The Link of wheelfleet.engine.link, over an action plugin's connection. All methods raise LinkLost."""

    def __init__(self, action: NodeAction, events: LinkEvents) -> None:
        self.action = action
        self.options = action.options
        self.events = events
        self.home = str(self.options["home"])

    def poll(self, acknowledged: Collection[str], *, tails: bool = False) -> BuilderSnapshot:
        """Poll the builder once over the open connection."""
        command = poll_command(self.home, acknowledged, tails=tails)
        return self._with_patience(lambda: parse_snapshot(self._shell(command).splitlines()))

    def withdraw(self, attempts: Collection[str]) -> list[str]:
        """Remove assignments from the inbox; returns those that were still there."""
        if not attempts:
            return []
        answer = self._with_patience(lambda: self._shell(withdraw_command(self.home, attempts)))
        return [attempt for attempt in answer.split() if attempt in attempts]

    def stop(self, attempts: Collection[str]) -> None:
        """Leave the worker a note for each build that it has to end."""
        self._with_patience(lambda: self._shell(stop_command(self.home, attempts)))

    def hand_over(self, assignments: list[HandOver]) -> None:
        """Run the module on the builder: it puts the work into the inbox and starts the worker."""
        self._with_patience(lambda: self._visit(assignments))

    def fetch(self, attempt: str, files: Mapping[str, int], staging: Path) -> None:
        """Copy a result's files into `staging`; `files` has the size of each in bytes. A file that is too large is left
        out, and admission refuses the result.

        They are read by the build user, not by sftp, which would follow a build's symbolic link with the rights of the
        login user.
        """
        log = int(self.options["limits"].get("log", 0)) + (1 << 20)
        limits = {"result.json": LARGEST_RESULT_BYTES, "log.gz": log}
        for name, size in sorted(files.items()):
            if size > limits.get(name, Limits.size):
                continue
            path = f"{self.home}/outbox/{attempt}/{name}"
            with (staging / name).open("wb") as copy:
                for offset in range(0, size, CHUNK):
                    copy.write(self._read(path, offset, min(CHUNK, size - offset)))

    def _visit(self, assignments: list[HandOver]) -> None:
        """Hand over assignments, without credentials while the cache answers the builder."""
        if self.options["cache_url"]:
            answer = self._run_module(assignments=assignments, credentials="")
            trouble = answer.get("cache_trouble")
            if trouble is None:
                for host in answer.get("past_the_cache", []):
                    self.events.bypasses_cache(
                        f"The cache does not fetch from {printable(str(host))[:100]}, so it goes there itself; "
                        "run playbooks/provision.yml for the web node."
                    )
                return
            self.events.bypasses_cache(f"It goes to upstream itself. {printable(str(trouble))[:500]}")
        self._run_module(assignments=assignments, cache_url="")

    def _run_module(self, **arguments: object) -> dict[str, Any]:
        answer: dict[str, Any] = self.action._execute_module(
            module_name="wheelfleet_batch",
            module_args={**self.action._task.args, **arguments},
            task_vars=self.action.task_vars,
        )
        if answer.get("unreachable"):
            raise AnsibleConnectionFailure(answer.get("msg", "unreachable"))
        if answer.get("failed"):
            # A lost connection makes the module's output unparsable, which is no failure of the module.
            if "module_stdout" in answer:
                raise AnsibleConnectionFailure(answer.get("module_stderr") or "the module's answer broke off")
            raise AnsibleError(_why(answer))
        return answer

    def _read(self, path: str, offset: int, length: int) -> bytes:
        """Read bytes of a file, as base64: a connection may use a terminal, which changes line ends."""
        command = f"tail -c +{offset + 1} {shlex.quote(path)} | head -c {length} | base64"

        def read() -> bytes:
            try:
                data = base64.b64decode("".join(self._shell(command).split()), validate=True)
            except binascii.Error as error:
                raise AnsibleConnectionFailure(f"{path} arrived garbled ({error})") from error
            # A broken connection may return a part without an error.
            if len(data) != length:
                raise AnsibleConnectionFailure(f"{path} arrived with {len(data)} of {length} bytes")
            return data

        return self._with_patience(read)

    def _shell(self, command: str) -> str:
        answer = self.action._low_level_execute_command(command, sudoable=True)
        if answer.get("rc") != 0:
            raise AnsibleConnectionFailure(answer.get("stderr") or answer.get("stdout") or f"{self.home} is not there")
        return str(answer["stdout"])

    def _with_patience(self, step: Callable[[], _Answer]) -> _Answer:
        """Repeat a step, each time over a new connection, until it succeeds. Raises LinkLost when patience ends."""
        lost = (AnsibleConnectionFailure, PollError)
        try:
            return self.action.repeat(
                step,
                lost=lost,
                patience=self.options["patience"],
                pauses=Pauses(FIRST_WAIT, LONGEST_WAIT),
                on_silence=self.events.silent,
            )
        except lost as error:
            raise LinkLost(f"It does not answer ({error}); its work goes to the others.") from error


def _why(answer: Mapping[str, Any]) -> str:
    """What a failed module says. Where it broke off, Ansible has its exception alone."""
    event = getattr(answer.get("exception"), "event", None)
    return str(answer.get("msg") or getattr(event, "msg", None) or "the module failed and did not say why")
