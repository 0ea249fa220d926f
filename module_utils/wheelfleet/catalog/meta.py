"""The table `meta`: single facts about the whole catalog, by name."""

from __future__ import annotations

import sqlite3


def get_meta(db: sqlite3.Connection, key: str) -> str | None:
    """The fact, or None if it is not set."""
    row = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return str(row["value"]) if row else None


def set_meta(db: sqlite3.Connection, key: str, value: str | None) -> None:
    """Set the fact; None removes it."""
    if value is None:
        db.execute("DELETE FROM meta WHERE key = ?", (key,))
    else:
        db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))
