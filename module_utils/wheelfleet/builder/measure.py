"""Measures the memory of processes and the size of a folder, from `/proc` and the file system."""

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
    """The contents of a folder: bytes on the disk, and number of files and folders."""

    size: int
    entries: int
    #: Whether there are more below, under paths that are too long to open.
    too_deep: bool


class UnnamedFiles(NamedTuple):
    """Bytes of deleted files that processes hold open: on the disk, and in memory (memfd_create(2))."""

    on_disk: int
    in_memory: int


def resident_memory(processes: Iterable[int]) -> int:
    """Bytes of these processes' memory, with shared memory counted for each: cheap to read, and never too low."""
    total = 0
    for process in processes:
        try:
            total += int(Path(f"/proc/{process}/statm").read_bytes().split(None, 2)[1]) * _PAGE
        except (OSError, IndexError):
            continue
    return total


def proportional_memory(processes: Iterable[int]) -> int:
    """Bytes of these processes' memory, with shared memory counted once (PSS); slower to read than `resident_memory`.

    A process whose PSS cannot be read (another user's) counts with its whole resident memory.
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
    """Measure `folder`; a file with several names there counts once in bytes, but each name is an entry."""
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
            # Other errors are normal: the build removes and locks folders during the walk.
            too_deep |= error.errno == errno.ENAMETOOLONG
    return DiskUse(total, entries_seen, too_deep)


def unnamed_files(processes: Iterable[int], folder: Path) -> UnnamedFiles:
    """The files of these processes that neither a walk through `folder` nor `resident_memory` measures."""
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
    """The device numbers of files below the folder.

    overlayfs gives files and folders different ones if its layers are on several file systems (the kernel's
    Documentation/filesystems/overlayfs, "Inode properties").
    """
    devices = {folder.stat().st_dev}
    with suppress(OSError), os.scandir(folder) as entries:
        file = next((entry for entry in entries if entry.is_file(follow_symlinks=False)), None)
        if file is not None:
            devices.add(file.stat(follow_symlinks=False).st_dev)
    return devices


def threads_of_user(user: int) -> int:
    """The number of this user's threads, which the kernel compares with RLIMIT_NPROC."""
    total = 0
    for name in os.listdir("/proc"):  # noqa: PTH208 - names only
        if name.isdigit():
            try:
                if os.stat(f"/proc/{name}").st_uid == user:  # noqa: PTH116 - thousands of them
                    total += len(os.listdir(f"/proc/{name}/task"))  # noqa: PTH208
            except OSError:
                continue
    return total
