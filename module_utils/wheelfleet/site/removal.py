"""The end of files whose release upstream has deleted: off the pages at once, off the disks after a grace period.

The name of such a file is kept for ever, for a file's name never changes its bytes. Quarantined projects are left
alone: upstream may give them back.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..catalog import wheels


def expire(db: sqlite3.Connection, now: float, grace_seconds: float) -> list[tuple[str, str]]:
    """Mark the wheels whose time is over as removed, in the caller's transaction. Returns (project, file name) of each.

    Their projects are stale then, and the publication takes them from the site.
    """
    rows = db.execute(
        """
        SELECT w.id, w.filename, p.name FROM release r
        JOIN wheel w ON w.release_id = r.id AND w.removed_at IS NULL JOIN project p ON p.id = r.project_id
        WHERE r.gone_at <= ? AND p.state <> 'quarantined' ORDER BY w.id
        """,
        (now - grace_seconds,),
    ).fetchall()
    wheels.mark_removed(db, [row["id"] for row in rows], now)
    return [(row["name"], row["filename"]) for row in rows]


def remove_bytes(files: list[tuple[str, str]], files_dir: Path) -> None:
    """Remove them from the controller's folder, once nothing on the site is made of them."""
    for name, filename in files:
        (files_dir / name / filename).unlink(missing_ok=True)
