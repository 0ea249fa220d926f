"""The catalog's schema: schema.sql makes a new catalog, the numbered files in migrations/ upgrade an older one."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

#: The number of the newest migration, kept in a catalog's `PRAGMA user_version`.
VERSION = 22
#: The oldest version that the migrations upgrade.
OLDEST = 13

_FOLDER = Path(__file__).parent


def create(db: sqlite3.Connection) -> None:
    """Make a new catalog, in the caller's transaction."""
    for statement in _statements(_schema()):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")


def upgrade(db: sqlite3.Connection, version: int) -> None:
    """Bring a catalog of an older version up to date, in the caller's transaction.

    Triggers hold no data: all are dropped first and made again from schema.sql at the end. So no migration has to
    change triggers, and none fires while rows are moved.
    """
    for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {row[0]}")
    for path in sorted((_FOLDER / "migrations").glob("*.sql")):
        if int(path.name[:4]) > version:
            for statement in _statements(path.read_text(encoding="utf-8")):
                db.execute(statement)
    for statement in _statements(_schema()):
        if re.search("^CREATE TRIGGER", statement, re.MULTILINE):
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")


def _schema() -> str:
    return (_FOLDER / "schema.sql").read_text(encoding="utf-8")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script one by one, because `executescript` would commit the caller's transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
