"""A node's disk: its changes over the base tree, on a file system of their own with a size limit."""

from __future__ import annotations

import fcntl
import os
import struct
import time
from pathlib import Path

from tests.lab.processes import LabError, sh

EXT4_IOC_SHUTDOWN = 0x8004587D
WITHOUT_FLUSH = 2


class Disk:
    """An ext4 image in the node's folder; `root` is what the node sees as /.

    It is mounted only in the mount namespace of the node's supervisor; `seen_from` gives its paths to others.
    """

    def __init__(self, folder: Path) -> None:
        self._image = folder / "disk.img"
        self._mount = folder / "mnt"
        self.root = folder / "root"

    def up(self, base: Path, size: str) -> None:
        """Mount it, made first where it is missing. In the supervisor."""
        self._mount.mkdir(exist_ok=True)
        self.root.mkdir(exist_ok=True)
        if not self._image.exists():
            sh("truncate", "-s", size, self._image)
            sh("mkfs.ext4", "-q", "-F", "-m", "0", self._image)
        # Barriers order writes for a real disk that loses its cache; the image's is the machine's page cache, which a
        # node's power cut does not empty.
        sh("mount", "-o", "loop,nobarrier", self._image, self._mount)
        upper, work = self._mount / "up", self._mount / "work"
        upper.mkdir(exist_ok=True)
        work.mkdir(exist_ok=True)
        sh("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={base},upperdir={upper},workdir={work}", self.root)

    def wait_until_free(self) -> None:
        """Return when no mount uses the image any more: it must never be mounted twice."""
        end = time.monotonic() + 10
        while self._image.exists() and sh("losetup", "-j", self._image).strip():
            if time.monotonic() > end:
                raise LabError(f"{self._image} is still in use")
            time.sleep(0.05)

    def wipe(self) -> None:
        """Throw it away; the next start makes a new one."""
        self._image.unlink(missing_ok=True)

    def lose_unsynced_writes(self, supervisor: int) -> None:
        """What a power cut does: whatever was not yet written is gone, and nothing is written any more."""
        folder = os.open(self._seen_from(supervisor), os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(folder)

    def fill(self, supervisor: int, leave: int) -> None:
        """Leave so many bytes free, taking the others where the node sees no file it could delete."""
        mount = self._seen_from(supervisor)
        space = os.statvfs(mount)
        wanted = space.f_bavail * space.f_frsize - leave
        with (mount / "ballast").open("ab") as ballast:
            while wanted > 4096:
                try:
                    os.posix_fallocate(ballast.fileno(), ballast.tell(), wanted)
                    break
                except OSError:
                    wanted -= 1 << 20  # the file system needs some for itself

    def unfill(self, supervisor: int) -> None:
        """Give the space back."""
        (self._seen_from(supervisor) / "ballast").unlink(missing_ok=True)

    def free(self, supervisor: int) -> int:
        """Bytes free."""
        space = os.statvfs(self._seen_from(supervisor))
        return space.f_bavail * space.f_frsize

    def _seen_from(self, supervisor: int) -> Path:
        return Path(f"/proc/{supervisor}/root{self._mount}")
