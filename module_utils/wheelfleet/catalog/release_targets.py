"""The table `release_target`: verdicts, and the queue. Every write to it stands here, in the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

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


def put_verdict(
    db: sqlite3.Connection, key: tuple[int, int], verdict: tuple[str, str, int | None], predicted_seconds: float
) -> None:
    """Set verdict, reason and sdist (`upstream_file.id`) of a release on a target; the caller calls `settle` next."""
    db.execute(
        """
        INSERT OR REPLACE INTO release_target (release_id, target_id, verdict, reason, sdist_id, predicted_seconds)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
        (*key, *verdict, predicted_seconds),
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


def settle(db: sqlite3.Connection, release_id: int, max_attempts: int) -> None:
    """Set which targets of a release need a build, after a verdict, a result or a lost lease.

    A wheel of the fleet settles every target that can install it. A failure settles the release, the target or nothing,
    by its class. A transient failure is tried again until `max_attempts` attempts were spent on the same sdist. An
    attempt that is tried again with a remedy settles and spends nothing. Until an attempt at the release has ended,
    only its first target is in the queue, because most outcomes are the same on all targets.
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
