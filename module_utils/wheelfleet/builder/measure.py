"""What a family of processes and a folder use now, read from `/proc` and the file system."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")


class DiskUse(NamedTuple):
    """What lies under a folder: bytes on the disk, and how many files and folders."""

    size: int
    entries: int
    #: Whether there is more below, under paths longer than any program can name.
    too_deep: bool


class UnnamedFiles(NamedTuple):
    """Bytes in files without a name that processes hold open: on the disk, and in memory (memfd_create(2))."""

    on_disk: int
    in_memory: int


def resident_memory(processes: Iterable[int]) -> int:
    """Bytes of memory these processes have, memory that they share counted once for each: cheap, never too low."""
    total = 0
    for process in processes:
        try:
            total += int(Path(f"/proc/{process}/statm").read_bytes().split(None, 2)[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


def proportional_memory(processes: Iterable[int]) -> int:
    """Bytes of memory these processes have, shared memory counted once in all (PSS); costlier than the above.

    A process whose share the kernel does not tell (another user's) counts with its whole resident memory.
    """
    total = 0
    for process in processes:
        try:
            rollup = Path(f"/proc/{process}/smaps_rollup").read_bytes()
            total += 1024 * int(rollup.partition(b"\nPss:")[2].split(None, 1)[0])
        except (OSError, IndexError):
            total += resident_memory([process])
    return total


def disk_use(folder: Path) -> DiskUse:
    """What lies under `folder`; a file with several names there counts once, each of the names as an entry."""
    total = 0
    entries_seen = 0
    too_deep = False
    seen: set[tuple[int, int]] = set()
    ahead = [str(folder)]
    while ahead:
        try:
            with os.scandir(ahead.pop()) as entries:
                for entry in entries:
                    entries_seen += 1
                    about = entry.stat(follow_symlinks=False)
                    if about.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
                        if (about.st_dev, about.st_ino) in seen:
                            continue
                        seen.add((about.st_dev, about.st_ino))
                    total += about.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        ahead.append(entry.path)
        except OSError as error:
            # Else the build removes and locks folders while this looks.
            too_deep |= error.errno == errno.ENAMETOOLONG
    return DiskUse(total, entries_seen, too_deep)


def unnamed_files(processes: Iterable[int], folder: Path) -> UnnamedFiles:
    """What these processes keep where neither a walk through `folder` nor their own memory shows it."""
    devices = _devices(folder)
    found: dict[tuple[int, int], int] = {}
    for process in processes:
        descriptors = f"/proc/{process}/fd"
        try:
            names = os.listdir(descriptors)  # noqa: PTH208 - names only
        except OSError:
            continue
        for name in names:
            try:
                about = os.stat(f"{descriptors}/{name}")  # noqa: PTH116 - thousands of them
            except OSError:
                continue
            if not about.st_nlink and stat.S_ISREG(about.st_mode):
                found[about.st_dev, about.st_ino] = about.st_blocks * 512
    on_disk = sum(size for (where, _), size in found.items() if where in devices)
    return UnnamedFiles(on_disk, sum(found.values()) - on_disk)


def _devices(folder: Path) -> set[int]:
    """The devices that files below the folder may state: overlayfs gives files another one than folders where its
    layers are on several file systems (the kernel's Documentation/filesystems/overlayfs, "Inode properties").
    """
    devices = {folder.stat().st_dev}
    with suppress(OSError), os.scandir(folder) as entries:
        file = next((entry for entry in entries if entry.is_file(follow_symlinks=False)), None)
        if file is not None:
            devices.add(file.stat(follow_symlinks=False).st_dev)
    return devices


def threads_of_user(user: int) -> int:
    """How many threads this user has: what the kernel compares with RLIMIT_NPROC."""
    total = 0
    for name in os.listdir("/proc"):  # noqa: PTH208 - names only
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == user:  # noqa: PTH116 - thousands of them
                    total += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
            except OSError:
                continue
    return total
