"""The table `release_target`: verdicts, and the queue. Every write to it stands here, in the caller's transaction."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection

from .priorities import ASKED, BREADTH, DEPTH, FIRST, NEW
from .states import Recency

#: An attempt counts as a try if it has a result, or if its host was lost while the build went on.
TRIED = "(a.state = 'done' OR (a.state = 'lost' AND a.begun_at IS NOT NULL))"

#: A wheel of the fleet serves the row {row} of `release_target`, no rebuild of it is requested, and upstream has not
#: replaced its sdist by another of the same name.
SETTLED_BY_A_WHEEL = """EXISTS (
                SELECT 1 FROM wheel_target s JOIN wheel v ON v.id = s.wheel_id
                LEFT JOIN upstream_file f ON f.id = {row}.sdist_id
                WHERE s.release_id = {row}.release_id AND s.target_id = {row}.target_id AND NOT v.rebuild_requested
                  AND (v.sdist_filename = f.filename AND v.sdist_sha256 <> f.sha256) IS NOT TRUE
            )"""

#: The priority of a row of `release_target`, from the row itself, the look-ups of its project, and the project's wheels
#: for the target's platform.
_PRIORITY = f"""CASE
            WHEN put_first_at IS NOT NULL THEN {FIRST}
            WHEN recency = 'new' THEN {NEW}
            WHEN recency = 'older' THEN {DEPTH}
            ELSE coalesce((
                SELECT CASE {" ".join(f"WHEN u.lookups >= {least} THEN {level}" for least, level in ASKED.items())} END
                FROM release r JOIN project p ON p.id = r.project_id JOIN use_total u ON u.name = p.name
                WHERE r.id = release_target.release_id AND NOT EXISTS (
                    SELECT 1 FROM release o
                    JOIN wheel v ON v.release_id = o.id AND v.removed_at IS NULL
                    JOIN wheel_target s ON s.release_id = v.release_id AND s.wheel_id = v.id
                    JOIN target theirs ON theirs.id = s.target_id
                    JOIN target mine ON mine.platform = theirs.platform
                    WHERE o.project_id = r.project_id AND mine.id = release_target.target_id)
            ), {BREADTH})
        END"""


def is_settled_by_a_wheel(db: sqlite3.Connection, release_id: int, target_id: int) -> bool:
    """Whether a wheel of the fleet serves the target already, as SETTLED_BY_A_WHEEL says."""
    row = db.execute(
        f"""
        SELECT 1 FROM release_target w
        WHERE w.release_id = ? AND w.target_id = ? AND {SETTLED_BY_A_WHEEL.format(row="w")}
        """,
        (release_id, target_id),
    ).fetchone()
    return row is not None


def put_verdict(
    db: sqlite3.Connection,
    key: tuple[int, int],
    verdict: tuple[str, str, int | None],
    predicted_seconds: float,
    recency: Recency = "older",
) -> None:
    """Set verdict, reason and sdist (`upstream_file.id`) of a release on a target; the caller calls `settle` next."""
    db.execute(
        """
        INSERT INTO release_target (release_id, target_id, verdict, reason, sdist_id, predicted_seconds, recency)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (release_id, target_id) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason,
            sdist_id = excluded.sdist_id, predicted_seconds = excluded.predicted_seconds, recency = excluded.recency,
            need = 'none'
        """,
        (*key, *verdict, predicted_seconds, recency),
    )


def put_recency(db: sqlite3.Connection, key: tuple[int, int], recency: Recency) -> None:
    """Set how new a release is on a target; the caller calls `settle` next."""
    db.execute("UPDATE release_target SET recency = ? WHERE release_id = ? AND target_id = ?", (recency, *key))


def put_first(db: sqlite3.Connection, keys: Collection[tuple[int, int]], now: float | None) -> int:
    """Put the builds of releases on targets (their IDs) first at `now` (epoch seconds); with None no longer.

    It holds for each until it leaves the queue: until there is a wheel, or no try is left. What is not in the queue is
    left out; what waits for another target of its release (`need = 'later'`) is first when it comes into the queue.
    Returns how many builds changed.
    """
    changed = db.executemany(
        """
        UPDATE release_target SET put_first_at = :now
        WHERE release_id = :release AND target_id = :target AND need <> 'none'
          AND (put_first_at IS NULL) = (:now IS NOT NULL)
        """,
        [{"now": now, "release": release, "target": target} for release, target in keys],
    ).rowcount
    db.executemany(
        f"UPDATE release_target SET priority = {_PRIORITY} WHERE release_id = ? AND target_id = ? AND need <> 'none'",
        keys,
    )
    return changed


def set_priorities(db: sqlite3.Connection, project: str) -> None:
    """Set the priorities of a project's builds again, because the number of its look-ups changed."""
    db.execute(
        f"""
        UPDATE release_target SET priority = {_PRIORITY}
        WHERE need <> 'none' AND release_id IN (
            SELECT r.id FROM release r JOIN project p ON p.id = r.project_id WHERE p.name = ?)
        """,
        (project,),
    )


def remove(db: sqlite3.Connection, keys: Collection[tuple[int, int]]) -> None:
    """Delete the verdicts of releases on targets."""
    db.executemany("DELETE FROM release_target WHERE release_id = ? AND target_id = ?", keys)


def predict(db: sqlite3.Connection, project_id: int, seconds: float) -> None:
    """Set the measured seconds of one build as the prediction of the project's builds in the queue."""
    db.execute(
        """
        UPDATE release_target SET predicted_seconds = ?
        WHERE need <> 'none' AND release_id IN (SELECT id FROM release WHERE project_id = ?)
        """,
        (seconds, project_id),
    )


def settle(db: sqlite3.Connection, release_id: int, max_attempts: int, now: float | None = None) -> None:
    """Set which targets of a release need a build, after a verdict, a result or a lost lease, and their priority.

    A wheel of the fleet settles every target that can install it. A failure settles the release, the target or nothing,
    by its class. A transient failure is tried again until `max_attempts` attempts were spent on the same sdist. An
    attempt that is tried again with a remedy settles and spends nothing. Until an attempt at the release has ended,
    only its first target is in the queue, because most outcomes are the same on all targets.

    `now` (epoch seconds) is the time at which rows come into the queue; by default this moment.
    """
    db.execute(
        f"""
        UPDATE release_target SET need = CASE
            WHEN verdict <> 'build' THEN 'none'
            WHEN {SETTLED_BY_A_WHEEL.format(row="release_target")} THEN 'none'
            WHEN EXISTS (
                SELECT 1 FROM attempt a JOIN upstream_file f ON f.id = release_target.sdist_id
                WHERE a.release_id = release_target.release_id AND NOT a.superseded AND a.retry_with IS NULL
                  AND a.sdist_filename = f.filename AND a.sdist_sha256 IS f.sha256
                  AND (a.blocks = 'release' OR (a.blocks = 'target' AND a.target_id = release_target.target_id))
            ) THEN 'none'
            WHEN (
                SELECT count(*) FROM attempt a JOIN upstream_file f ON f.id = release_target.sdist_id
                WHERE a.release_id = release_target.release_id AND a.target_id = release_target.target_id
                  AND NOT a.superseded AND a.retry_with IS NULL AND {TRIED} AND a.outcome IS NOT 'built'
                  AND a.sdist_sha256 IS f.sha256
            ) >= :max_attempts THEN 'none'
            WHEN EXISTS (
                SELECT 1 FROM attempt a
                WHERE a.release_id = release_target.release_id AND a.state = 'done' AND a.retry_with IS NULL
            ) THEN 'now'
            WHEN target_id = (
                SELECT w.target_id FROM release_target w JOIN target t ON t.id = w.target_id
                WHERE w.release_id = release_target.release_id AND w.verdict = 'build'
                  AND EXISTS (SELECT 1 FROM builder_target o WHERE o.target_id = w.target_id)
                ORDER BY t.preference, t.id LIMIT 1
            ) THEN 'now'
            ELSE 'later'
        END
        WHERE release_id = :release
        """,
        {"release": release_id, "max_attempts": max_attempts},
    )
    db.execute(
        f"""
        UPDATE release_target SET priority = {_PRIORITY},
            queued_at = CASE need WHEN 'now' THEN coalesce(queued_at, :now) END,
            put_first_at = CASE need WHEN 'none' THEN NULL ELSE put_first_at END
        WHERE release_id = :release AND (need <> 'none' OR queued_at IS NOT NULL OR put_first_at IS NOT NULL)
        """,
        {"release": release_id, "now": time.time() if now is None else now},
    )
