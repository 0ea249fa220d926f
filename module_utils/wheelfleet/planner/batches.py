"""Batches: builds leased to builders, topped up before a host runs dry, reclaimed from silent hosts.

A result is taken in exactly once, from any host and however late. An attempt that was not begun does not count when its
build goes back to the queue.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

from ..catalog import attempts, builders, priorities
from ..catalog.database import Catalog
from ..catalog.release_targets import TRIED, settle
from ..contract.adjustments import NO_ADJUSTMENTS, Adjustments
from ..contract.assignment import Kind
from ..control import builds, orders
from ..failure_classes import FAILURE_CLASSES
from . import sizing
from .choice import Choice, Chosen, host_load, is_anything_urgent, known_speed
from .dated_requirements import by_version
from .retries import adjustments_of, begin_with, uploaded_before

#: Seconds for which a batch stays with a silent host. Polls of the host renew the lease.
LEASE_SECONDS = 15 * 60.0
#: Seconds for which builds that go on at the end of a run stay with their host, because the next run may be tomorrow's.
LEFT_SECONDS = 48 * 3600.0
#: More than the seconds of any build: the distance between the positions of two priorities.
_FAR = 1e8
#: A release fails for good on a target after its builds there took this many builders down.
MOST_HOSTS_DOWN = 2


@dataclass(frozen=True)
class PlannedBuild:
    """One build for one host, from the catalog. `engine/assignments` makes an assignment of it."""

    attempt: str
    kind: Kind
    #: Lower is built first.
    position: float
    name: str
    version: str
    target: str
    tools: str
    sdist_filename: str
    sdist_url: str
    sdist_sha256: str | None
    sdist_size: int | None
    sdist_upload_time: str | None
    predicted_seconds: float  # on this host
    #: Bytes: the highest memory use of a build of the project on the target; 0: never built.
    peak_memory: int
    #: Nothing else may run on the host at the same time.
    alone: bool
    #: `uploaded_before`: the time up to which build requirements are chosen; None if the adjustments set none.
    adjustments: Adjustments = NO_ADJUSTMENTS
    uploaded_before: str | None = None


@dataclass(frozen=True)
class HostWork:
    """All builds that a host holds, in their order; `new` is the number of those that this claim added."""

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
    end_at: float | None = None,
) -> HostWork | None:
    """Renew what this host has and, with `top_up`, add builds from the queue if it would run dry and no operator holds
    it; None if it then has nothing. With `leave_to_faster` it leaves builds that faster hosts would finish sooner.

    What is urgent is added too if the host can begin it before what it holds. No build is added that would end after
    `end_at` (epoch seconds).
    """
    with catalog.writing() as db:
        db.execute(
            "UPDATE batch SET lease_until = ?, run = ? WHERE host = ? AND state = 'open'",
            (now + lease_seconds, run, host),
        )
        attempts.adopt(db, host, run)
        chosen: list[Chosen] = []
        if top_up:
            load = host_load(db, host, now, end_at=end_at)
            if load.speed != known_speed(db, host):
                builders.set_speed(db, host, load.speed)
            choice: Choice | None = None
            if orders.hold_on(db, host) is not None:
                pass
            elif sizing.is_low(load):
                choice = Choice(db, host, run, load, now, leave_to_faster=leave_to_faster)
                chosen = choice.next_builds()
            elif choice := _urgent_choice(db, host, run, now, end_at):
                chosen = choice.urgent_builds()
            if choice and chosen:
                builders.set_passed_over(db, host, choice.passed_over(chosen))
        if chosen:
            _open_batch(db, host, run, chosen, now=now, lease_seconds=lease_seconds, speed=load.speed)
        builds = _planned_builds(db, host)
        return HostWork(host, builds, len(chosen)) if builds else None


def wants_more(catalog: Catalog, host: str, run: str, now: float, end_at: float | None = None) -> bool:
    """Whether the host would run dry without a top-up now, or can begin something urgent before what it holds."""
    db = catalog.db
    if sizing.is_low(host_load(db, host, now)):
        return True
    choice = _urgent_choice(db, host, run, now, end_at)
    return choice is not None and bool(choice.urgent_builds())


def _urgent_choice(db: sqlite3.Connection, host: str, run: str, now: float, end_at: float | None) -> Choice | None:
    """The choice of urgent builds; None if there are none, which each poll of each host asks."""
    if not is_anything_urgent(db, host):
        return None
    return Choice(db, host, run, host_load(db, host, now, most=max(priorities.URGENT), end_at=end_at), now)


def renew(catalog: Catalog, host: str, now: float, lease_seconds: float = LEASE_SECONDS) -> bool:
    """Renew the leases of the host; False if it holds no batch any more."""
    with catalog.writing() as db:
        changed = db.execute(
            "UPDATE batch SET lease_until = ? WHERE host = ? AND state = 'open'", (now + lease_seconds, host)
        )
        return changed.rowcount > 0


def begin(catalog: Catalog, ids: Collection[str], now: float) -> None:
    """Record the moment at which builds were first seen going on."""
    with catalog.writing() as db:
        attempts.begin(db, ids, now)


def close_finished(catalog: Catalog, host: str) -> None:
    """Close the host's batches that have a result for every attempt."""
    with catalog.writing() as db:
        db.execute(
            """
            UPDATE batch SET state = 'done' WHERE host = ? AND state = 'open'
              AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.batch_id = batch.id AND a.state = 'open')
            """,
            (host,),
        )


def reclaim_host(catalog: Catalog, host: str, now: float, max_attempts: int, *, keeps_targets: bool = False) -> int:
    """Reclaim all builds of a host that is lost to this run, and its targets; returns the number of builds.

    It `keeps_targets` where the run waits for it.
    """
    with catalog.writing() as db:
        if not keeps_targets:
            builders.remove_targets(db, host)
        return _release(db, "host = ?", host, now, max_attempts)


def expire_leases(catalog: Catalog, now: float, max_attempts: int) -> int:
    """Reclaim every batch whose lease has ended; returns the number of builds that went back to the queue."""
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
    """Reclaim the builds of hosts that take no part in this run; returns the number of builds by host.

    If a host is silent or left the inventory, its begun builds count as builds that took it down. A host that `--limit`
    leaves out goes on building, so its builds count as not begun. Late results are taken in unless another came first.
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
    """Reclaim the builds that a silent host was not seen to begin; returns the number of builds.

    If the host did begin one, its result is taken in unless another came first.
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
    """Delete attempts that their builder returned before they began; returns how many builds went back to the queue."""
    with catalog.writing() as db:
        return sum(attempts.withdraw(db, each, max_attempts) for each in ids)


def mark_idle(catalog: Catalog, host: str, now: float) -> None:
    """Record that this host is idle now, so that the others return work for it."""
    with catalog.writing() as db:
        builders.mark_idle(db, host, now)


def begun(catalog: Catalog, host: str) -> dict[str, float]:
    """The attempts that go on on the host, with the time (epoch seconds) at which they were first seen going on."""
    rows = catalog.db.execute(
        "SELECT id, begun_at FROM attempt WHERE host = ? AND state = 'open' AND begun_at IS NOT NULL", (host,)
    )
    return {row["id"]: row["begun_at"] for row in rows}


def going_on(catalog: Catalog) -> int:
    """The number of builds that go on on all hosts."""
    row = catalog.db.execute(
        "SELECT count(*) AS n FROM attempt WHERE state = 'open' AND begun_at IS NOT NULL"
    ).fetchone()
    return int(row["n"])


def open_attempts(catalog: Catalog, host: str) -> dict[str, bool]:
    """The attempts that the host holds, by id: whether they were seen going on."""
    rows = catalog.db.execute("SELECT id, begun_at FROM attempt WHERE host = ? AND state = 'open'", (host,))
    return {row["id"]: row["begun_at"] is not None for row in rows}


def others_build(catalog: Catalog, host: str) -> bool:
    """Whether other hosts still hold builds: these may come back to the queue, and so to this host."""
    row = catalog.db.execute("SELECT 1 FROM attempt WHERE state = 'open' AND host <> ? LIMIT 1", (host,)).fetchone()
    return row is not None


def held_by_others(catalog: Catalog, host: str, now: float) -> list[tuple[str, int, float]]:
    """The other hosts that hold builds: host, number of builds, seconds until the last of its leases ends."""
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
    chosen: list[Chosen],
    *,
    now: float,
    lease_seconds: float,
    speed: float,
) -> None:
    batch = secrets.token_hex(6)
    begins = [begin_with(db, row["release_id"], row["target_id"], row["sha256"]) for _, row in chosen]
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
                "priority": priority,
            }
            for (priority, row), remedies in zip(chosen, begins)
        ],
    )


def planned_again(db: sqlite3.Connection, attempt: str, host: str) -> PlannedBuild | None:
    """The build of an attempt of any host, as a rebuild on `host`; None if the attempt is unknown."""
    return next(iter(_planned_builds(db, host, again=attempt)), None)


def _planned_builds(db: sqlite3.Connection, host: str, again: str | None = None) -> tuple[PlannedBuild, ...]:
    which = "a.host = :host AND a.state = 'open'" if again is None else "a.id = :again"
    rows = db.execute(
        f"""
        SELECT a.id, a.release_id, a.target_id, p.name, r.version, t.name AS target, o.tools, a.sdist_filename, f.url,
               a.sdist_sha256, f.size,
               f.upload_time, a.predicted_seconds, a.predicted_normal, a.priority, a.alone, a.remedies,
               t.python_version,
               (SELECT max(b.peak_memory) FROM attempt b JOIN release s ON s.id = b.release_id
                WHERE s.project_id = r.project_id AND b.target_id = a.target_id AND b.state = 'done') AS peak_memory
        FROM attempt a
        JOIN release r ON r.id = a.release_id
        JOIN project p ON p.id = r.project_id
        JOIN target t ON t.id = a.target_id
        LEFT JOIN builder_target o ON o.host = :host AND o.target_id = a.target_id
        LEFT JOIN upstream_file f ON f.release_id = a.release_id AND f.filename = a.sdist_filename
        WHERE {which}
        ORDER BY a.priority, a.predicted_normal DESC, a.id
        """,
        {"host": host, "again": again},
    ).fetchall()
    adjustments = {row["id"]: adjustments_of(row["remedies"]) for row in rows}
    before = {
        row["id"]: uploaded_before(adjustments[row["id"]], row["upload_time"], row["python_version"]) for row in rows
    }
    return tuple(
        PlannedBuild(
            attempt=row["id"],
            kind="build" if again is None else "rebuild",
            position=row["priority"] * _FAR - row["predicted_normal"],
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
            adjustments=adjustments[row["id"]] | by_version(db, row["release_id"], row["target_id"], before[row["id"]]),
            uploaded_before=before[row["id"]],
        )
        for row in rows
    )


def _release(db: sqlite3.Connection, which: str, value: str | float, now: float, max_attempts: int) -> int:
    """End open batches as lost. Builds that were going on may have taken their host down: `note_host_down`."""
    batches = [row["id"] for row in db.execute(f"SELECT id FROM batch WHERE state = 'open' AND {which}", (value,))]
    returned = 0
    for batch in batches:
        db.execute("UPDATE batch SET state = 'lost' WHERE id = ?", (batch,))
        rows = db.execute(
            "SELECT id, release_id, begun_at FROM attempt WHERE batch_id = ? AND state = 'open'", (batch,)
        ).fetchall()
        attempts.lose(db, [row["id"] for row in rows])
        for row in rows:
            if stopped := builds.end_stop(db, row["id"], now, "Its builder was lost; it is not tried elsewhere."):
                advice = FAILURE_CLASSES["stopped"].advice
                attempts.fail_lost(db, row["id"], "stopped", builds.said_of_stop(stopped), advice, now)
            elif row["begun_at"] is not None:
                note_host_down(db, row["id"], now)
        for release in {row["release_id"] for row in rows}:
            settle(db, release, max_attempts)
        returned += len(rows)
    return returned


def note_host_down(db: sqlite3.Connection, attempt: str, now: float) -> bool:
    """The attempt's builder went down while the build was going on. Below MOST_HOSTS_DOWN the build is tried elsewhere;
    then it fails for good, and this returns True."""
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
    attempts.fail_lost(db, attempt, "host-lost", sentence, FAILURE_CLASSES["host-lost"].advice, now)
    return True
