"""Suspension of builders: a builder that fails everything must not use up the queue.

Several failures in a row are chance, or come from the builder (its compiler, its disk, its network). A canary decides:
a release that was built for one of its targets before, or else the small project of `builder/canary`. If the canary
fails, the builder is suspended and its failures since its last wheel are superseded. It gets work again when it has
built a canary.
"""

from __future__ import annotations

import secrets
import sqlite3

from ..catalog import attempts, builders
from ..catalog.database import Catalog
from .batches import PlannedBuild
from .retries import adjustments_of, uploaded_before

#: Failures in a row that make a builder suspect. After a canary twice the failures so far do, until its next wheel.
SUSPECT_AFTER = 3
#: Seconds after `note_canary` or a failure for which the others wait for a builder's canary.
CANARY_SECONDS = 30.0
#: Begins the attempt ID of a canary. No release's ID does, because normalised names have no two dashes in a row.
CANARY = "canary--"
#: Seconds between the canaries of a suspended builder: the first wait doubles each time, up to the longest.
FIRST_CANARY_WAIT, LONGEST_CANARY_WAIT = 30.0, 600.0


def note_outcome(db: sqlite3.Connection, host: str, *, built: bool, now: float) -> None:
    """Count a builder's failures in a row. Failures that a release has on every builder are not passed to this."""
    if built:
        builders.count_success(db, host, SUSPECT_AFTER)
    else:
        builders.count_failure(db, host, now)


def is_suspect(catalog: Catalog, host: str) -> bool:
    """Whether the builder must build a canary before it gets any work."""
    row = catalog.db.execute(
        "SELECT suspended IS NOT NULL OR failures >= suspect_after AS suspect FROM builder WHERE host = ?", (host,)
    ).fetchone()
    return bool(row and row["suspect"])


def has_uncleared_failures(catalog: Catalog, host: str) -> bool:
    """Whether the builder has failures since its last wheel or canary, which may be its own."""
    row = catalog.db.execute(
        "SELECT failures > cleared_failures AS uncleared FROM builder WHERE host = ?", (host,)
    ).fetchone()
    return bool(row and row["uncleared"])


def note_canary(catalog: Catalog, host: str, now: float) -> None:
    """Let the others wait for this builder's canary, because its failures may come back to them."""
    with catalog.writing() as db:
        builders.await_canary(db, host, now)


def others_with_canary(catalog: Catalog, host: str, now: float) -> list[str]:
    """The other builders with a canary to build: their failures may come back to this one."""
    rows = catalog.db.execute(
        "SELECT host FROM builder WHERE host <> ? AND failures > cleared_failures AND canary_since > ? ORDER BY host",
        (host, now - CANARY_SECONDS),
    )
    return [row["host"] for row in rows]


def is_only_builder(catalog: Catalog, host: str) -> bool:
    """Whether the queue has builds that no other trusted builder of the run can do."""
    row = catalog.db.execute(
        """
        SELECT 1 FROM builder_target o
        WHERE o.host = :host AND EXISTS (
            SELECT 1 FROM release_target w WHERE w.need = 'now' AND w.target_id = o.target_id
        ) AND NOT EXISTS (
            SELECT 1 FROM builder_target p JOIN builder b ON b.host = p.host
            WHERE p.target_id = o.target_id AND p.host <> :host AND b.suspended IS NULL)
        LIMIT 1
        """,
        {"host": host},
    ).fetchone()
    return row is not None


def why_suspended(catalog: Catalog, host: str) -> str | None:
    """The reason why the builder is suspended; None if it is not."""
    row = catalog.db.execute("SELECT suspended FROM builder WHERE host = ?", (host,)).fetchone()
    return row["suspended"] if row else None


def canary_for(catalog: Catalog, host: str) -> PlannedBuild | None:
    """The shortest build that gave a wheel for a target of this builder, as a canary; None if there is none."""
    row = catalog.db.execute(
        """
        SELECT p.name, r.version, t.name AS target, o.tools, f.filename, f.url, f.sha256, f.size, f.upload_time,
               a.seconds, a.peak_memory, a.remedies, t.python_version
        FROM attempt a
        JOIN builder_target o ON o.host = ? AND o.target_id = a.target_id
        JOIN release r ON r.id = a.release_id
        JOIN project p ON p.id = r.project_id
        JOIN target t ON t.id = a.target_id
        JOIN upstream_file f ON f.release_id = r.id AND f.filename = a.sdist_filename AND f.sha256 IS a.sdist_sha256
        WHERE a.outcome = 'built' AND a.state = 'done' AND p.state = 'present'
        ORDER BY a.seconds LIMIT 1
        """,
        (host,),
    ).fetchone()
    if row is None:
        return None
    adjustments = adjustments_of(row["remedies"])
    return PlannedBuild(
        attempt=f"{CANARY}{secrets.token_hex(4)}",
        kind="canary",
        position=0.0,
        name=row["name"],
        version=row["version"],
        target=row["target"],
        tools=row["tools"],
        sdist_filename=row["filename"],
        sdist_url=row["url"],
        sdist_sha256=row["sha256"],
        sdist_size=row["size"],
        sdist_upload_time=row["upload_time"],
        predicted_seconds=row["seconds"],
        peak_memory=row["peak_memory"] or 0,
        alone=False,
        adjustments=adjustments,
        uploaded_before=uploaded_before(adjustments, row["upload_time"], row["python_version"]),
    )


def own_canary(name: str, version: str, *, target: str, tools: str) -> PlannedBuild:
    """The canary of `builder/canary`; the builder makes its sdist itself."""
    return PlannedBuild(
        attempt=f"{CANARY}{secrets.token_hex(4)}",
        kind="canary",
        position=0.0,
        name=name,
        version=version,
        target=target,
        tools=tools,
        sdist_filename="",
        sdist_url="",
        sdist_sha256=None,
        sdist_size=None,
        sdist_upload_time=None,
        predicted_seconds=0.0,
        peak_memory=0,
        alone=False,
    )


def any_target(catalog: Catalog, host: str) -> tuple[str, str] | None:
    """The preferred target of the builder and the interpreter that builds for it; None if it offers none."""
    row = catalog.db.execute(
        """
        SELECT t.name, o.tools FROM builder_target o JOIN target t ON t.id = o.target_id WHERE o.host = ?
        ORDER BY t.preference, t.id LIMIT 1
        """,
        (host,),
    ).fetchone()
    return (row["name"], row["tools"]) if row else None


def clear_failures(catalog: Catalog, host: str) -> None:
    """Clear the builder's failures, because it has built its canary; ends its suspension."""
    with catalog.writing() as db:
        builders.clear(db, host)


def suspend(catalog: Catalog, host: str, sentence: str, max_attempts: int) -> int:
    """Suspend the builder, which failed its canary; its failures since its last wheel go back to the queue.

    Returns how many."""
    with catalog.writing() as db:
        builders.suspend(db, host, sentence)
        rows = db.execute(
            """
            SELECT id FROM attempt
            WHERE host = :host AND state = 'done' AND outcome <> 'built' AND NOT superseded AND finished_at > coalesce(
                (SELECT max(finished_at) FROM attempt WHERE host = :host AND outcome = 'built'), 0)
            """,
            {"host": host},
        ).fetchall()
        attempts.requeue(db, [row["id"] for row in rows], max_attempts)
        return len(rows)
