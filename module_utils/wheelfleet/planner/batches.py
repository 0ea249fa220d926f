"""Who builds what: batches under leases, topped up before a host runs dry, taken back from slow and silent ones.

A result is taken in exactly once, whoever sends it and however late; an attempt that nobody has begun is no attempt and
leaves no trace when it goes back.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from ..catalog import attempts, builders
from ..catalog.database import Catalog
from ..catalog.release_targets import SETTLED_BY_A_WHEEL, TRIED, settle
from ..contract.adjustments import NO_ADJUSTMENTS, Adjustments
from ..contract.assignment import Kind
from ..failure_classes import FAILURE_CLASSES
from . import sizing
from .choice import choose_builds, host_load, known_speed, rest_of_queue
from .retries import adjustments_of, begin_with, uploaded_before

#: Seconds a batch stays with a host that says nothing. Looks at the host renew it.
LEASE_SECONDS = 15 * 60.0
#: Seconds for which the word of an idle host holds that it could take work over from others.
IDLE_SECONDS = 10.0
#: So often may a release take its builder down on one target before that counts as its own doing.
MOST_HOSTS_DOWN = 2


@dataclass(frozen=True)
class PlannedBuild:
    """One build for one host: what the catalog knows of it. The assignment is made of this and the run's options."""

    attempt: str
    kind: Kind
    #: Lower is built first.
    order: float
    name: str
    version: str
    target: str
    tools: str
    sdist_filename: str
    sdist_url: str
    sdist_sha256: str | None
    sdist_size: int | None
    sdist_upload_time: str | None
    #: On this host.
    predicted_seconds: float
    #: The most memory that a build of the project was seen to use on the target, in bytes; 0: never built.
    peak_memory: int
    #: Nothing else may run on the host at the same time.
    alone: bool
    #: What it differs in from other builds, and until when build requirements count, if that is a part of it.
    adjustments: Adjustments = NO_ADJUSTMENTS
    uploaded_before: str | None = None


@dataclass(frozen=True)
class Held:
    """Everything a host has to build now, longest first; `new` of it was claimed just now, the rest before."""

    host: str
    builds: tuple[PlannedBuild, ...]
    new: int


def claim(
    catalog: Catalog,
    *,
    host: str,
    run: str,
    now: float,
    top_up: bool = True,
    leave_to_faster: bool = True,
    lease_seconds: float = LEASE_SECONDS,
) -> Held | None:
    """Adopt what this host holds and, with `top_up`, add from the queue if it would run dry; None when there is nothing
    for it. What faster hosts would have done sooner is left to them, unless `leave_to_faster` is false.
    """
    with catalog.writing() as db:
        db.execute(
            "UPDATE batch SET lease_until = ?, run = ? WHERE host = ? AND state = 'open'",
            (now + lease_seconds, run, host),
        )
        attempts.adopt(db, host, run)
        chosen: list[sqlite3.Row] = []
        if top_up:
            load = host_load(db, host, now)
            if load.speed != known_speed(db, host):
                builders.set_speed(db, host, load.speed)
            if sizing.is_low(load):
                chosen = choose_builds(db, host, run, load, now, leave_to_faster=leave_to_faster)
        if chosen:
            _open_batch(db, host, run, chosen, now=now, lease_seconds=lease_seconds, speed=load.speed)
        builds = _planned_builds(db, host)
        return Held(host, builds, len(chosen)) if builds else None


def is_low(catalog: Catalog, host: str, now: float) -> bool:
    """Whether the host would run dry if it were not given more about now."""
    return sizing.is_low(host_load(catalog.db, host, now))


def renew(catalog: Catalog, host: str, now: float, lease_seconds: float = LEASE_SECONDS) -> bool:
    """Keep what the host holds; False when it holds nothing any more."""
    with catalog.writing() as db:
        changed = db.execute(
            "UPDATE batch SET lease_until = ? WHERE host = ? AND state = 'open'", (now + lease_seconds, host)
        )
        return changed.rowcount > 0


def begin(catalog: Catalog, ids: Collection[str], now: float) -> None:
    """Note that builds were seen going on."""
    with catalog.writing() as db:
        attempts.begin(db, ids, now)


def close_finished(catalog: Catalog, host: str) -> None:
    """End the host's batches that have a result for every attempt."""
    with catalog.writing() as db:
        db.execute(
            """
            UPDATE batch SET state = 'done' WHERE host = ? AND state = 'open'
              AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.batch_id = batch.id AND a.state = 'open')
            """,
            (host,),
        )


def reclaim_host(catalog: Catalog, host: str, now: float, max_attempts: int) -> int:
    """Take back all that a host holds, which is lost to this run and offers nothing any more; returns how many."""
    with catalog.writing() as db:
        builders.remove_targets(db, host)
        return _release(db, "host = ?", host, now, max_attempts)


def expire_leases(catalog: Catalog, now: float, max_attempts: int) -> int:
    """Take back every batch whose lease has ended; returns how many builds went back to the queue."""
    with catalog.writing() as db:
        return _release(db, "lease_until < ?", now, now, max_attempts)


def reclaim_absent(
    catalog: Catalog,
    *,
    inventory: Collection[str],
    here: Collection[str],
    silent: Collection[str],
    now: float,
    max_attempts: int,
) -> dict[str, int]:
    """Take back what hosts hold that take no part in this run; how many builds of which host.

    A host may have gone down over what it was building, if it is silent or was taken out of the inventory; one that
    the run was only not asked to visit (`--limit`) goes on with it. Should it deliver after all, its results are
    welcome while nobody else has one.
    """
    with catalog.writing() as db:
        rows = db.execute(
            "SELECT host, count(*) AS builds FROM attempt WHERE state = 'open' GROUP BY host ORDER BY host"
        ).fetchall()
        returned = {row["host"]: row["builds"] for row in rows if row["host"] not in here}
        for host in returned:
            if host in inventory and host not in silent:
                attempts.unbegin(db, host, f"{host} had it, and took no part in the next run.")
            _release(db, "host = ?", host, now, max_attempts)
        return returned


def reclaim_unstarted(catalog: Catalog, host: str, max_attempts: int) -> int:
    """Give what a silent host has not begun, as far as known, to the others; returns how many builds.

    Should the host have begun one all the same, its result is welcome while nobody else has one.
    """
    with catalog.writing() as db:
        rows = db.execute(
            "SELECT id, release_id FROM attempt WHERE host = ? AND state = 'open' AND begun_at IS NULL", (host,)
        ).fetchall()
        attempts.lose(db, [row["id"] for row in rows])
        for release in {row["release_id"] for row in rows}:
            settle(db, release, max_attempts)
        return len(rows)


def return_unstarted(catalog: Catalog, ids: Collection[str], max_attempts: int) -> int:
    """Forget attempts that their builder withdrew without having begun them; returns how many builds went back."""
    with catalog.writing() as db:
        return sum(attempts.withdraw(db, each, max_attempts) for each in ids)


def mark_idle(catalog: Catalog, host: str, now: float) -> None:
    """Let the others know that this host is idle and the queue has nothing for it."""
    with catalog.writing() as db:
        builders.mark_idle(db, host, now)


@dataclass(frozen=True)
class WorkToReturn:
    """What a host should give back of its work, by attempt; `idle`: because others have nothing to do, else because the
    host will begin it much later than was meant when it was given."""

    attempts: tuple[str, ...] = ()
    idle: bool = False


def work_to_return(catalog: Catalog, host: str, run: str, now: float) -> WorkToReturn:
    """What of this host's work not yet begun should go back to the queue: what idle hosts could begin at once, and
    what it will begin much later than was meant, because it is slower than was predicted. Nothing that no other host
    here builds for."""
    db = catalog.db
    waiting = db.execute(
        """
        SELECT id,
               EXISTS (SELECT 1 FROM builder_target o JOIN builder b ON b.host = o.host
                       WHERE o.target_id = attempt.target_id AND o.host <> :host AND b.idle_since > :since) AS asked,
               EXISTS (SELECT 1 FROM builder_target o JOIN builder b ON b.host = o.host
                       WHERE o.target_id = attempt.target_id AND o.host <> :host AND b.suspended IS NULL) AS shared
        FROM attempt WHERE host = :host AND state = 'open' AND begun_at IS NULL
        ORDER BY predicted_normal DESC, id
        """,
        {"host": host, "since": now - IDLE_SECONDS},
    ).fetchall()
    if not waiting:
        return WorkToReturn()
    idle = any(row["asked"] for row in waiting)
    kept = sizing.keep(host_load(db, host, now), rest_of_queue(db, run), others_idle=idle)
    return WorkToReturn(tuple(row["id"] for row in waiting[kept:] if row["asked" if idle else "shared"]), idle)


def settled_meanwhile(catalog: Catalog, host: str) -> list[str]:
    """What of this host's work not yet begun is needed no more: another build gave a wheel that serves its target."""
    rows = catalog.db.execute(
        f"""
        SELECT a.id FROM attempt a JOIN release_target w ON w.release_id = a.release_id AND w.target_id = a.target_id
        WHERE a.host = ? AND a.state = 'open' AND a.begun_at IS NULL AND {SETTLED_BY_A_WHEEL.format(row="w")}
        """,
        (host,),
    )
    return [row["id"] for row in rows]


def begun(catalog: Catalog, host: str) -> dict[str, float]:
    """The attempts that were seen being built on the host, and since when."""
    rows = catalog.db.execute(
        "SELECT id, begun_at FROM attempt WHERE host = ? AND state = 'open' AND begun_at IS NOT NULL", (host,)
    )
    return {row["id"]: row["begun_at"] for row in rows}


def open_attempts(catalog: Catalog, host: str) -> dict[str, bool]:
    """The attempts that the host holds: id, and whether it was seen being built."""
    rows = catalog.db.execute("SELECT id, begun_at FROM attempt WHERE host = ? AND state = 'open'", (host,))
    return {row["id"]: row["begun_at"] is not None for row in rows}


def others_build(catalog: Catalog, host: str) -> bool:
    """Whether other hosts still hold builds, which may come back and be this host's when it is fit again."""
    row = catalog.db.execute("SELECT 1 FROM attempt WHERE state = 'open' AND host <> ? LIMIT 1", (host,)).fetchone()
    return row is not None


def held_by_others(catalog: Catalog, host: str, now: float) -> list[tuple[str, int, float]]:
    """The other hosts that hold builds: which, how many, and in how many seconds these come back if it says nothing."""
    rows = catalog.db.execute(
        """
        SELECT b.host, count(*) AS builds, max(b.lease_until) AS until FROM batch b JOIN attempt a ON a.batch_id = b.id
        WHERE a.state = 'open' AND b.state = 'open' AND b.host <> ? GROUP BY b.host ORDER BY b.host
        """,
        (host,),
    )
    return [(row["host"], row["builds"], row["until"] - now) for row in rows]


def _open_batch(
    db: sqlite3.Connection,
    host: str,
    run: str,
    chosen: list[sqlite3.Row],
    *,
    now: float,
    lease_seconds: float,
    speed: float,
) -> None:
    batch = secrets.token_hex(6)
    begins = [begin_with(db, row["release_id"], row["target_id"], row["sha256"]) for row in chosen]
    db.execute(
        "INSERT INTO batch (id, host, run, claimed_at, lease_until) VALUES (?, ?, ?, ?, ?)",
        (batch, host, run, now, now + lease_seconds),
    )
    attempts.open_all(
        db,
        [
            {
                "id": f"{row['name']}-{row['version']}-{secrets.token_hex(4)}",
                "batch_id": batch,
                "run": run,
                "host": host,
                "release_id": row["release_id"],
                "target_id": row["target_id"],
                "sdist_filename": row["filename"],
                "sdist_sha256": row["sha256"],
                "predicted_normal": row["predicted_seconds"],
                "predicted_seconds": row["predicted_seconds"] / speed,
                "claimed_at": now,
                "alone": row["alone"] or any(entry["change"].get("alone") for entry in remedies),
                "remedies": json.dumps(remedies) if remedies else None,
            }
            for row, remedies in zip(chosen, begins)
        ],
    )


def planned_again(db: sqlite3.Connection, attempt: str, host: str) -> PlannedBuild | None:
    """What `host` would be given to build the same that was built in an attempt, wherever that was."""
    return next(iter(_planned_builds(db, host, again=attempt)), None)


def _planned_builds(db: sqlite3.Connection, host: str, again: str | None = None) -> tuple[PlannedBuild, ...]:
    which = "a.host = :host AND a.state = 'open'" if again is None else "a.id = :again"
    rows = db.execute(
        f"""
        SELECT a.id, p.name, r.version, t.name AS target, o.tools, a.sdist_filename, f.url, a.sdist_sha256, f.size,
               f.upload_time, a.predicted_seconds, a.predicted_normal, a.alone, a.remedies, t.python_version,
               (SELECT max(b.peak_memory) FROM attempt b JOIN release s ON s.id = b.release_id
                WHERE s.project_id = r.project_id AND b.target_id = a.target_id AND b.state = 'done') AS peak_memory
        FROM attempt a
        JOIN release r ON r.id = a.release_id
        JOIN project p ON p.id = r.project_id
        JOIN target t ON t.id = a.target_id
        LEFT JOIN builder_target o ON o.host = :host AND o.target_id = a.target_id
        LEFT JOIN upstream_file f ON f.release_id = a.release_id AND f.filename = a.sdist_filename
        WHERE {which}
        ORDER BY a.predicted_normal DESC, a.id
        """,
        {"host": host, "again": again},
    ).fetchall()
    adjustments = {row["id"]: adjustments_of(row["remedies"]) for row in rows}
    return tuple(
        PlannedBuild(
            attempt=row["id"],
            kind="build" if again is None else "rebuild",
            order=-row["predicted_normal"],
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
            peak_memory=row["peak_memory"] or 0,
            alone=bool(row["alone"]),
            adjustments=adjustments[row["id"]],
            uploaded_before=uploaded_before(adjustments[row["id"]], row["upload_time"], row["python_version"]),
        )
        for row in rows
    )


def _release(db: sqlite3.Connection, which: str, value: str | float, now: float, max_attempts: int) -> int:
    """End open batches as lost. Builds that were going on may have taken their host down and are tried elsewhere."""
    batches = [row["id"] for row in db.execute(f"SELECT id FROM batch WHERE state = 'open' AND {which}", (value,))]
    returned = 0
    for batch in batches:
        db.execute("UPDATE batch SET state = 'lost' WHERE id = ?", (batch,))
        rows = db.execute(
            "SELECT id, release_id, begun_at FROM attempt WHERE batch_id = ? AND state = 'open'", (batch,)
        ).fetchall()
        attempts.lose(db, [row["id"] for row in rows])
        for row in rows:
            if row["begun_at"] is not None:
                note_host_down(db, row["id"], now)
        for release in {row["release_id"] for row in rows}:
            settle(db, release, max_attempts)
        returned += len(rows)
    return returned


def note_host_down(db: sqlite3.Connection, attempt: str, now: float) -> bool:
    """The attempt's builder went down, or silent for good, while it was going on. The first time it is tried elsewhere;
    the last time it counts as the package's own doing, which this returns."""
    (downs,) = db.execute(
        f"""
        SELECT count(*) FROM attempt a JOIN attempt this ON this.id = ?
        WHERE a.release_id = this.release_id AND a.target_id = this.target_id AND a.sdist_sha256 IS this.sdist_sha256
          AND NOT a.superseded AND {TRIED} AND (a.id = this.id OR a.retry_on = 'elsewhere')
        """,
        (attempt,),
    ).fetchone()
    if downs < MOST_HOSTS_DOWN:
        attempts.retry_elsewhere(db, attempt)
        return False
    sentence = f"Its builder went down while it was being built, {downs} times out of {downs}."
    attempts.fail_lost(db, attempt, sentence, FAILURE_CLASSES["host-lost"].advice, now)
    return True
