"""Opening the catalog: one SQLite file in WAL mode, short IMMEDIATE transactions, numbered migrations."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from .migrations import MIGRATIONS


class CatalogError(Exception):
    """The catalog cannot be used; the message says why and what to do."""


class Catalog:
    """An open catalog.

    Readers use `db` directly. Every change happens inside `writing()`: one short IMMEDIATE transaction, so that
    the fleet's many workers queue for the lock instead of failing on it, and a kill leaves all or nothing.
    """

    #: Seconds a writer waits for the others; transactions are milliseconds, so this is a wedged disk or a bug.
    LOCK_SECONDS = 60

    def __init__(self, path: Path | str) -> None:
        """Open the catalog at `path` (`:memory:` works), creating or migrating it. Raises CatalogError."""
        try:
            self.db = sqlite3.connect(path, timeout=self.LOCK_SECONDS, isolation_level=None)
            self.db.row_factory = sqlite3.Row
            self.db.execute("PRAGMA foreign_keys = ON")
            self.db.execute("PRAGMA journal_mode = WAL")
            # In WAL mode FULL syncs each commit: a power cut loses no acknowledged result.
            self.db.execute("PRAGMA synchronous = FULL")
            self._migrate()
        except sqlite3.DatabaseError as error:
            raise CatalogError(
                f"The catalog {path} cannot be opened ({error}); "
                "check that the disk is not full, that you own the file, or put a copy from a backup in its place."
            ) from error
        self.path = path

    def _migrate(self) -> None:
        (have,) = self.db.execute("PRAGMA user_version").fetchone()
        if have > len(MIGRATIONS):
            raise CatalogError(
                f"The catalog has schema {have}, but this wheelfleet knows only {len(MIGRATIONS)}; "
                "update the checkout (git pull) to at least the version that wrote it."
            )
        while have < len(MIGRATIONS):
            with self.writing() as db:
                # Asked again inside the transaction: two processes may open a new catalog at once.
                (have,) = db.execute("PRAGMA user_version").fetchone()
                if have < len(MIGRATIONS):
                    for statement in _statements(MIGRATIONS[have]):
                        db.execute(statement)
                    have += 1
                    db.execute(f"PRAGMA user_version = {have}")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is kept, or on an exception nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def close(self) -> None:
        """Close the connection; the last one to close folds the write-ahead log into the file."""
        self.db.close()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def rehearsal(path: Path) -> Iterator[Catalog]:
    """A copy of the catalog at `path` (or a new one), gone afterwards: check mode changes it and keeps nothing.

    A long transaction undone at its end would do as well, but hold up every run at work meanwhile. Raises CatalogError.
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


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit the transaction it is run in."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
