"""Prints the state of a run that Ctrl-C or a signal ends, and what to do next."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
from collections.abc import Callable

from wheelfleet.engine.interrupted import end_status, remains_of_run

from .current_run import CurrentRun


class EarlyEnd:
    """Watches the end of the main process. `stop_view` is called before anything is printed, `tell` after it."""

    def __init__(
        self, run: CurrentRun, stop_view: Callable[[], None], say: Callable[[str], None], tell: Callable[[], None]
    ) -> None:
        #: Set when Ansible ends the run itself.
        self.run_has_ended = False
        self.is_terminated = False
        self._run, self._stop_view, self._say, self._tell = run, stop_view, say, tell
        self._main_process = os.getpid()

    def watch(self) -> None:
        """Mark the status of an earlier killed run as ended, and watch for the end of this one."""
        end_status(self._run.site, but_for=self._run.run)
        atexit.register(self._process_ends)
        for number in (signal.SIGTERM, signal.SIGHUP):
            # An ignored signal stays ignored: nohup needs it.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._be_terminated)

    def _be_terminated(self, number: int, frame: object) -> None:
        """End as by Ctrl-C: without this, Ansible would end without cleaning up and without a message."""
        self.is_terminated = True
        for child in multiprocessing.active_children():
            child.terminate()
        raise SystemExit(128 + number)

    def _process_ends(self) -> None:
        if self.run_has_ended or os.getpid() != self._main_process:
            return
        self.run_has_ended = True
        self._stop_view()
        for line in remains_of_run(self._run.state_dir, self._run.site, self._run.run):
            self._say(line)
        self._tell()
