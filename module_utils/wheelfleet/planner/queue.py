"""The queue: every row of `release_target` with need = 'now'. `batches` gives its builds to builders."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..catalog import attempts, wheels
from ..catalog.database import Catalog
from ..catalog.release_targets import TRIED, settle

#: Seconds after which a run that still goes on tries a transient failure again, as the next run would.
SPENT_SECONDS = 3600
#: Attempts of the run :run that leave no further try in it at :now: transient failures, except those to be tried again
#: alone on a host, elsewhere, with a remedy, or after a wait.
SPENT_IN_THIS_RUN = (
    f"a.run = :run AND NOT a.superseded AND {TRIED} "
    "AND a.retry_on IS NULL AND a.retry_with IS NULL AND a.wait_until IS NULL "
    f"AND coalesce(a.finished_at, a.claimed_at) > :now - {SPENT_SECONDS}"
)
#: Transient failures whose wait is not over at :now.
WAITING = "NOT a.superseded AND a.wait_until > :now"


@dataclass(frozen=True)
class Progress:
    """The rest of a run: builds in the queue, their predicted seconds on a normal host, and how many are held."""

    left: int
    seconds_left: float
    held: int


def progress(catalog: Catalog, run: str, now: float | None = None) -> Progress:
    """The builds that are left for the hosts of the run. Reads counters, and what the run tried.

    Builds whose wait is not over at `now` (by default this moment) are left out, because no run stays for them.
    """
    return _progress(catalog.db, run, now)


def seconds_left(db: sqlite3.Connection, run: str, now: float | None = None) -> float:
    """Predicted seconds of a run's builds that are left, held or not, on a normal host."""
    return _progress(db, run, now).seconds_left


def done_by(catalog: Catalog, run: str, host: str) -> tuple[int, int]:
    """The number of builds that the host finished in a run: with a wheel, without one."""
    row = catalog.db.execute(
        """
        SELECT count(*) FILTER (WHERE outcome = 'built') AS built, count(*) FILTER (WHERE outcome <> 'built') AS failed
        FROM attempt WHERE run = ? AND host = ? AND state = 'done'
        """,
        (run, host),
    ).fetchone()
    return row["built"], row["failed"]


def retry_failures(db: sqlite3.Connection, wanted: Sequence[str], max_attempts: int) -> int:
    """Requeue failures by class, by project, or `all`; a named project without failures is built again.

    Returns the number of attempts that were requeued and of wheels to build again.
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
    """Request new builds of a project's wheels in scope; returns how many.

    The wheels stay listed. If a new one has other bytes, it gets the next build tag (admission/naming).
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
            SELECT coalesce(sum(value) FILTER (WHERE kind = 'queue-builds'), 0) AS n,
                   coalesce(sum(value) FILTER (WHERE kind = 'queue-seconds'), 0) AS s FROM counter
            WHERE kind IN ('queue-builds', 'queue-seconds')
              AND key IN (SELECT CAST(target_id AS TEXT) FROM builder_target)
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
