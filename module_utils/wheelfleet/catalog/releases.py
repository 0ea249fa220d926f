"""The table `release`. Every write to it stands here, in the caller's transaction; triggers set `gone_at`."""

from __future__ import annotations

import sqlite3


def add(db: sqlite3.Connection, project_id: int, version: str) -> int:
    """Add a release by its normalised version; returns its ID."""
    added = db.execute("INSERT INTO release (project_id, version) VALUES (?, ?)", (project_id, version))
    return int(added.lastrowid or 0)


def take_young(db: sqlite3.Connection, release_id: int, young: bool) -> None:
    """Say of a release that upstream no longer lists whether it was young then."""
    db.execute("UPDATE release SET taken_young = ? WHERE id = ?", (int(young), release_id))


def yank(db: sqlite3.Connection, release_id: int, reason: str | None) -> None:
    """Set the operator's reason to yank all wheels of a release, those to come too; None: they are not yanked."""
    db.execute("UPDATE release SET yanked = ? WHERE id = ?", (reason, release_id))
