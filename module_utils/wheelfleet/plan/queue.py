"""The queue and its leases: what still needs a build, who holds it, and how results settle it.

The queue is a question to the catalog (`wanted.need = 'now'`), never a second copy. A batch is claimed under a lease in
one transaction; a result is taken in exactly once, whoever sends it and however late.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from ..catalog.database import Catalog

#: Seconds a batch stays with a host that says nothing. Every poll renews it.
LEASE_SECONDS = 15 * 60.0
#: A batch is never predicted longer than this: results should come in, and work move to idle hosts.
LONGEST_BATCH_SECONDS = 15 * 60.0
#: Nor shorter than this while there is work: handing over has a price.
SHORTEST_BATCH_SECONDS = 20.0
MOST_BUILDS_IN_A_BATCH = 200


@dataclass(frozen=True)
class Assignment:
    """One build of a batch: what the controller knows and the builder needs."""

    attempt: str
    order: int
    name: str
    version: str
    target: str
    tools: str
    sdist_filename: str
    sdist_url: str
    sdist_sha256: str | None
    sdist_size: int | None
    sdist_upload_time: str | None
    predicted_seconds: float


@dataclass(frozen=True)
class Batch:
    """The builds handed to one host in one go. `adopted`: an earlier run or round had claimed it."""

    id: str
    host: str
    assignments: tuple[Assignment, ...]
    adopted: bool


@dataclass(frozen=True)
class Progress:
    """What a run has still to do: builds ready or held, their predicted seconds of work, and how many are held."""

    left: int
    seconds_left: float
    held: int


def settle(db: sqlite3.Connection, release_id: int, tries: int) -> None:
    """Say anew which targets of a release still need a build, after a verdict, a result or a lost lease.

    A wheel of ours settles every target it serves; a failure settles what its class says; what failed by bad luck is
    tried again until `tries` attempts were spent on the same sdist. While nobody has finished an attempt
    at the release, only its first target is in the queue: one try tells most about all of them.
    """
    db.execute(
        """
        UPDATE wanted SET need = CASE
            WHEN verdict <> 'build' THEN 'none'
            WHEN EXISTS (
                SELECT 1 FROM serves s WHERE s.release_id = wanted.release_id AND s.target_id = wanted.target_id
            ) THEN 'none'
            WHEN EXISTS (
                SELECT 1 FROM attempt a JOIN upstream_file f ON f.id = wanted.sdist_id
                WHERE a.release_id = wanted.release_id AND a.state = 'done' AND NOT a.forgiven
                  AND a.sdist_filename = f.filename AND a.sdist_sha256 IS f.sha256
                  AND (a.blocks = 'release' OR (a.blocks = 'target' AND a.target_id = wanted.target_id))
            ) THEN 'none'
            WHEN (
                SELECT count(*) FROM attempt a JOIN upstream_file f ON f.id = wanted.sdist_id
                WHERE a.release_id = wanted.release_id AND a.target_id = wanted.target_id AND NOT a.forgiven
                  AND a.state IN ('done', 'lost') AND a.outcome IS NOT 'built' AND a.sdist_sha256 IS f.sha256
            ) >= :tries THEN 'none'
            WHEN EXISTS (SELECT 1 FROM attempt a WHERE a.release_id = wanted.release_id AND a.state = 'done')
                THEN 'now'
            WHEN target_id = (
                SELECT w.target_id FROM wanted w JOIN target t ON t.id = w.target_id
                WHERE w.release_id = wanted.release_id AND w.verdict = 'build'
                  AND EXISTS (SELECT 1 FROM offer o WHERE o.target_id = w.target_id)
                ORDER BY t.preference, t.id LIMIT 1
            ) THEN 'now'
            ELSE 'later'
        END
        WHERE release_id = :release
        """,
        {"release": release_id, "tries": tries},
    )


def claim(
    catalog: Catalog, *, host: str, run: str, hosts: int, now: float, lease_seconds: float = LEASE_SECONDS
) -> Batch | None:
    """Adopt the batch this host still holds, else claim the next one for it; None when nothing is ready for it."""
    with catalog.writing() as db:
        held = db.execute("SELECT id FROM batch WHERE host = ? AND state = 'open'", (host,)).fetchone()
        if held:
            db.execute("UPDATE batch SET lease_until = ?, run = ? WHERE id = ?", (now + lease_seconds, run, held["id"]))
            # An attempt belongs to the run that takes its result in.
            db.execute("UPDATE attempt SET run = ? WHERE batch_id = ? AND state = 'open'", (run, held["id"]))
            return Batch(held["id"], host, _assignments(db, held["id"]), adopted=True)
        chosen = _choose(db, host, run, hosts)
        if not chosen:
            return None
        batch = secrets.token_hex(6)
        db.execute(
            "INSERT INTO batch (id, host, run, claimed_at, lease_until) VALUES (?, ?, ?, ?, ?)",
            (batch, host, run, now, now + lease_seconds),
        )
        db.executemany(
            """
            INSERT INTO attempt (id, batch_id, run, host, release_id, target_id, sdist_filename, sdist_sha256,
                                 predicted_seconds, claimed_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                (
                    f"{row['name']}-{row['version']}-{secrets.token_hex(4)}", batch, run, host, row["release_id"],
                    row["target_id"], row["filename"], row["sha256"], row["predicted_seconds"], now,
                )
                for row in chosen
            ],
        )  # fmt: skip
        return Batch(batch, host, _assignments(db, batch), adopted=False)


def renew(catalog: Catalog, batch: str, now: float, lease_seconds: float = LEASE_SECONDS) -> bool:
    """Keep a batch; False when it is no longer its holder's."""
    with catalog.writing() as db:
        changed = db.execute(
            "UPDATE batch SET lease_until = ? WHERE id = ? AND state = 'open'", (now + lease_seconds, batch)
        )
        return changed.rowcount == 1


def close_batch(catalog: Catalog, batch: str, tries: int) -> None:
    """End a batch. Attempts of it without a result are lost and go back to the queue."""
    with catalog.writing() as db:
        _end(db, batch, "done", tries)


def release_expired(catalog: Catalog, now: float, tries: int) -> int:
    """Take back every batch whose lease has ended; returns how many builds went back to the queue."""
    with catalog.writing() as db:
        expired = db.execute("SELECT id FROM batch WHERE state = 'open' AND lease_until < ?", (now,)).fetchall()
        return sum(_end(db, row["id"], "lost", tries) for row in expired)


def progress(catalog: Catalog, run: str) -> Progress:
    """What is left for the hosts that are here. Reads the queue's own index, not the catalog."""
    return _progress(catalog.db, run)


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


def forgive(db: sqlite3.Connection, wanted: Sequence[str], tries: int) -> int:
    """Let failures be tried again: by class, by project, or `all`. Returns how many attempts were forgiven."""
    if not wanted:
        return 0
    marks = ",".join("?" * len(wanted))
    rows = db.execute(
        f"""
        SELECT a.id, a.release_id FROM attempt a
        JOIN release r ON r.id = a.release_id JOIN project p ON p.id = r.project_id
        WHERE a.state IN ('done', 'lost') AND a.outcome IS NOT 'built' AND NOT a.forgiven
          AND ('all' IN ({marks}) OR a.class IN ({marks}) OR p.name IN ({marks}))
        """,
        [*wanted, *wanted, *wanted],
    ).fetchall()
    db.executemany("UPDATE attempt SET forgiven = 1 WHERE id = ?", [(row["id"],) for row in rows])
    for release in {row["release_id"] for row in rows}:
        settle(db, release, tries)
    return len(rows)


def _progress(db: sqlite3.Connection, run: str) -> Progress:
    row = db.execute(
        """
        WITH queue AS (
            SELECT count(*) AS n, coalesce(sum(predicted_seconds), 0) AS s FROM wanted
            WHERE need = 'now' AND target_id IN (SELECT target_id FROM offer)
        ), tried AS (
            SELECT count(*) AS n, coalesce(sum(w.predicted_seconds), 0) AS s
            FROM (SELECT DISTINCT release_id, target_id FROM attempt
                  WHERE run = ? AND state = 'done' AND NOT forgiven) a
            JOIN wanted w ON w.release_id = a.release_id AND w.target_id = a.target_id AND w.need = 'now'
            WHERE w.target_id IN (SELECT target_id FROM offer)
        )
        SELECT queue.n - tried.n AS n, queue.s - tried.s AS s,
               (SELECT count(*) FROM attempt WHERE state = 'open') AS held
        FROM queue, tried
        """,
        (run,),
    ).fetchone()
    return Progress(row["n"], max(row["s"], 0.0), row["held"])


# In the queue and not held by anybody; what failed by bad luck in this run waits for the next one.
_UNTRIED_IN_THIS_RUN = """
    WHERE w.need = 'now'
      AND NOT EXISTS (
          SELECT 1 FROM attempt a WHERE a.release_id = w.release_id AND a.target_id = w.target_id
            AND (a.state = 'open' OR (a.state = 'done' AND a.run = :run AND NOT a.forgiven)))
      AND EXISTS (SELECT 1 FROM offer o WHERE o.target_id = w.target_id)
"""


def _choose(db: sqlite3.Connection, host: str, run: str, hosts: int) -> list[sqlite3.Row]:
    """The longest builds first, up to a fair share of what is left: large batches first, smaller towards the end."""
    left = _progress(db, run).seconds_left
    # One host alone shares with nobody; several leave each other something to even out the end with.
    share = min(max(left / (2 * hosts) if hosts > 1 else left, SHORTEST_BATCH_SECONDS), LONGEST_BATCH_SECONDS)
    rows = db.execute(
        f"""
        SELECT w.release_id, w.target_id, w.predicted_seconds, p.name, r.version, f.filename, f.sha256
        FROM wanted w
        JOIN release r ON r.id = w.release_id
        JOIN project p ON p.id = r.project_id
        JOIN upstream_file f ON f.id = w.sdist_id
        {_UNTRIED_IN_THIS_RUN}
          AND w.target_id IN (SELECT target_id FROM offer WHERE host = :host)
        ORDER BY w.predicted_seconds DESC, w.release_id, w.target_id
        LIMIT {MOST_BUILDS_IN_A_BATCH}
        """,
        {"host": host, "run": run},
    )
    chosen: list[sqlite3.Row] = []
    seconds = 0.0
    for row in rows:
        if chosen and seconds + row["predicted_seconds"] > share:
            break
        chosen.append(row)
        seconds += row["predicted_seconds"]
    return chosen


def _assignments(db: sqlite3.Connection, batch: str) -> tuple[Assignment, ...]:
    rows = db.execute(
        """
        SELECT a.id, p.name, r.version, t.name AS target, o.tools, a.sdist_filename, f.url, a.sdist_sha256, f.size,
               f.upload_time, a.predicted_seconds
        FROM attempt a
        JOIN release r ON r.id = a.release_id
        JOIN project p ON p.id = r.project_id
        JOIN target t ON t.id = a.target_id
        LEFT JOIN offer o ON o.host = a.host AND o.target_id = a.target_id
        LEFT JOIN upstream_file f ON f.release_id = a.release_id AND f.filename = a.sdist_filename
        WHERE a.batch_id = ? AND a.state = 'open'
        ORDER BY a.predicted_seconds DESC, a.id
        """,
        (batch,),
    )
    return tuple(
        Assignment(
            attempt=row["id"],
            order=order,
            name=row["name"],
            version=row["version"],
            target=row["target"],
            tools=row["tools"] or "",
            sdist_filename=row["sdist_filename"],
            sdist_url=row["url"] or "",
            sdist_sha256=row["sdist_sha256"],
            sdist_size=row["size"],
            sdist_upload_time=row["upload_time"],
            predicted_seconds=row["predicted_seconds"],
        )
        for order, row in enumerate(rows)
    )


def _end(db: sqlite3.Connection, batch: str, state: str, tries: int) -> int:
    ended = db.execute("UPDATE batch SET state = ? WHERE id = ? AND state = 'open'", (state, batch))
    if not ended.rowcount:
        return 0
    open_attempts = db.execute(
        "SELECT id, release_id FROM attempt WHERE batch_id = ? AND state = 'open'", (batch,)
    ).fetchall()
    db.execute("UPDATE attempt SET state = 'lost' WHERE batch_id = ? AND state = 'open'", (batch,))
    for release in {row["release_id"] for row in open_attempts}:
        settle(db, release, tries)
    return len(open_attempts)
