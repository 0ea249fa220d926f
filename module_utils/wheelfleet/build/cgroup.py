"""A control group that bounds the processes of one command, where the kernel knows no other bound.

RLIMIT_NPROC bounds every user's processes but root's, and a fork bomb of root's makes thousands in the time between two
looks at it. Root may make control groups, so there the kernel counts them. Others may not, and need not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Where the kernel's groups are: of version 2, and the pids controller of version 1.
_V2 = Path("/sys/fs/cgroup")
_V1 = Path("/sys/fs/cgroup/pids")
_NAME = "wheelfleet-"


class Group:
    """A control group."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def join(self) -> None:
        """Put this process into it, and so all that it will start."""
        (self.folder / "cgroup.procs").write_text("0", encoding="ascii")

    def refused(self) -> bool:
        """Whether the kernel has refused it a process."""
        try:
            return int((self.folder / "pids.events").read_bytes().split()[1]) > 0
        except (OSError, ValueError, IndexError):
            return False


@contextmanager
def bounded_processes(most: int) -> Iterator[Group | None]:
    """A new group with room for `most` processes and threads; None where there is none.

    At the end the group goes, whose processes must have ended.
    """
    folder = _new_group(most) if os.getuid() == 0 else None
    try:
        yield None if folder is None else Group(folder)
    finally:
        if folder is not None:
            with suppress(OSError):
                folder.rmdir()


def _new_group(most: int) -> Path | None:
    for root in (_V1, _V2):
        if not (root / "cgroup.procs").is_file():
            continue
        _sweep(root)
        folder = root / f"{_NAME}{os.getpid()}"
        try:
            folder.mkdir(exist_ok=True)
            (folder / "pids.max").write_text(f"{most}\n", encoding="ascii")
        except OSError:
            # Not ours to make, as in many containers; or this controller is not switched on here.
            with suppress(OSError):
                folder.rmdir()
            continue
        return folder
    return None


def _sweep(root: Path) -> None:
    """Remove what killed supervisors have left."""
    for folder in root.glob(f"{_NAME}*"):
        # One that is empty may be another supervisor's, which is about to fill it.
        if not Path("/proc", folder.name[len(_NAME) :]).exists():
            with suppress(OSError):
                folder.rmdir()
