"""The service's watchdog (sd_notify(3)): systemd ends a run that makes no progress any more.

Every process of a run notes its progress by touching one file: the main process at each event of Ansible's, a session
when its builder has answered, the controller's steps as they go on. The main process tells systemd only when the time
of that file, or of a host's status, is another one than when it told last: not a later one, because a clock may be set
back. So neither a thread that lives nor a process that merely waits keeps a hung run alive, and a stopped main process
tells nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping
from pathlib import Path

#: Of systemd: the address of its socket, and the microseconds after which it ends a silent service.
SOCKET, MICROSECONDS = "NOTIFY_SOCKET", "WATCHDOG_USEC"
#: Of ours: the file that is touched. The processes of a run inherit it.
PROGRESS = "WHEELFLEET_PROGRESS"
#: Seconds between two touches by one process.
PAUSE = 1.0
#: The longest time between two looks of the main process, in seconds.
LONGEST_LOOK = 10.0

_touched = -PAUSE


def sd_notify(*assignments: str, address: str | None = None) -> bool:
    """Tell the service manager, such as `READY=1`; returns whether it was told. Without one nothing happens."""
    address = os.environ.get(SOCKET) if address is None else address
    if not address:
        return False
    # An address that begins with @ is abstract (unix(7)).
    where = f"\0{address[1:]}" if address.startswith("@") else address
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        # A manager that does not read must not hold up the run.
        sender.setblocking(False)
        sender.sendto("\n".join(assignments).encode(), where)
        return True
    return False


def note_progress() -> None:
    """Note that this process has just made progress in its run; cheap, and nothing where no watchdog is on."""
    global _touched
    path = os.environ.get(PROGRESS)
    now = time.monotonic()
    if path and now - _touched >= PAUSE:
        _touched = now
        # The run that wants it makes the file; a full disk is told elsewhere.
        with contextlib.suppress(OSError):
            os.utime(path)


class Watchdog:
    """The main process's side. `environ` is that of the process; its children inherit the file's name from it."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self._address = environ.get(SOCKET, "")
        microseconds = environ.get(MICROSECONDS, "")
        seconds = int(microseconds) / 1_000_000 if microseconds.isdigit() else 0.0
        #: Seconds between two calls of `tell`; 0 if systemd watches nothing.
        self.look = min(seconds / 4, LONGEST_LOOK) if self._address else 0.0
        self._watched: list[Path] = []
        self._told: list[int] | None = None

    def ready(self) -> None:
        """Tell systemd that the run has begun; its watchdog counts from now on."""
        if self._address:
            sd_notify("READY=1", address=self._address)

    def watch(self, state_dir: Path) -> None:
        """Watch the progress of the run that has this state folder."""
        if not self.look:
            return
        folder = state_dir / "run"
        self._watched = [folder / "progress", folder / "status"]
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            self._watched[0].touch()
            self._environ[PROGRESS] = str(self._watched[0])

    def tell(self, status: str = "") -> bool:
        """Tell systemd of progress, if there was any since the last time; returns whether there was."""
        progress = self._progress()
        if progress == self._told:
            return False
        self._told = progress
        sd_notify("WATCHDOG=1", *([f"STATUS={status}"] if status else []), address=self._address)
        return True

    def _progress(self) -> list[int]:
        """The times of what was touched last, which change with each progress; none before the lock is taken."""
        times = []
        for path in self._watched:
            # Each status is renamed into its folder, which changes the folder's time.
            with contextlib.suppress(OSError):
                times.append(path.stat().st_mtime_ns)
        return times
