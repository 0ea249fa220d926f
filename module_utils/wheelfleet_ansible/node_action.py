"""The base class of action plugins that talk to a node: a builder or a web node."""

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

from .controller_action import ControllerAction, Result
from .host_python import question, too_old

T = TypeVar("T")

display = Display()


class RunGone(Exception):
    """The ansible-playbook that forked this process was killed. The next run takes up what is under way."""


class Pauses:
    """Pauses between tries, in seconds: from the `first` on each is twice as long, up to the `longest`."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self.start_again()

    def start_again(self) -> None:
        """The next pause is the first."""
        self._next = self._first

    def next(self) -> float:
        """The next pause."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause


class NodeAction(ControllerAction):
    """A task that talks to a node over Ansible's connection, which may break off."""

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
        """End this process without a result, because nobody waits for one."""
        os._exit(0)

    def run_lives(self) -> bool:
        """Whether the ansible-playbook that forked this process still does."""
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
        """Do a step, which can be repeated, over a reset link until it works.

        Raises what it raised last (one of `lost`) when the node has not answered for `patience` seconds, counted from
        the monotonic time `since`, or from now. `on_silence` is given the seconds so far.
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
        """Have the next command connect again."""
        with contextlib.suppress(AnsibleError, AttributeError):
            self._connection.reset()

    def python_problem(self) -> str | None:
        """One sentence, if the Python that Ansible uses on the node is too old; None if it is not, or does not say."""
        given = self._templar.template(self.task_vars.get("ansible_python_interpreter") or "")
        if not given or str(given).startswith("auto"):
            given = (self.task_vars.get("ansible_facts") or {}).get("discovered_interpreter_python")
        fallback = constants.config.get_config_value("INTERPRETER_PYTHON_FALLBACK", variables=self.task_vars)
        answer = self._low_level_execute_command(question([str(given)] if given else fallback))
        return too_old(str(answer.get("stdout", "")))
