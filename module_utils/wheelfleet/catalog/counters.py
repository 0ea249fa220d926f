"""The table `counter`, which triggers update (schema.sql). Every other write to it stands here."""

from __future__ import annotations

import sqlite3
from typing import Any


def totals(db: sqlite3.Connection, kind: str) -> dict[str, Any]:
    """The counters of a kind, by key; durations are in seconds."""
    return {row["key"]: row["value"] for row in db.execute("SELECT key, value FROM counter WHERE kind = ?", (kind,))}


def put(db: sqlite3.Connection, kind: str, key: str, value: float) -> None:
    """Set a counter, as a repair does."""
    db.execute(
        "INSERT INTO counter (kind, key, value) VALUES (?, ?, ?) "
        "ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value",
        (kind, key, value),
    )


def add(db: sqlite3.Connection, kind: str, key: str, value: float) -> None:
    """Add to a counter."""
    db.execute(
        "INSERT INTO counter (kind, key, value) VALUES (?, ?, ?) "
        "ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value",
        (kind, key, value),
    )


def count_up_to(db: sqlite3.Connection, kind: str, key: str, most: int) -> bool:
    """Add one to a counter unless it has reached `most`; returns whether it was added."""
    added = db.execute(
        """
        INSERT INTO counter (kind, key, value) VALUES (?, ?, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + 1 WHERE value < ?
        """,
        (kind, key, most),
    )
    return added.rowcount == 1
