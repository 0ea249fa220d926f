"""The journal of the site's changes, so that bringing a web node up to date costs no more than the change.

Every publication that changes something gets a number, and each path remembers the last one that touched it. Whether a
path was written or removed need not be noted: the site says so.

The journal lies in the site it speaks of, not in the catalog: a catalog put back from a backup, or a site rendered
again, could otherwise pass for an older state of this one, and a node would miss what came between.
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
    """One state of one site: where it is the same, the files are."""

    journal: str
    number: int


class Journal:
    """The journal of the site at `site`. One publication at a time writes it (tree.py sees to that).

    Where it cannot be written, OSError is raised, as for any other file of the site.
    """

    def __init__(self, site: Path) -> None:
        self.path = site / JOURNAL

    def begin(self) -> None:
        """Say, before anything is changed, that more will be on disk than is noted here.

        Where the last publication said so and never ended, nobody knows what it did: a new journal begins, and every
        node compares everything once.
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
        """Note what the publication changed; all of it is on disk."""
        changed = list(paths)
        with self._open() as db:
            db.execute("BEGIN")
            (number,) = db.execute(
                "UPDATE journal SET number = number + (? > 0 OR number = 0), finished = 1 RETURNING number",
                (len(changed),),
            ).fetchone()
            # Nobody can be at a state before the first, so nobody will ask what led to it.
            if number > 1:
                db.executemany("INSERT OR REPLACE INTO changed VALUES (?, ?)", ((path, number) for path in changed))
            db.execute("COMMIT")

    def position(self) -> Position | None:
        """The state the site is in; None while a publication is at work, after one that was killed, and without one."""
        row = self._ask("SELECT id, number FROM journal WHERE finished", ())
        return Position(str(row[0][0]), int(row[0][1])) if row else None

    def changed_since(self, position: Position | None) -> list[str] | None:
        """The paths that changed since then, sorted; None where that is not known."""
        here = self.position()
        if here is None or position is None or here.journal != position.journal or here.number < position.number:
            return None
        rows = self._ask("SELECT path FROM changed WHERE number > ? ORDER BY path", (position.number,))
        return None if rows is None else [path for (path,) in rows]

    @property
    def interrupted(self) -> bool:
        """Whether a publication began and did not end."""
        return self.path.exists() and self.position() is None

    def _ask(self, question: str, values: tuple[object, ...]) -> list[tuple[Any, ...]] | None:
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
