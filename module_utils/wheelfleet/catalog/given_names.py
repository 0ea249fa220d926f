"""The table `given_name`: every file name of a wheel ever given, with the hash of its bytes."""

from __future__ import annotations

import sqlite3


def give_name(db: sqlite3.Connection, filename: str, project: str, version: str, sha256: str) -> bool:
    """Give a file name to these bytes forever, in the caller's transaction; False if it belongs to others."""
    db.execute("INSERT OR IGNORE INTO given_name VALUES (?, ?, ?, ?)", (filename, project, version, sha256))
    row = db.execute("SELECT sha256 FROM given_name WHERE filename = ?", (filename,)).fetchone()
    return bool(row["sha256"] == sha256)
