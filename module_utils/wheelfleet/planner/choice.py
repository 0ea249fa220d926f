"""The choice of builds for a host: reads the catalog and applies the policy of `sizing`."""

from __future__ import annotations

import heapq
import json
import sqlite3
import statistics
from collections.abc import Iterator

from ..catalog.release_targets import TRIED
from ..control.builders import HELD
from . import sizing
from .queue import SPENT_IN_THIS_RUN, WAITING, seconds_left

#: Longer than any prediction, in seconds.
_FOREVER = 1e12


def host_load(db: sqlite3.Connection, host: str, now: float) -> sizing.Load:
    """A host and its builds, as `sizing` needs them."""
    row = db.execute("SELECT facts FROM builder WHERE host = ?", (host,)).fetchone()
    slots = int(json.loads(row["facts"]).get("slots", 1)) if row else 1
    results = db.execute(
        """
        SELECT predicted_normal, seconds FROM attempt
        WHERE host = ? AND state = 'done' AND outcome = 'built' AND seconds IS NOT NULL AND predicted_normal > 0
        ORDER BY finished_at DESC LIMIT 30
        """,
        (host,),
    ).fetchall()
    held = db.execute(
        """
        SELECT begun_at, predicted_normal FROM attempt WHERE host = ? AND state = 'open'
        ORDER BY predicted_normal DESC, id
        """,
        (host,),
    ).fetchall()
    building = [(row["predicted_normal"], now - row["begun_at"]) for row in held if row["begun_at"] is not None]
    # More builds than slots may count as going on, because the end of some was not seen yet.
    building = building[:slots]
    return sizing.Load(
        slots=slots,
        speed=sizing.learned_speed(
            [(row["predicted_normal"], row["seconds"]) for row in results], building, usual=_usual_speed(db, host)
        ),
        results=len(results),
        building=building,
        waiting=[row["predicted_normal"] for row in held if row["begun_at"] is None],
    )


def _usual_speed(db: sqlite3.Connection, host: str) -> float:
    """The geometric mean of the other builders' known speeds, or 1: an error common to all predictions is in it."""
    rows = db.execute("SELECT speed FROM builder WHERE host <> ? AND speed <> 1", (host,))
    speeds = [row["speed"] for row in rows]
    return statistics.geometric_mean(speeds) if speeds else 1.0


def rest_of_queue(db: sqlite3.Connection, run: str) -> sizing.Rest:
    """The work that no builder holds yet, and the power of the trusted builders of the run."""
    (held,) = db.execute("SELECT coalesce(sum(predicted_normal), 0) FROM attempt WHERE state = 'open'").fetchone()
    power = 0.0
    for row in db.execute(
        f"""
        SELECT facts, speed FROM builder
        WHERE suspended IS NULL AND NOT {HELD.format(host="host")} AND host IN (SELECT host FROM builder_target)
        """
    ):
        power += int(json.loads(row["facts"]).get("slots", 1)) * row["speed"]
    return sizing.Rest(max(seconds_left(db, run) - held, 0.0), power)


def known_speed(db: sqlite3.Connection, host: str) -> float | None:
    """The host's speed in the catalog, which the sessions of other hosts read; None for an unknown host."""
    row = db.execute("SELECT speed FROM builder WHERE host = ?", (host,)).fetchone()
    return float(row["speed"]) if row else None


_CANDIDATES = f"""
    SELECT w.release_id, w.target_id, w.predicted_seconds, p.name, r.version, f.filename, f.sha256,
           EXISTS (
               SELECT 1 FROM attempt a WHERE a.release_id = w.release_id AND a.target_id = w.target_id
                 AND NOT a.superseded AND (a.retry_on IS NOT NULL AND a.failure_class IS NOT 'network') AND {TRIED}
           ) AS alone
    FROM release_target w
    JOIN release r ON r.id = w.release_id
    JOIN project p ON p.id = r.project_id
    JOIN upstream_file f ON f.id = w.sdist_id
    WHERE w.need = 'now' AND w.target_id = :target AND w.predicted_seconds <= :longest
      AND NOT EXISTS (
          SELECT 1 FROM attempt a WHERE a.release_id = w.release_id AND a.target_id = w.target_id
            AND (a.state = 'open' OR ({SPENT_IN_THIS_RUN}) OR ({WAITING})
                 OR (NOT a.superseded AND a.needs_memory >= :memory)
                 OR (a.run = :run AND NOT a.superseded AND {TRIED} AND a.retry_on = 'elsewhere' AND a.host = :host
                     AND EXISTS (SELECT 1 FROM builder_target o WHERE o.target_id = w.target_id AND o.host <> :host))))
    ORDER BY w.predicted_seconds DESC, w.release_id
"""


def choose_builds(
    db: sqlite3.Connection, host: str, run: str, load: sizing.Load, now: float, *, leave_to_faster: bool = True
) -> list[sqlite3.Row]:
    """The builds for the host now, longest first, without those that faster hosts finish sooner.

    A host of unknown speed gets short builds first, if there are any (`sizing.PROBE_SECONDS`).
    """
    facts = db.execute("SELECT facts FROM builder WHERE host = ?", (host,)).fetchone()
    memory = int(json.loads(facts["facts"]).get("memory", 0)) if facts else 0
    rest = rest_of_queue(db, run)
    targets = db.execute("SELECT target_id FROM builder_target WHERE host = ?", (host,)).fetchall()

    def seconds(row: sqlite3.Row) -> float:
        return float(row["predicted_seconds"])

    asked = {"host": host, "run": run, "now": now, "memory": memory}

    def candidates(most: float) -> Iterator[sqlite3.Row]:
        streams = [
            sizing.fit_for(
                db.execute(_CANDIDATES, {**asked, "target": target, "longest": most}),
                seconds,
                load,
                rest,
                _faster_power(db, target, load.speed) if leave_to_faster else 0.0,
            )
            for (target,) in targets
        ]
        return heapq.merge(*streams, key=lambda row: (-row["predicted_seconds"], row["release_id"]))

    if load.results < sizing.PROBES and (
        probes := sizing.choose(candidates(sizing.PROBE_SECONDS), seconds, load, rest)
    ):
        return probes
    return sizing.choose(candidates(_FOREVER), seconds, load, rest)


def _faster_power(db: sqlite3.Connection, target: int, speed: float) -> float:
    """Slots times speed, summed over the trusted builders that offer the target and are clearly faster."""
    rows = db.execute(
        f"""
        SELECT b.facts, b.speed FROM builder_target o JOIN builder b ON b.host = o.host
        WHERE o.target_id = ? AND b.suspended IS NULL AND NOT {HELD.format(host="b.host")} AND b.speed > ?
        """,
        (target, speed * sizing.SPEED_TOLERANCE),
    )
    return sum((int(json.loads(row["facts"]).get("slots", 1)) * float(row["speed"]) for row in rows), 0.0)
