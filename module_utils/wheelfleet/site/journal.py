"""The journal of the site's changes, so that bringing a web node up to date costs no more than the change.

Every publication that changes something gets a number, and each path has the number of the last one that touched it.
The journal need not record whether a path was written or removed, because the site shows it.

The journal lies in the site, not in the catalog. Otherwise a catalog from a backup, or a site that is rendered again,
could have the number of another state, and a node would miss changes.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Below the site; hidden files are not mirrored.
JOURNAL = ".wheelfleet-journal.sqlite"

_SCHEMA = """
    CREATE TABLE journal (id TEXT NOT NULL, number INTEGER NOT NULL, finished INTEGER NOT NULL);
    CREATE TABLE changed (path TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX changed_number ON changed (number);
"""


@dataclass(frozen=True)
class Position:
    """One state of one site: equal positions mean equal files."""

    journal: str
    number: int


class Journal:
    """The journal of the site at `site`. One publication at a time writes it (the lock in tree.py).

    Raises OSError if it cannot be written.
    """

    def __init__(self, site: Path) -> None:
        self.path = site / JOURNAL

    def begin(self) -> None:
        """Mark the journal as unfinished, before the site changes.

        If the last publication never ended, its changes are unknown. Then a new journal begins, and every node compares
        everything once.
        """
        if self.position() is None:
            for path in (self.path, self.path.with_name(f"{JOURNAL}-journal")):
                path.unlink(missing_ok=True)
            with self._open() as db:
                db.executescript(_SCHEMA)
                db.execute("INSERT INTO journal VALUES (?, 0, 0)", (secrets.token_hex(8),))
            self.path.chmod(0o644)
        else:
            with self._open() as db:
                db.execute("UPDATE journal SET finished = 0")

    def end(self, paths: Iterable[str]) -> None:
        """Record the paths that the publication changed, all of them on disk."""
        changed = list(paths)
        with self._open() as db:
            db.execute("BEGIN")
            (number,) = db.execute(
                "UPDATE journal SET number = number + (? > 0 OR number = 0), finished = 1 RETURNING number",
                (len(changed),),
            ).fetchone()
            # No node can have a state before the first, so the changes of the first are never read.
            if number > 1:
                db.executemany("INSERT OR REPLACE INTO changed VALUES (?, ?)", ((path, number) for path in changed))
            db.execute("COMMIT")

    def position(self) -> Position | None:
        """The state the site is in; None while a publication is at work, after one that was killed, and without one."""
        row = self._query("SELECT id, number FROM journal WHERE finished", ())
        return Position(str(row[0][0]), int(row[0][1])) if row else None

    def changed_since(self, position: Position | None) -> list[str] | None:
        """The paths that changed since a position, sorted; None if unknown."""
        here = self.position()
        if here is None or position is None or here.journal != position.journal or here.number < position.number:
            return None
        rows = self._query("SELECT path FROM changed WHERE number > ? ORDER BY path", (position.number,))
        return None if rows is None else [path for (path,) in rows]

    @property
    def interrupted(self) -> bool:
        """Whether a publication began and did not end."""
        return self.path.exists() and self.position() is None

    def _query(self, question: str, values: tuple[object, ...]) -> list[tuple[Any, ...]] | None:
        """The answer; None when there is no journal, or a damaged one."""
        if not self.path.exists():
            return None
        try:
            with self._open() as db:
                return db.execute(question, values).fetchall()
        except OSError:
            return None

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=60, isolation_level=None)) as db:
                yield db
        except sqlite3.Error as error:
            raise OSError(f"{self.path}: {error}") from error
