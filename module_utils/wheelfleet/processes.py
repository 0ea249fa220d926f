"""Processes and their descendants, and how to end all of them, by Linux's `/proc` and `prctl`.

A process that calls `adopt_orphans` becomes the parent of its orphaned descendants ("child subreaper", prctl(2)), so a
build cannot escape by forking twice or by a session of its own.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

#: Environment variables of each runner and build, by which their processes are found.
HOME_MARK = "WHEELFLEET_HOME"
ATTEMPT_MARK = "WHEELFLEET_ATTEMPT"

#: Seconds to wait until killed processes are gone. One that hangs in the kernel (a dead disk) may take longer.
PATIENCE = 10.0

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PER_LINUX32 = 8
_DEAD = (b"Z", b"X")
_libc = ctypes.CDLL(None, use_errno=True)


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants.

    Emulators of another processor (qemu-user) do not support it. There, the next worker ends left processes by their
    mark (`kill_marked`).
    """
    try:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def die_with_parent(signal_number: int, parent: int) -> None:
    """Make the kernel send this process a signal when its parent `parent` ends, at once if it has ended."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


def see_32bit_machine() -> None:
    """Make the kernel name the 32-bit machine (uname) to this process and its children: personality(2), linux32.

    Sources ask for the machine, and choose code of 64 bits by it. Emulators (qemu-user) ignore it.
    """
    if _libc.personality(ctypes.c_ulong(_PER_LINUX32)) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"personality failed: {os.strerror(error)}")


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}) failed: {os.strerror(error)}")


def descendants() -> list[int]:
    """The process IDs of this process's living descendants; one that is just being started may not be among them."""
    children = _listed_children if _kernel_lists_children() else _children_by_parent().__getitem__
    found: list[int] = []
    ahead = [os.getpid()]
    while ahead:
        family = children(ahead.pop())
        ahead += family
        found += (process for process in family if _state_and_parent(process)[0] not in _DEAD)
    return found


@cache
def _kernel_lists_children() -> bool:
    """Whether `/proc` has the children of each thread (CONFIG_PROC_CHILDREN), as the kernels of distributions do."""
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _listed_children(process: int) -> list[int]:
    """The children of one process: costs nothing for all others of the machine."""
    found: list[int] = []
    # The process, or a thread of it, may end meanwhile.
    with suppress(OSError):
        for task in os.listdir(f"/proc/{process}/task"):  # noqa: PTH208 - names only
            with suppress(OSError), open(f"/proc/{process}/task/{task}/children", "rb") as children:  # noqa: PTH123
                found += map(int, children.read().split())
    return found


def _children_by_parent() -> defaultdict[int, list[int]]:
    children: defaultdict[int, list[int]] = defaultdict(list)
    for process in all_processes():
        children[_state_and_parent(process)[1]].append(process)
    return children


def all_processes() -> Iterator[int]:
    """All process IDs in ascending order, read while iterating."""
    with os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                yield int(entry.name)


def reap(ended: dict[int, int]) -> bool:
    """Add the wait status of each ended child to `ended`, by process ID; False when no child is left."""
    try:
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                return True
            ended[process] = status
    except ChildProcessError:
        return False


def kill_descendants(keep: Collection[int] = ()) -> dict[int, int]:
    """Kill all descendants except those in `keep` and theirs; returns the wait status of each child that ended.

    Call `adopt_orphans` before. Raises TimeoutError when some are left after `PATIENCE`.
    """
    ended: dict[int, int] = {}

    def strike() -> bool:
        # If none is kept, the kernel itself reports when no child is left.
        if not reap(ended) and not keep:
            return False
        struck = _strike(keep)
        return struck or not keep

    _repeat(strike)
    return ended


def marked_processes(home: Path) -> Iterator[int]:
    """The process IDs of this user's living processes with the mark of `home`: runners and builds of any worker.

    The caller and its ancestors are left out.
    """
    mark = f"{HOME_MARK}={home}".encode()
    spared = _ancestors()
    return (process for process in all_processes() if process not in spared and _carries(process, mark))


def kill_marked(home: Path) -> None:
    """Kill the processes that earlier workers of this home left.

    Raises TimeoutError when some are left after `PATIENCE`.
    """
    _repeat(lambda: sum(map(_kill, marked_processes(home))) > 0)


def _carries(process: int, mark: bytes) -> bool:
    folder = Path(f"/proc/{process}")
    try:
        return folder.stat().st_uid == os.getuid() and mark in (folder / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def boot_id() -> str:
    """The ID of this boot of the machine."""
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
        # "PID (NAME) STATE PPID …", and NAME may contain anything.
        with open(f"/proc/{process}/stat", "rb") as file:  # noqa: PTH123 - thousands of them
            state, parent = file.read().rpartition(b")")[2].split(None, 2)[:2]
    except OSError:
        return b"X", 0
    return state, int(parent)


def _strike(keep: Collection[int]) -> bool:
    """Kill the descendants; returns whether one was seen.

    Each is killed as soon as it is seen. Its earlier children have higher IDs and are seen later, so processes that
    fork all the time cannot escape. If IDs have wrapped around, the next pass finds them.
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
    """Kill a process; returns whether it existed."""
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return False
    except PermissionError:
        # It runs as another user now.
        return True
    return True
