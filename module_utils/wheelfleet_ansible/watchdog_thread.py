"""Tells the service's watchdog of the run's progress."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from wheelfleet.watchdog import Watchdog, note_progress


class WatchdogThread:
    """A thread of the main process, where systemd watches it; `status` returns a line for `systemctl status`."""

    def __init__(self, status: Callable[[], str]) -> None:
        self._watchdog = Watchdog(os.environ)
        self._status = status
        self._ended = threading.Event()

    def begin(self) -> None:
        """Tell systemd that the run has begun."""
        self._watchdog.ready()
        if self._watchdog.look:
            threading.Thread(target=self._tell, name="wheelfleet_watchdog", daemon=True).start()

    def watch(self, state_dir: Path) -> None:
        """Watch the progress of the run in this state folder."""
        self._watchdog.watch(state_dir)

    @staticmethod
    def event() -> None:
        """Note an event of the main thread."""
        note_progress()

    def end(self) -> None:
        """End the thread."""
        self._ended.set()

    def _tell(self) -> None:
        while not self._ended.wait(self._watchdog.look):
            with contextlib.suppress(OSError, ValueError):
                self._watchdog.tell(self._status())
