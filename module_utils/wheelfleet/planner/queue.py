"""The queue: every row of `release_target` with need = 'now'. `batches` knows which builder holds what of it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..catalog import attempts, wheels
from ..catalog.database import Catalog
from ..catalog.release_targets import TRIED, settle

#: Tried in the run :run and not to be tried again in it: whatever failed by bad luck waits for the next run, but
#: for what may go better `alone` on its host, `elsewhere` or with a remedy, and for what waited long enough.
SPENT_IN_THIS_RUN = (
    f"a.run = :run AND NOT a.superseded AND {TRIED} "
    "AND a.retry_on IS NULL AND a.retry_with IS NULL AND a.wait_until IS NULL"
)
#: Failed by bad luck, and its wait is not over at :now.
WAITING = "NOT a.superseded AND a.wait_until > :now"


@dataclass(frozen=True)
class Progress:
    """What a run has still to do: builds ready or held, their predicted seconds of work, and how many are held."""

    left: int
    seconds_left: float
    held: int


def progress(catalog: Catalog, run: str, now: float | None = None) -> Progress:
    """What is left for the hosts that are here. Reads the queue's own index, not the catalog.

    What waits for its next try, by `now` (this moment, if it is not given), is not left: no run stays for it.
    """
    return _progress(catalog.db, run, now)


def seconds_left(db: sqlite3.Connection, run: str, now: float | None = None) -> float:
    """Predicted seconds of what is left for a run, on a normal host; held by somebody or not."""
    return _progress(db, run, now).seconds_left


def done_by(catalog: Catalog, run: str, host: str) -> tuple[int, int]:
    """How many builds the host has finished in a run: those that gave a wheel, and those that did not."""
    row = catalog.db.execute(
        """
        SELECT count(*) FILTER (WHERE outcome = 'built') AS built, count(*) FILTER (WHERE outcome <> 'built') AS failed
        FROM attempt WHERE run = ? AND host = ? AND state = 'done'
        """,
        (run, host),
    ).fetchone()
    return row["built"], row["failed"]


def retry_failures(db: sqlite3.Connection, wanted: Sequence[str], max_attempts: int) -> int:
    """Let failures be tried again: by class, by project, or `all`; of a named project without failures what is built is
    built again. Returns how many attempts, or builds, these are.
    """
    if not wanted:
        return 0
    marks = ",".join("?" * len(wanted))
    rows = db.execute(
        f"""
        SELECT a.id, p.name FROM attempt a
        JOIN release r ON r.id = a.release_id JOIN project p ON p.id = r.project_id
        WHERE a.state IN ('done', 'lost') AND a.outcome IS NOT 'built' AND NOT a.superseded
          AND ('all' IN ({marks}) OR a.failure_class IN ({marks}) OR p.name IN ({marks}))
        """,
        [*wanted, *wanted, *wanted],
    ).fetchall()
    attempts.requeue(db, [row["id"] for row in rows], max_attempts)
    failed = {row["name"] for row in rows}
    return len(rows) + sum(_rebuild(db, word, max_attempts) for word in dict.fromkeys(wanted) if word not in failed)


def _rebuild(db: sqlite3.Connection, project: str, max_attempts: int) -> int:
    """Have what is built of a project built again, as far as it is in scope; returns how many builds that are.

    The wheels stay listed. Where the new ones have other bytes, they get the next build tag (admission/naming.py).
    """
    rows = db.execute(
        """
        SELECT DISTINCT s.wheel_id, w.release_id FROM project p JOIN release r ON r.project_id = p.id
        JOIN release_target w ON w.release_id = r.id AND w.verdict = 'build'
        JOIN wheel_target s ON s.release_id = w.release_id AND s.target_id = w.target_id WHERE p.name = ?
        """,
        (project,),
    ).fetchall()
    wheels.request_rebuild(db, [row["wheel_id"] for row in rows])
    for release in {row["release_id"] for row in rows}:
        settle(db, release, max_attempts)
    return len(rows)


def _progress(db: sqlite3.Connection, run: str, now: float | None) -> Progress:
    row = db.execute(
        f"""
        WITH queue AS (
            SELECT count(*) AS n, coalesce(sum(predicted_seconds), 0) AS s FROM release_target
            WHERE need = 'now' AND target_id IN (SELECT target_id FROM builder_target)
        ), tried AS (
            SELECT count(*) AS n, coalesce(sum(w.predicted_seconds), 0) AS s
            FROM (SELECT DISTINCT a.release_id, a.target_id FROM attempt a
                  WHERE {SPENT_IN_THIS_RUN} AND a.outcome IS NOT 'built'
                  UNION SELECT a.release_id, a.target_id FROM attempt a WHERE {WAITING}) a
            JOIN release_target w ON w.release_id = a.release_id AND w.target_id = a.target_id AND w.need = 'now'
            WHERE w.target_id IN (SELECT target_id FROM builder_target)
        )
        SELECT queue.n - tried.n AS n, queue.s - tried.s AS s,
               (SELECT count(*) FROM attempt WHERE state = 'open') AS held
        FROM queue, tried
        """,
        {"run": run, "now": time.time() if now is None else now},
    ).fetchone()
    return Progress(row["n"], max(row["s"], 0.0), row["held"])
