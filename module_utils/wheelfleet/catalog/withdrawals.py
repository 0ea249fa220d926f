"""The table `withdrawal`: releases that are not built because an operator withdrew their wheels.

Every write to it stands here, in the caller's transaction.
"""

from __future__ import annotations

import sqlite3


def put(db: sqlite3.Connection, release_id: int, target: str, reason: str, now: float) -> None:
    """Hold the builds of a release for targets with `target` in their names ('': all), or change the reason."""
    db.execute(
        "INSERT INTO withdrawal (release_id, target, reason, at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET reason = excluded.reason",
        (release_id, target, reason, now),
    )


def lift(db: sqlite3.Connection, release_id: int) -> None:
    """Let a release be built again for every target."""
    db.execute("DELETE FROM withdrawal WHERE release_id = ?", (release_id,))


def reason(db: sqlite3.Connection, release_id: int, target: str) -> str | None:
    """Why a release is not built for a target, by its name; None: it was not withdrawn."""
    row = db.execute(
        "SELECT reason FROM withdrawal WHERE release_id = ? AND instr(?, target) ORDER BY target LIMIT 1",
        (release_id, target),
    ).fetchone()
    return None if row is None else str(row["reason"])
