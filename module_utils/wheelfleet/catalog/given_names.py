"""Every name that a wheel ever had, with the bytes it stands for."""

from __future__ import annotations

import sqlite3


def give_name(db: sqlite3.Connection, filename: str, project: str, version: str, sha256: str) -> bool:
    """Have a name stand for these bytes for ever, in the caller's transaction; False if it stands for others."""
    db.execute("INSERT OR IGNORE INTO given_name VALUES (?, ?, ?, ?)", (filename, project, version, sha256))
    row = db.execute("SELECT sha256 FROM given_name WHERE filename = ?", (filename,)).fetchone()
    return bool(row["sha256"] == sha256)
