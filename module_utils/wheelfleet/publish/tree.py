"""The published tree on disk: every file appears whole or not at all, and in the order its readers need.

A publication stages new files in one folder of the site, then renames them into place in the order they were staged;
removals are renames too. Before the renames, everything staged is brought to disk by one `sync`: a rename may reach
the disk before the bytes it names, and after a power cut a page of no bytes would be served whose project nobody
believes to be stale. One sync for all, and not an fsync for each file, because a full rebuild writes
tens of thousands of them, often on an SD card.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import time
from pathlib import Path

from .journal import Journal

#: Below the site, for files not yet in place. What lies there at the start is left from a publication that was killed.
STAGING = ".publishing"


class Tree:
    """The files of one site. Use it in a `with` statement: one publication at a time, the next one waits.

    Paths are relative to the site, with `/`. With `dry_run` nothing is written, but `changed` says what would be.
    """

    def __init__(self, root: Path, *, dry_run: bool = False) -> None:
        self.root = root
        self.dry_run = dry_run
        #: What was written, placed or removed, in that order.
        self.changed: list[str] = []
        self._staging = root / STAGING
        self._staged: list[tuple[Path, str]] = []
        self._coming: set[str] = set()
        self._names = iter(range(1 << 62))
        self._lock: int | None = None
        self._journal = Journal(root)
        self._journal_begun = False
        #: What lay in folders that were removed at once.
        self._removed_with_folders: list[str] = []

    def __enter__(self) -> Tree:
        if not self.dry_run:
            _make_folder(self.root)
            self._lock = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            shutil.rmtree(self._staging, ignore_errors=True)
            if self._journal.interrupted:
                self._begin_journal()
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if self._lock is not None:
            shutil.rmtree(self._staging, ignore_errors=True)
            try:
                if self._journal_begun and failure is None:
                    self._journal.end([*self.changed, *self._removed_with_folders])
            finally:
                os.close(self._lock)

    def read(self, path: str) -> bytes | None:
        """A file's bytes; None when there is none."""
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None

    def has(self, path: str) -> bool:
        """Whether the file is there, or will be once what was asked for is done."""
        return path in self._coming or (self.root / path).exists()

    def size(self, path: str) -> int | None:
        """A file's size in bytes; None when there is none."""
        try:
            return (self.root / path).stat().st_size
        except FileNotFoundError:
            return None

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none when there is no folder."""
        try:
            return sorted(entry.name for entry in (self.root / path).iterdir())
        except FileNotFoundError:
            return []

    def write(self, path: str, data: bytes, *, quietly: bool = False) -> None:
        """Stage a file of these bytes, unless it has them already. `quietly`: not worth telling as a change."""
        if self.read(path) == data:
            return
        self._coming.add(path)
        if not quietly:
            self.changed.append(path)
        if not self.dry_run:
            staged = self._stage(path)
            staged.write_bytes(data)
            staged.chmod(0o644)

    def place(self, path: str, source: Path) -> None:
        """Stage a file that is kept elsewhere: as a hard link, or as a copy where the file system has none to offer."""
        self.changed.append(path)
        self._coming.add(path)
        if self.dry_run:
            return
        staged = self._stage(path)
        # What is published is for everyone to read, whatever umask it was admitted under.
        mode = source.stat().st_mode
        if mode & 0o444 != 0o444:
            source.chmod(mode | 0o444)
        try:
            staged.hardlink_to(source)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            shutil.copy2(source, staged)

    def settle(self) -> None:
        """Bring what is staged to its places, in the order it was staged."""
        if not self._staged:
            return
        self._begin_journal()
        os.sync()
        for staged, path in self._staged:
            place = self.root / path
            _make_folder(place.parent)
            _outdate(staged, place)
            staged.replace(place)
        self._staged.clear()

    def sync(self) -> None:
        """Return when everything is on disk, the renames included."""
        if self.changed and not self.dry_run:
            os.sync()

    def remove(self, path: str) -> None:
        """Remove a file or a whole folder at once, and its folder if that is empty then."""
        place = self.root / path
        if not place.exists():
            return
        self.changed.append(path)
        if self.dry_run:
            return
        self._begin_journal()
        self._removed_with_folders += [f"{path}/{name}" for name in self.names(path)] if place.is_dir() else []
        rubbish = self._temporary()
        place.rename(rubbish)
        if rubbish.is_dir():
            shutil.rmtree(rubbish)
        else:
            rubbish.unlink()
        if not any(place.parent.iterdir()):
            place.parent.rmdir()

    def _begin_journal(self) -> None:
        if not self._journal_begun:
            self._journal.begin()
            self._journal_begun = True

    def _stage(self, path: str) -> Path:
        staged = self._temporary()
        self._staged.append((staged, path))
        return staged

    def _temporary(self) -> Path:
        self._staging.mkdir(exist_ok=True)
        return self._staging / str(next(self._names))


def _make_folder(folder: Path) -> None:
    """Make a folder that web servers may enter, whatever the umask."""
    missing = [folder] if not folder.exists() else []
    while missing and not missing[-1].parent.exists():
        missing.append(missing[-1].parent)
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        each.chmod(0o755)


def _outdate(new: Path, old: Path) -> None:
    """Make a file newer than the one it replaces by a whole second at least: nginx's ETag is made of the mtime in
    whole seconds and the size, so a page rewritten at once with equal size would be answered with 304."""
    try:
        least = int(old.stat().st_mtime) + 1
    except FileNotFoundError:
        return
    moment = max(time.time(), least)
    os.utime(new, (moment, moment))
