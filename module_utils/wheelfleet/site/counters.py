"""The catalog's counters, kept by its triggers (catalog/schema.sql)."""

from __future__ import annotations

import sqlite3
from typing import Any


def totals(db: sqlite3.Connection, kind: str) -> dict[str, Any]:
    """The counters of a kind by key; counts are whole numbers, durations seconds."""
    return {row["key"]: row["value"] for row in db.execute("SELECT key, value FROM counter WHERE kind = ?", (kind,))}
