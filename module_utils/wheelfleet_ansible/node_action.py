"""The base class of action plugins that connect to a node: a builder or a web node."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import ansible.constants as constants
from ansible.errors import AnsibleError
from ansible.utils.display import Display
from wheelfleet.engine.lock import parent_is_alive
from wheelfleet.watchdog import note_progress

from .controller_action import ControllerAction, Result
from .host_python import question, too_old

T = TypeVar("T")

display = Display()


class RunGone(Exception):
    """The ansible-playbook that forked this process was killed. The next run continues its work."""


class Pauses:
    """Pauses between tries, in seconds: each is twice as long as the one before, from `first` to `longest`."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self.start_again()

    def start_again(self) -> None:
        """Return to the first pause."""
        self._next = self._first

    def next(self) -> float:
        """The next pause."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause


class NodeAction(ControllerAction):
    """A task that uses Ansible's connection to a node, which may be lost."""

    host: str

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Do the task and return its result."""
        self.host = (task_vars or {})["inventory_hostname"]
        parent = multiprocessing.parent_process()
        self._run_process = parent.pid if parent else None
        try:
            return super().run(tmp, task_vars)
        except RunGone:
            self.leave()

    @staticmethod
    def leave() -> NoReturn:
        """End this process without a result, because its parent is gone."""
        os._exit(0)

    def run_lives(self) -> bool:
        """Whether the ansible-playbook that forked this process is alive. Every wait here asks, and has an end."""
        note_progress()
        return self._run_process is None or parent_is_alive(self._run_process)

    def repeat(
        self,
        step: Callable[[], T],
        *,
        lost: tuple[type[Exception], ...],
        patience: float,
        pauses: Pauses,
        since: float | None = None,
        on_silence: Callable[[float], None] = lambda seconds: None,
    ) -> T:
        """Repeat an idempotent step, each time over a new connection, until it succeeds.

        Raises the step's last exception (one of `lost`) once the node has not answered for `patience` seconds, counted
        from the monotonic time `since` or from now, and RunGone. Calls `on_silence` with the seconds so far.
        """
        began = time.monotonic() if since is None else since
        while True:
            if not self.run_lives():
                raise RunGone
            try:
                return step()
            except lost as error:
                silent = time.monotonic() - began
                if silent > patience:
                    raise
                on_silence(silent)
                self.wait_for_link(error, pauses.next())

    def wait_for_link(self, error: Exception, pause: float) -> None:
        """Wait about `pause` seconds, then reset the connection. Raises RunGone."""
        if not self.run_lives():
            raise RunGone
        display.vv(f"{self.host}: link lost ({error}), trying again in {pause:.0f} s")
        time.sleep(pause * random.uniform(0.7, 1.3))
        self.reset_link()

    def reset_link(self) -> None:
        """Close the connection; the next command opens a new one."""
        with contextlib.suppress(AnsibleError, AttributeError):
            self._connection.reset()

    def interpreters(self) -> list[str]:
        """Ansible's Python on the node, or what Ansible would look for, best first."""
        given = self._templar.template(self.task_vars.get("ansible_python_interpreter") or "")
        if not given or str(given).startswith("auto"):
            given = (self.task_vars.get("ansible_facts") or {}).get("discovered_interpreter_python")
        fallback = constants.config.get_config_value("INTERPRETER_PYTHON_FALLBACK", variables=self.task_vars)
        return [str(given)] if given else [str(each) for each in fallback]

    def python_problem(self) -> str | None:
        """One sentence if Ansible's Python on the node is too old; None if it is not, or is unknown."""
        answer = self._low_level_execute_command(question(self.interpreters()))
        return too_old(str(answer.get("stdout", "")))
