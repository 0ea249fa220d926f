"""A node's disk: its changes over the base tree, on a file system of their own, of limited size."""

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
    """An ext4 image in the node's folder; `root` is the node's /.

    It is mounted only in the mount namespace of the node's supervisor; others reach it by /proc.
    """

    def __init__(self, folder: Path) -> None:
        self._image = folder / "disk.img"
        self._mount = folder / "mnt"
        self.root = folder / "root"

    def up(self, base: Path, size: str) -> None:
        """Mount the image, and make it first if it is missing. Only the supervisor calls this."""
        self._mount.mkdir(exist_ok=True)
        self.root.mkdir(exist_ok=True)
        if not self._image.exists():
            sh("truncate", "-s", size, self._image)
            sh("mkfs.ext4", "-q", "-F", "-m", "0", self._image)
        # Barriers order writes for a disk that may lose its cache. The image's cache is the machine's page cache, which
        # survives a node's power cut.
        sh("mount", "-o", "loop,nobarrier", self._image, self._mount)
        upper, work = self._mount / "up", self._mount / "work"
        upper.mkdir(exist_ok=True)
        work.mkdir(exist_ok=True)
        sh("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={base},upperdir={upper},workdir={work}", self.root)

    def wait_until_free(self) -> None:
        """Wait until no mount uses the image, which must never be mounted twice. Raises LabError."""
        end = time.monotonic() + 10
        while self._image.exists() and sh("losetup", "-j", self._image).strip():
            if time.monotonic() > end:
                raise LabError(f"{self._image} is still in use")
            time.sleep(0.05)

    def wipe(self) -> None:
        """Remove the image; the next start makes a new one."""
        self._image.unlink(missing_ok=True)

    def lose_unsynced_writes(self, supervisor: int) -> None:
        """Lose unwritten data and refuse further writes, like a power cut."""
        folder = os.open(self._seen_from(supervisor), os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_FLUSH))
        finally:
            os.close(folder)

    def fill(self, supervisor: int, leave: int) -> None:
        """Leave `leave` bytes free; the ballast is a file that the node cannot see or delete."""
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
        """Remove the ballast."""
        (self._seen_from(supervisor) / "ballast").unlink(missing_ok=True)

    def free(self, supervisor: int) -> int:
        """The free bytes."""
        space = os.statvfs(self._seen_from(supervisor))
        return space.f_bavail * space.f_frsize

    def _seen_from(self, supervisor: int) -> Path:
        return Path(f"/proc/{supervisor}/root{self._mount}")
