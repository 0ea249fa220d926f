"""The link to one builder over Ansible's connection: each step is repeated until it works or patience ends."""

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
from wheelfleet.engine.poll import BuilderSnapshot, PollError, parse_snapshot, poll_command, withdraw_command
from wheelfleet.text import printable

from .node_action import NodeAction, Pauses

#: Bytes that one command brings from the builder; memory holds a few times as much.
CHUNK = 8 << 20

#: Seconds between two tries after a lost connection: first, and at most.
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0

_Answer = TypeVar("_Answer")


class BuilderLink:
    """The Link of wheelfleet.engine.link, made of an action plugin's connection and its module."""

    def __init__(self, action: NodeAction, events: LinkEvents) -> None:
        self.action = action
        self.options = action.options
        self.events = events
        self.home = str(self.options["home"])

    def poll(self, acknowledged: Collection[str]) -> BuilderSnapshot:
        """Poll the builder once over the open connection."""
        command = poll_command(self.home, acknowledged)
        return self._with_patience(lambda: parse_snapshot(self._shell(command).splitlines()))

    def withdraw(self, attempts: Collection[str]) -> list[str]:
        """Take assignments out of the inbox; returns those that were still there."""
        if not attempts:
            return []
        answer = self._with_patience(lambda: self._shell(withdraw_command(self.home, attempts)))
        return [attempt for attempt in answer.split() if attempt in attempts]

    def hand_over(self, assignments: list[HandOver]) -> None:
        """Run the module on the builder: it puts the work into the inbox and starts the worker."""
        self._with_patience(lambda: self._visit(assignments))

    def fetch(self, attempt: str, files: Mapping[str, int], staging: Path) -> None:
        """Copy a result's files; a file that is too large is left out, and admission misses it.

        They are read as the user who builds and not by sftp: a symbolic link that a build put there would be followed
        with the rights of the user who logs in.
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
        """Hand over by way of the cache while it answers the builder, which then is given no credentials."""
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
            # A module cut off by the link comes back as unparsable, which is not its own failure.
            if "module_stdout" in answer:
                raise AnsibleConnectionFailure(answer.get("module_stderr") or "the module's answer broke off")
            raise AnsibleError(answer.get("msg", "the visit failed"))
        return answer

    def _read(self, path: str, offset: int, length: int) -> bytes:
        """Bytes of a file, in base64 because a connection may give its commands a terminal, which changes line ends."""
        command = f"tail -c +{offset + 1} {shlex.quote(path)} | head -c {length} | base64"

        def read() -> bytes:
            try:
                data = base64.b64decode("".join(self._shell(command).split()), validate=True)
            except binascii.Error as error:
                raise AnsibleConnectionFailure(f"{path} arrived garbled ({error})") from error
            # A connection that breaks off may leave a part and say nothing; a part must not be judged as the whole.
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
        """Repeat a step over a reset connection until it works or patience ends."""
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
