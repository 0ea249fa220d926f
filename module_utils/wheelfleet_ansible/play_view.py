"""The view of a running play: live on a terminal, else plain lines; and the status file."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from wheelfleet.engine.ansible_workers import killed_children
from wheelfleet.engine.fleet_view import fleet_lines
from wheelfleet.engine.host_status import described
from wheelfleet.engine.terminal import terminal
from wheelfleet.text import printable

from .current_run import CurrentRun
from .screen import Screen
from .status_file import StatusFile

#: Seconds between two drawings.
REDRAW = 0.5
#: Seconds between two plain lines on reading upstream, without a terminal.
PLAIN_LINE = 20.0
#: Seconds between two checks of the status file and of the run's processes.
WATCH = 2.0
#: Most bytes of the flow's log that are read at once.
MOST_READ = 1 << 16

KILLED = (
    "A process of this run was killed, most likely because the controller's memory ran out. The run ends here and the "
    "next one carries on; with less memory set forks lower in ansible.cfg."
)


class PlayView:
    """Threads of the main process that show a play until it ends.

    `is_terminated` returns whether a signal is ending the run and its processes; `error` prints an error.
    """

    def __init__(
        self,
        screen: Screen,
        status_file: StatusFile,
        *,
        is_terminated: Callable[[], bool],
        error: Callable[[str], None],
    ) -> None:
        self.is_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._screen = screen
        self._status_file = status_file
        self._is_terminated = is_terminated
        self._error = error
        #: Why the run is ended in its middle; "" if it is not.
        self.ends_because = ""
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._flow: FlowLines | None = None

    def show_flow(self, log: Path) -> None:
        """Print what the flow of the run writes into its log, while builds are shown and at their end."""
        self._flow = FlowLines(log)

    @property
    def is_shown(self) -> bool:
        """Whether anything is shown now."""
        return bool(self._threads)

    def show_planning(self, run: CurrentRun) -> None:
        """Show the progress of reading upstream."""
        self._start(run, self._redraw if self.is_terminal else self._say_now_and_then)

    def show_builds(self, run: CurrentRun, *, check_mode: bool) -> None:
        """Show the builds; without check mode, in the status file too."""
        self._start(run, *([self._redraw] if self.is_terminal else []), *([] if check_mode else [self._watch]))

    def stop(self) -> None:
        """End the view."""
        if self._threads:
            self._stopping.set()
            for thread in self._threads:
                thread.join()
            self._threads = []
            self._screen.erase()
            terminal.has_live_view = False

    def _start(self, run: CurrentRun, *work: Callable[[CurrentRun], None]) -> None:
        if not work:
            return
        terminal.has_live_view = self.is_terminal
        self._stopping.clear()
        self._threads = [
            threading.Thread(target=each, args=(run,), name="wheelfleet_live", daemon=True) for each in work
        ]
        for thread in self._threads:
            thread.start()

    def _redraw(self, run: CurrentRun) -> None:
        while not self._stopping.wait(REDRAW):
            with contextlib.suppress(OSError, ValueError):
                lines = fleet_lines(run.statuses(), time.time(), shutil.get_terminal_size().columns - 1)
                if not self._stopping.is_set():
                    self._screen.draw(lines)

    def _say_now_and_then(self, run: CurrentRun) -> None:
        while not self._stopping.wait(PLAIN_LINE):
            for status in run.statuses():
                self._screen.say(f"{time.strftime('%H:%M:%S')} {status.host} {described(status)}")

    def _watch(self, run: CurrentRun) -> None:
        """Keep the status file up to date, and end the run if one of its processes is killed."""
        main_process = os.getpid()
        self._status_file.in_use = True
        while not self._stopping.wait(WATCH):
            self._status_file.write(run, ended=False)
            self._say_of_flow()
            # On an interrupt, Ansible and our callback end the processes; Ansible restores its handler first.
            ending = self._is_terminated() or signal.getsignal(signal.SIGINT) == signal.SIG_DFL
            if not ending and killed_children(main_process):
                self.ends_because = KILLED
                self._error(KILLED)
                os.kill(main_process, signal.SIGINT)
                return
        self._say_of_flow()
        self._status_file.write(run, ended=True)

    def _say_of_flow(self) -> None:
        for line in self._flow.new() if self._flow else ():
            self._screen.say(line)


class FlowLines:
    """The lines of a growing file, each once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def new(self) -> list[str]:
        """The whole lines since the last call; none while it cannot be read."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read)
                lines = file.read(MOST_READ).rpartition(b"\n")[0]
        except OSError:
            return []
        self._read += len(lines) + 1 if lines else 0
        return [printable(line) for line in lines.decode(errors="replace").splitlines()]
