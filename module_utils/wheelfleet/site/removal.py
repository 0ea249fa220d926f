"""Removes files whose release upstream has deleted: from the pages at once, from the disk after a grace period.

Their names are kept for ever, because a file name never changes its bytes. Quarantined projects, and young releases
that upstream took from a living project, are left alone, because upstream may restore them.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..catalog import wheels


def expire(db: sqlite3.Connection, now: float, grace_seconds: float) -> list[tuple[str, str]]:
    """Mark the wheels whose grace period is over as removed, in the caller's transaction.

    Times are seconds (`now`: since the epoch). Returns the project and file name of each. Their projects become stale,
    and the publication removes the wheels from the site.
    """
    rows = db.execute(
        """
        SELECT w.id, w.filename, p.name FROM release r
        JOIN wheel w ON w.release_id = r.id AND w.removed_at IS NULL JOIN project p ON p.id = r.project_id
        WHERE r.gone_at <= ? AND p.state <> 'quarantined' AND NOT (r.taken_young AND p.state = 'present')
        ORDER BY w.id
        """,
        (now - grace_seconds,),
    ).fetchall()
    wheels.mark_removed(db, [row["id"] for row in rows], now)
    return [(row["name"], row["filename"]) for row in rows]


def remove_bytes(files: list[tuple[str, str]], files_dir: Path) -> None:
    """Remove expired files from the controller's folder, after the site no longer has them."""
    for name, filename in files:
        (files_dir / name / filename).unlink(missing_ok=True)
