"""The fleet's own wheels for builds whose requirements are as of a date.

uv compares the date with upload times, and on our index these are the times of admission: all wheels of the fleet would
be too new. So of a project that the fleet has wheels of, the version is limited to what upstream had by that date, and
files of any upload time may be taken. To except the whole index instead would let the newest wheel in it win.
"""

from __future__ import annotations

import json
import sqlite3

from packaging.utils import canonicalize_name
from packaging.version import Version

from ..contract.adjustments import NO_ADJUSTMENTS, Adjustments
from .judge import epoch_seconds


def by_version(db: sqlite3.Connection, release_id: int, target_id: int, before: str | None) -> Adjustments:
    """The constraints on projects that the fleet has wheels of for the target, for requirements as of `before`.

    Only projects that were in the environment of the release's last build count: others are not known to be needed.
    """
    moment = epoch_seconds(before)
    if moment is None:
        return NO_ADJUSTMENTS
    newest = {name: _newest(db, name, target_id, moment) for name in _needed(db, release_id, target_id)}
    limits = {name: version for name, version in newest.items() if version is not None}
    return Adjustments(
        constraints=tuple(f"{name}<={version}" for name, version in limits.items()), undated=tuple(limits)
    )


def _needed(db: sqlite3.Connection, release_id: int, target_id: int) -> list[str]:
    row = db.execute(
        """
        SELECT build_requires FROM attempt
        WHERE release_id = ? AND target_id = ? AND coalesce(build_requires, '[]') <> '[]'
        ORDER BY finished_at DESC LIMIT 1
        """,
        (release_id, target_id),
    ).fetchone()
    names = [each["name"] for each in json.loads(row["build_requires"])] if row else []
    return sorted({canonicalize_name(name) for name in names})


def _newest(db: sqlite3.Connection, name: str, target_id: int, moment: float) -> Version | None:
    """The newest final version that upstream had at that moment; None if the fleet has no wheel of one that old."""
    rows = db.execute(
        """
        SELECT r.version, f.upload_time, EXISTS (
            SELECT 1 FROM wheel_target s WHERE s.release_id = r.id AND s.target_id = ?) AS ours
        FROM project p JOIN release r ON r.project_id = p.id JOIN upstream_file f ON f.release_id = r.id
        WHERE p.name = ? AND p.state = 'present'
        """,
        (target_id, name),
    )
    by_then = {}
    for row in rows:
        uploaded, version = epoch_seconds(row["upload_time"]), Version(row["version"])
        if uploaded is not None and uploaded < moment and not version.is_prerelease:
            by_then[version] = bool(row["ours"])
    return max(by_then) if any(by_then.values()) else None
