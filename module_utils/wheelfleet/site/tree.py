"""The published tree on disk: every file appears whole or not at all, and in the order its readers need.

A publication stages new files in one folder of the site, then renames them into place in the order they were staged;
removals are renames too. A folder that is new is renamed as a whole. Before the renames, everything staged is brought
to disk by one `sync`: a rename may reach the disk before the bytes it names, and after a power cut a page of no bytes
would be served whose project nobody believes to be stale. One sync for all, and not an fsync for each file, because a
full rebuild writes tens of thousands of them, often on an SD card.
"""

from __future__ import annotations

import errno
import fcntl
import gzip
import os
import shutil
import time
import zlib
from pathlib import Path

from .journal import Journal
from .renderer import PublishError

#: Seconds for which others who write or mirror the site are waited for.
LONGEST_WAIT = 900.0

#: Below the site, for files not yet in place. What lies there at the start is left from a publication that was killed.
STAGING = ".publishing"
#: A page full of hashes hardly gets smaller after that: level 6 takes a third longer for three per cent.
_COMPRESSION = 3


class Tree:
    """The files of one site. Use it in a `with` statement: one publication at a time, the next one waits.

    Paths are relative to the site, with `/`. With `dry_run` nothing is written, but `changed` says what would be.
    """

    def __init__(self, root: Path, *, dry_run: bool = False) -> None:
        self.root = root
        self.dry_run = dry_run
        #: What was written, placed or removed, in that order.
        self.changed: list[str] = []
        #: Whether to read each `.gz` that is there: after a publication that was killed it may be another page's.
        self.recheck_gz = False
        self._top = str(root)
        self._staging = root / STAGING
        self._has_staging = False
        #: (staged file or folder, its place) in the order of their coming.
        self._staged: list[tuple[str, str]] = []
        #: Staged folders by their place, for folders that the site does not have yet.
        self._new_folders: dict[str, str] = {}
        self._known_folders: set[str] = set()
        #: Where what is not in its place yet is staged; with `dry_run` nowhere.
        self._coming: dict[str, str] = {}
        self._names = iter(range(1 << 62))
        self._lock: int | None = None
        self._journal = Journal(root)
        self._journal_begun = False
        self._umask = -1
        #: Changed paths that are not reported: `.gz` files, and the contents of removed folders.
        self.side_changes: list[str] = []

    def __enter__(self) -> Tree:
        if not self.dry_run:
            # What is published is for everyone to read.
            self._umask = os.umask(0o022)
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
            self._wait_for_the_lock(self._lock)
            shutil.rmtree(self._staging, ignore_errors=True)
            if self._journal.interrupted:
                self.recheck_gz = True
                self.begin()
        return self

    def _wait_for_the_lock(self, lock: int) -> None:
        """Let others end what they do with the site, but not for ever: an rsync of a killed run may hang."""
        until = time.monotonic() + LONGEST_WAIT
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > until:
                    os.close(lock)
                    raise PublishError(
                        f"The site {self.root} has been in use by another publication or mirror, perhaps one that a "
                        f"killed run had started, for {LONGEST_WAIT / 60:.0f} minutes; fuser -v {self.root} names its "
                        "processes. End them, then publish again."
                    ) from None
                time.sleep(0.1)

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if self._lock is not None:
            shutil.rmtree(self._staging, ignore_errors=True)
            try:
                if self._journal_begun and failure is None:
                    self._journal.end([*self.changed, *self.side_changes])
            finally:
                os.close(self._lock)
                os.umask(self._umask)

    def branch(self, name: str) -> Tree:
        """The same tree for another process of this publication, which has to `begin` before it starts any: it stages
        in a folder of its own, and tells what it changed by `changed` and `side_changes`, which the publication has
        to add to its own."""
        branch = Tree(self.root, dry_run=self.dry_run)
        branch._staging = self._staging / name
        branch._journal_begun = True
        branch.recheck_gz = self.recheck_gz
        return branch

    def read(self, path: str) -> bytes | None:
        """A file's bytes, also of one that is still staged; None when there is none."""
        try:
            with open(self._coming.get(path) or f"{self._top}/{path}", "rb") as file:  # noqa: PTH123 - a third of pathlib's time, and often
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def has(self, path: str) -> bool:
        """Whether the file is there, or will be once what was asked for is done."""
        return path in self._coming or os.path.exists(f"{self._top}/{path}")  # noqa: PTH110

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none when there is no folder."""
        try:
            return sorted(os.listdir(f"{self._top}/{path}"))  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return []

    def files_below(self, path: str) -> list[str]:
        """The paths of all files in a folder and its folders, sorted."""
        return sorted(
            f"{path}/{found.relative_to(self.root / path)}"
            for found in (self.root / path).rglob("*")
            if found.is_file()
        )

    def write(self, path: str, data: bytes, *, quietly: bool = False, compressed: bool = False) -> None:
        """Stage a file of these bytes, unless it has them already. `quietly`: not worth telling as a change.

        `compressed`: with a `.gz` beside it that web servers send as it is. It goes first, and a reader who gets the
        one while the other is still old has a page of before or after all the same.
        """
        if self._is_there(path) and self.read(path) == data and (not compressed or self._is_compressed(path, data)):
            return
        if compressed:
            self._write(f"{path}.gz", gzip.compress(data, _COMPRESSION, mtime=0), quietly=True)
            self.side_changes.append(f"{path}.gz")
        self._write(path, data, quietly)

    def place(self, path: str, source: Path) -> None:
        """Stage a file that is kept elsewhere: as a hard link, or as a copy where the file system has none to offer."""
        self.changed.append(path)
        self._coming[path] = ""
        if self.dry_run:
            return
        staged = Path(self._stage(path))
        self._coming[path] = str(staged)
        mode = source.stat().st_mode
        if mode & 0o444 != 0o444:
            # Under whatever umask it was admitted.
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
        self.begin()
        os.sync()
        for staged, path in self._staged:
            place = f"{self._top}/{path}"
            if path in self._new_folders:
                _place_folder(staged, place)
            else:
                _outdate(staged, place)
                os.rename(staged, place)  # noqa: PTH104
        self._staged.clear()
        self._coming.clear()
        self._new_folders.clear()

    def sync(self) -> None:
        """Return when everything is on disk, the renames included."""
        if self.changed and not self.dry_run:
            os.sync()

    def remove(self, path: str) -> None:
        """Remove a file, with the `.gz` beside it, or a whole folder at once, and its folder if that is empty then."""
        place = self.root / path
        if not place.exists():
            return
        self.changed.append(path)
        if self.dry_run:
            return
        self.begin()
        self._known_folders.clear()
        self.side_changes += self.files_below(path) if place.is_dir() else []
        compressed = place.with_name(f"{place.name}.gz")
        if place.is_file() and compressed.exists():
            # First, for a web server would go on sending it.
            compressed.unlink()
            self.side_changes.append(f"{path}.gz")
        rubbish = Path(self._temporary())
        place.rename(rubbish)
        if rubbish.is_dir():
            shutil.rmtree(rubbish)
        else:
            rubbish.unlink()
        folder = place.parent
        while folder != self.root and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent

    def _is_compressed(self, path: str, data: bytes) -> bool:
        """Whether the `.gz` beside a page is its own: that there is one says so, unless nothing is to be believed."""
        if not self.recheck_gz:
            return self.has(f"{path}.gz")
        try:
            return gzip.decompress(self.read(f"{path}.gz") or b"") == data
        except (OSError, EOFError, zlib.error):
            return False

    def _is_there(self, path: str) -> bool:
        """False where the folder is known to be new: nothing in it needs to be looked for."""
        return path.rpartition("/")[0] not in self._new_folders

    def _write(self, path: str, data: bytes, quietly: bool) -> None:
        self._coming[path] = ""
        if not quietly:
            self.changed.append(path)
        if not self.dry_run:
            staged = self._coming[path] = self._stage(path)
            file = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            try:
                written = os.write(file, data)
                while written < len(data):
                    written += os.write(file, data[written:])
            finally:
                os.close(file)

    def begin(self) -> None:
        """Say, before the first change, that the journal will be behind. Called by itself where one process changes."""
        if not self._journal_begun and not self.dry_run:
            self._journal.begin()
            self._journal_begun = True

    def _stage(self, path: str) -> str:
        folder, _, name = path.rpartition("/")
        if folder in self._new_folders:
            return f"{self._new_folders[folder]}/{name}"
        if folder and folder not in self._known_folders:
            if not os.path.isdir(f"{self._top}/{folder}"):  # noqa: PTH112
                staged = self._temporary()
                os.mkdir(staged)  # noqa: PTH102
                self._new_folders[folder] = staged
                self._staged.append((staged, folder))
                return f"{staged}/{name}"
            self._known_folders.add(folder)
        staged = self._temporary()
        self._staged.append((staged, path))
        return staged

    def _temporary(self) -> str:
        if not self._has_staging:
            self._staging.mkdir(parents=True, exist_ok=True)
            self._has_staging = True
        return f"{self._staging}/{next(self._names)}"


def _place_folder(new: str, place: str) -> None:
    """Give a new folder its place; one that is there by now, since a folder in it came first, is filled."""
    try:
        os.rename(new, place)  # noqa: PTH104
    except FileNotFoundError:
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120
        os.rename(new, place)  # noqa: PTH104
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        for name in os.listdir(new):  # noqa: PTH208
            os.rename(f"{new}/{name}", f"{place}/{name}")  # noqa: PTH104


def _outdate(new: str, old: str) -> None:
    """Make a file newer than the one it replaces by a whole second at least: nginx's ETag is made of the mtime in
    whole seconds and the size, so a page rewritten at once with equal size would be answered with 304."""
    try:
        least = int(os.stat(old).st_mtime) + 1  # noqa: PTH116
    except FileNotFoundError:
        return
    moment = max(time.time(), least)
    os.utime(new, (moment, moment))
