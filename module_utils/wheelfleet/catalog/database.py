"""Opens the catalog: one SQLite file in WAL mode, short IMMEDIATE transactions, an up-to-date schema."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .. import __version__
from . import schema


class CatalogError(Exception):
    """The catalog cannot be used; the message names the reason and the cure."""


class Catalog:
    """An open catalog.

    Readers use `db` directly. Every change happens inside `writing()`, one short IMMEDIATE transaction: the processes
    of a run wait for the lock instead of failing, and a kill leaves all of it or nothing.
    """

    #: Seconds for which a writer waits. Transactions take milliseconds, so a longer wait is a stuck disk or a bug.
    LOCK_SECONDS = 60

    def __init__(self, path: Path | str) -> None:
        """Open the catalog at `path` (or `:memory:`); make or upgrade it if needed. Raises CatalogError."""
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
        self.path = path

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
                schema.upgrade(db, version)
            elif version > schema.VERSION:
                raise CatalogError(
                    f"The catalog has schema {version}, but wheelfleet {__version__} knows only {schema.VERSION}; "
                    "update the checkout (git pull) to at least the version that wrote it."
                )

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
        with Catalog(copy) as catalog:
            yield catalog
