"""Opens the catalog: one SQLite file in WAL mode, short IMMEDIATE transactions, an up-to-date schema."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .. import __version__
from . import schema
from .copies import copy_before_upgrade, remove_older_copies


class CatalogError(Exception):
    """The catalog cannot be used; the message names the reason and the cure."""


class Catalog:
    """An open catalog.

    Readers use `db` directly. Every change happens inside `writing()`, one short IMMEDIATE transaction: the processes
    of a run wait for the lock instead of failing, and a kill leaves all of it or nothing.
    """

    #: Seconds for which a writer waits. Transactions take milliseconds, so a longer wait is a stuck disk or a bug.
    LOCK_SECONDS = 60

    def __init__(self, path: Path | str, *, keep_old: bool = True) -> None:
        """Open the catalog at `path` (or `:memory:`); make or upgrade it if needed. Raises CatalogError.

        Before an upgrade it is copied to a file beside it, unless `keep_old` is false.
        """
        self.path = path
        self._keep_old = keep_old
        try:
            self.db = sqlite3.connect(path, timeout=self.LOCK_SECONDS, isolation_level=None)
            self.db.row_factory = sqlite3.Row
            self.db.execute("PRAGMA foreign_keys = ON")
            self.db.execute("PRAGMA journal_mode = WAL")
            # In WAL mode FULL syncs each commit: a power cut loses no acknowledged result.
            self.db.execute("PRAGMA synchronous = FULL")
            self._bring_up_to_date()
        except sqlite3.DatabaseError as error:
            raise CatalogError(
                f"The catalog {path} cannot be opened ({error}); "
                "check that the disk is not full, that you own the file, or put a copy from a backup in its place."
            ) from error

    def _bring_up_to_date(self) -> None:
        if self._version() == schema.VERSION:
            return
        with self.writing() as db:
            # Read inside the transaction, because two processes may open a new catalog at once.
            version = self._version()
            if version == 0:
                schema.create(db)
            elif version < schema.OLDEST:
                raise CatalogError(
                    f"The catalog has schema {version}, but wheelfleet {__version__} upgrades only from "
                    f"{schema.OLDEST} on; run build.yml once with the last version that wrote schema "
                    f"{schema.OLDEST} (before 0.1.0)."
                )
            elif version < schema.VERSION:
                if self._keep_old:
                    self._copy(version)
                schema.upgrade(db, version)
            elif version > schema.VERSION:
                raise CatalogError(
                    f"The catalog has schema {version}, but wheelfleet {__version__} knows only {schema.VERSION}; "
                    "update the checkout (git pull) to at least the version that wrote it."
                )
        if self._keep_old and schema.OLDEST <= version < schema.VERSION:
            remove_older_copies(Path(self.path), schema.VERSION)

    def _copy(self, version: int) -> None:
        """Keep the catalog as it is, while our transaction keeps other writers out."""
        try:
            copy_before_upgrade(Path(self.path), schema.VERSION)
        except (OSError, sqlite3.Error) as error:
            size = Path(self.path).stat().st_size / 1e6
            raise CatalogError(
                f"The catalog {self.path} stays at schema {version}, because it is copied before it is brought to "
                f"{schema.VERSION}, and the copy cannot be written beside it ({error}); make room for {size:.0f} MB "
                "there, then start again."
            ) from error

    def _version(self) -> int:
        return int(self.db.execute("PRAGMA user_version").fetchone()[0])

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction; an exception undoes all of it."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def close(self) -> None:
        """Close the connection; the last one to close checkpoints the write-ahead log."""
        self.db.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def rehearsal(path: Path) -> Iterator[Catalog]:
    """A temporary copy of the catalog at `path` (or a new one) for check mode. Raises CatalogError.

    It is a copy because a long transaction, undone at its end, would block a run that is at work.
    """
    with tempfile.TemporaryDirectory(prefix="wheelfleet-check-") as folder:
        copy = Path(folder) / "catalog.sqlite"
        if path.is_file():
            try:
                with (
                    closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as original,
                    closing(sqlite3.connect(copy)) as target,
                ):
                    original.backup(target)
            except sqlite3.DatabaseError as error:
                raise CatalogError(f"The catalog {path} cannot be read ({error}).") from error
        with Catalog(copy, keep_old=False) as catalog:
            yield catalog
