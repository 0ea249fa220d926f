"""Processes and their descendants, and the end of all of them: Linux's `/proc` and `prctl`.

A process that calls `adopt_orphans` is the one to which its descendants' orphans come (a "child subreaper", see
prctl(2)), so that a build cannot leave the family by forking twice or by opening a session of its own.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

#: Environment variables that every runner and every build carries, and by which its processes are known.
HOME_MARK = "WHEELFLEET_HOME"
ATTEMPT_MARK = "WHEELFLEET_ATTEMPT"

#: Seconds to wait for killed processes to be gone. One that hangs in the kernel (a dead disk) may need longer.
PATIENCE = 10.0

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_DEAD = (b"Z", b"X")
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the process to which orphaned descendants come.

    Emulators of another processor (qemu-user) do not know this. There, what a build leaves behind is ended by its mark
    (`kill_marked`) when the next worker begins.
    """
    try:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def die_with_parent(signal_number: int, parent: int) -> None:
    """Have the kernel send this process a signal when its parent `parent` ends. At once if it already has."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}) failed: {os.strerror(error)}")


def descendants() -> list[int]:
    """The living descendants of this process."""
    children: dict[int, list[int]] = {}
    living = set()
    for process in all_processes():
        state, parent = _state_and_parent(process)
        children.setdefault(parent, []).append(process)
        if state not in _DEAD:
            living.add(process)
    found: list[int] = []
    ahead = [os.getpid()]
    while ahead:
        family = children.get(ahead.pop(), ())
        ahead += family
        found += (process for process in family if process in living)
    return found


def all_processes() -> Iterator[int]:
    """Every process id in ascending order, read as it is asked for."""
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                yield int(entry.name)


def reap(ended: dict[int, int]) -> bool:
    """Add the wait status of every child that has ended to `ended`, by process id; False when no child is left."""
    try:
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return True
            ended[process] = status
    except ChildProcessError:
        return False


def kill_descendants(keep: Collection[int] = ()) -> dict[int, int]:
    """End every descendant but those in `keep` and theirs; returns the wait status of each child that ended.

    To be called after `adopt_orphans`. Raises TimeoutError when some are still there after `PATIENCE`.
    """
    ended: dict[int, int] = {}

    def strike() -> bool:
        # Without others to keep, the kernel itself says when nobody is left.
        if not reap(ended) and not keep:
            return False
        struck = _strike(keep)
        return struck or not keep

    _repeat(strike)
    return ended


def marked_processes(home: Path) -> Iterator[int]:
    """This user's living processes that carry the mark of `home`: runners and builds of whichever worker.

    The caller and its ancestors are not among them.
    """
    mark = f"{HOME_MARK}={home}".encode()
    spared = _ancestors()
    return (process for process in all_processes() if process not in spared and _carries(process, mark))


def kill_marked(home: Path) -> None:
    """End what earlier workers of this home have left, and nothing else.

    Raises TimeoutError when some are still there after `PATIENCE`.
    """
    _repeat(lambda: sum(map(_kill, marked_processes(home))) > 0)


def _carries(process: int, mark: bytes) -> bool:
    folder = Path(f"/proc/{process}")
    try:
        return folder.stat().st_uid == os.getuid() and mark in (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def boot_id() -> str:
    """What tells this boot of the machine from every other."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _ancestors() -> set[int]:
    line = {os.getpid()}
    process = os.getppid()
    while process > 1 and process not in line:
        line.add(process)
        process = _state_and_parent(process)[1]
    return line


def _state_and_parent(process: int) -> tuple[bytes, int]:
    try:
        # "PID (NAME) STATE PPID …", and NAME may hold anything.
        state, parent = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split(None, 2)[:2]
    except OSError:
        return b"X", 0
    return state, int(parent)


def _strike(keep: Collection[int]) -> bool:
    """Kill the descendants; whether one was seen.

    Each is killed as soon as it is seen, and so are the children that it forks before, for later processes have higher
    ids: processes that fork all the time, or that live only to fork the next one, cannot outrun this. Where ids have
    begun again from the start, it takes another look.
    """
    family = {os.getpid()}
    struck = False
    for process in all_processes():
        state, parent = _state_and_parent(process)
        if parent in family and process not in keep:
            family.add(process)
            struck = (state not in _DEAD and _kill(process)) or struck
    return struck


def _repeat(strike: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    pause = 0.001
    while strike():
        if time.monotonic() > deadline:
            raise TimeoutError("Some processes of a build do not end although they were killed.")
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def _kill(process: int) -> bool:
    """Whether there was such a process."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It has become another user.
        return True
    return True
