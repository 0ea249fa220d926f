"""Prints a line with the task of each host when nothing else is shown or printed for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from wheelfleet.engine.still_working import OngoingTask, still_working

from .current_run import CurrentRun
from .screen import Screen

#: Seconds without a line after which one is printed: first, and at most. A run that follows upstream may wait for days.
SILENCE, LONGEST_SILENCE = 60.0, 3600.0
#: Seconds between two checks.
INTERVAL = 2.0


class SilenceBreaker:
    """A thread of the main process. `current_run` returns the run, or None before it has begun; `is_shown` returns
    whether a view is on the screen, so that no line is needed."""

    def __init__(
        self, screen: Screen, current_run: Callable[[], CurrentRun | None], is_shown: Callable[[], bool]
    ) -> None:
        #: The present task of each host.
        self.doing: dict[str, OngoingTask] = {}
        self.ended = False
        self._screen, self._current_run, self._is_shown = screen, current_run, is_shown
        threading.Thread(target=self._watch, name="wheelfleet_silence", daemon=True).start()

    def begin(self, host: str, task: str, *, builds: bool) -> None:
        """Note the host's task."""
        self.doing[host] = OngoingTask(task, time.time(), builds)

    def end(self, host: str) -> None:
        """Note that the host has no task."""
        self.doing.pop(host, None)

    def _watch(self) -> None:
        silence, own_line_at = SILENCE, 0.0
        while not self.ended:
            time.sleep(INTERVAL)
            now = time.time()
            if self._screen.printed_at != own_line_at:
                silence = SILENCE
            if now - self._screen.printed_at < silence or self._is_shown() or self.ended:
                continue
            run = self._current_run()
            statuses = {status.host: status for status in run.statuses()} if run else {}
            if line := still_working(dict(self.doing), statuses, now):
                self._screen.say(f"{time.strftime('%H:%M:%S')} {line}")
                own_line_at, silence = self._screen.printed_at, min(2 * silence, LONGEST_SILENCE)
