"""The published tree on disk: every file appears whole or not at all, and in the order its readers need.

A publication stages new files in one folder of the site, then renames them into place in the order they were staged.
Removals are renames too. A new folder is renamed as a whole. One `sync` precedes the renames: a rename may reach the
disk before the bytes of its file, and after a power cut the site would serve an empty page of a project that is not
marked stale. It is one sync and not an fsync for each file, because a full publication writes tens of thousands of
files, often to an SD card.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import os
import shutil
import time
import zlib
from pathlib import Path

from .journal import Journal
from .linked_copy import link_or_copy
from .renderer import PublishError

#: Seconds to wait for another publication or a mirror.
LONGEST_WAIT = 900.0

#: Below the site, for files not yet in place. A killed publication leaves files there.
STAGING = ".publishing"
#: gzip's level. A page full of hashes hardly gets smaller: level 6 takes a third longer and saves three per cent.
_COMPRESSION = 3
#: The least bytes of a page that has a compressed twin. A shorter page and its header fit into the ten packets that a
#: server sends before it waits for an answer (RFC 6928), so a twin would bring it no earlier; and a web server that
#: compresses such a page on request needs a tenth of a millisecond for it.
WORTH_COMPRESSION = 13_000


class Tree:
    """The files of one site. The `with` statement locks it: the next publication waits, and raises PublishError after
    LONGEST_WAIT.

    Paths are relative to the site, with `/`. With `dry_run` nothing is written; `changed` lists what would be.
    """

    def __init__(self, root: Path, *, dry_run: bool = False) -> None:
        self.root = root
        self.dry_run = dry_run
        #: The paths written, placed or removed, in order.
        self.changed: list[str] = []
        #: Whether to compare each `.gz` with its page: a killed publication may have left an older page's.
        self.recheck_gz = False
        self._top = str(root)
        self._staging = root / STAGING
        self._has_staging = False
        #: (staged file or folder, its place) in the order of staging; without a staged file, the place is emptied.
        self._staged: list[tuple[str, str]] = []
        #: Staged folders by place: those that the site does not have yet.
        self._new_folders: dict[str, str] = {}
        self._known_folders: set[str] = set()
        #: Staged files by path; with `dry_run` the value is empty.
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
            # The web server's user must be able to read what is published.
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
        """Wait for the lock, but not for ever: the rsync of a killed run may hang."""
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
        """The same tree for another process of this publication, with a staging folder of its own.

        Call `begin` before the process starts, and add the branch's `changed` and `side_changes` to this tree's.
        """
        branch = Tree(self.root, dry_run=self.dry_run)
        branch._staging = self._staging / name
        branch._journal_begun = True
        branch.recheck_gz = self.recheck_gz
        return branch

    def read(self, path: str) -> bytes | None:
        """The bytes of a file, placed or staged; None if there is none."""
        try:
            with open(self._coming.get(path) or f"{self._top}/{path}", "rb") as file:  # noqa: PTH123 - a third of pathlib's time, and often
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def has(self, path: str) -> bool:
        """Whether the file is in place or staged."""
        return path in self._coming or os.path.exists(f"{self._top}/{path}")  # noqa: PTH110

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; empty if there is no folder, or a new one that is still staged."""
        if path in self._new_folders:
            return []
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
        """Stage a file of these bytes, unless it has them already. `quietly`: do not add it to `changed`.

        `compressed`: with a `.gz` beside it that web servers send as it is, if the page is long enough for that. The
        `.gz` comes and goes before the page changes; between the two a reader gets either the old page or the new one.
        """
        worth = compressed and len(data) >= WORTH_COMPRESSION
        if self._is_there(path):
            if compressed and not worth and self.has(f"{path}.gz"):
                self._empty(f"{path}.gz")
            if self.read(path) == data and (not worth or self._is_compressed(path, data)):
                return
        if worth:
            self._write(f"{path}.gz", gzip.compress(data, _COMPRESSION, mtime=0), quietly=True)
            self.side_changes.append(f"{path}.gz")
        self._write(path, data, quietly)

    def place(self, path: str, source: Path) -> None:
        """Stage a file that is kept elsewhere: as a hard link, or as a copy where the file system allows no link."""
        self.changed.append(path)
        self._coming[path] = ""
        if self.dry_run:
            return
        staged = Path(self._stage(path))
        self._coming[path] = str(staged)
        mode = source.stat().st_mode
        if mode & 0o444 != 0o444:
            # It was admitted under a stricter umask.
            source.chmod(mode | 0o444)
        link_or_copy(source, staged)

    def settle(self) -> None:
        """Rename the staged files into place, in the order they were staged."""
        if not self._staged:
            return
        self.begin()
        os.sync()
        for staged, path in self._staged:
            place = f"{self._top}/{path}"
            if not staged:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(place)  # noqa: PTH108
            elif path in self._new_folders:
                _place_folder(staged, place)
            else:
                _outdate(staged, place)
                os.rename(staged, place)  # noqa: PTH104
        self._staged.clear()
        self._coming.clear()
        self._new_folders.clear()

    def sync(self) -> None:
        """Return once everything is on disk, including the renames."""
        if self.changed and not self.dry_run:
            os.sync()

    def remove(self, path: str) -> None:
        """Remove a file with its `.gz`, or a whole folder at once, then the folders above that are empty."""
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
            # First, because a web server would go on sending it.
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

    def _empty(self, path: str) -> None:
        """Stage the removal of a `.gz`."""
        self.side_changes.append(path)
        if not self.dry_run:
            self._staged.append(("", path))

    def _is_compressed(self, path: str, data: bytes) -> bool:
        """Whether the `.gz` beside a page is its own. Its presence is enough unless `recheck_gz` is set."""
        if not self.recheck_gz:
            return self.has(f"{path}.gz")
        try:
            return gzip.decompress(self.read(f"{path}.gz") or b"") == data
        except (OSError, EOFError, zlib.error):
            return False

    def _is_there(self, path: str) -> bool:
        """Whether the file may exist: False in a folder that is new."""
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
        """Mark the journal as unfinished before the first change. Only `branch` needs an explicit call."""
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
    """Rename a new folder into place. If a folder inside it came first, the place exists: then its files are moved."""
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
    """Make a file newer by at least a second than the one that was sent so far: the one it replaces, or for a first
    `.gz` its page.

    nginx makes its ETag of the size and the mtime in whole seconds, and would answer 304 for a page rewritten at once
    with equal size, or for a page that it sent without its `.gz` to who asks by time alone.
    """
    for sent in (old, old.removesuffix(".gz")):
        try:
            least = int(os.stat(sent).st_mtime) + 1  # noqa: PTH116
            break
        except FileNotFoundError:
            pass
    else:
        return
    moment = max(time.time(), least)
    os.utime(new, (moment, moment))
