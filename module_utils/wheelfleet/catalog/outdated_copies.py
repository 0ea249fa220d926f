"""The table `outdated_copy`: wheels that carry a copy of a library of which their builders have a newer version.

Every write to it stands here, in the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

#: The condition on a wheel `w`: clients of some target get it, and no later one of its release.
GIVEN_TO_CLIENTS = """
    w.removed_at IS NULL AND w.withdrawn_at IS NULL AND EXISTS (
        SELECT 1 FROM wheel_target s WHERE s.wheel_id = w.id AND NOT EXISTS (
            SELECT 1 FROM wheel_target o
            WHERE o.release_id = s.release_id AND o.target_id = s.target_id AND o.wheel_id > s.wheel_id))
    """


@dataclass(frozen=True)
class OutdatedCopy:
    """A wheel's copy of a library's package, and the newer version that `host` has; `since` in epoch seconds."""

    wheel_id: int
    package: str
    copied: str
    available: str
    host: str
    since: float
    filename: str = ""
    project: str = ""
    version: str = ""
    #: Whether a rebuild was ordered because of that newer version.
    ordered: bool = False


def outdated_copies(db: sqlite3.Connection, most: int | None = None) -> list[OutdatedCopy]:
    """The copies in wheels that clients still get, by package, project and file name."""
    rows = db.execute(
        f"""
        SELECT c.*, w.filename, p.name AS project, r.version FROM outdated_copy c JOIN wheel w ON w.id = c.wheel_id
        JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id
        WHERE {GIVEN_TO_CLIENTS} ORDER BY c.package, p.name, w.filename LIMIT ?
        """,
        (-1 if most is None else most,),
    )
    return [
        OutdatedCopy(
            row["wheel_id"],
            row["package"],
            row["copied"],
            row["available"],
            row["host"],
            row["since"],
            row["filename"],
            row["project"],
            row["version"],
            row["ordered"] == row["available"],
        )
        for row in rows
    ]


def replace_all(db: sqlite3.Connection, found: Iterable[OutdatedCopy]) -> list[OutdatedCopy]:
    """Set the rows to what was found; returns those that are new, or newer than what was known.

    A row that stays keeps its time, and the rebuild that was ordered.
    """
    known = {
        (row["wheel_id"], row["package"]): (row["copied"], row["available"], row["host"])
        for row in db.execute("SELECT * FROM outdated_copy")
    }
    wanted = {(each.wheel_id, each.package): each for each in found}
    for key in known.keys() - wanted.keys():
        db.execute("DELETE FROM outdated_copy WHERE wheel_id = ? AND package = ?", key)
    new = []
    for key, each in wanted.items():
        if known.get(key) == (each.copied, each.available, each.host):
            continue
        if key not in known or known[key][1] != each.available:
            new.append(each)
        db.execute(
            """
            INSERT INTO outdated_copy (wheel_id, package, copied, available, host, since) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET
                copied = excluded.copied, available = excluded.available, host = excluded.host,
                since = iif(available = excluded.available, since, excluded.since)
            """,
            (each.wheel_id, each.package, each.copied, each.available, each.host, each.since),
        )
    return new


def mark_ordered(db: sqlite3.Connection, filename: str) -> None:
    """Set that a rebuild was ordered because of the newer versions that are known now."""
    db.execute(
        "UPDATE outdated_copy SET ordered = available WHERE wheel_id = (SELECT id FROM wheel WHERE filename = ?)",
        (filename,),
    )
