"""The choice of builds for a host: reads the catalog and applies the policy of `sizing`."""

from __future__ import annotations

import functools
import heapq
import itertools
import json
import math
import sqlite3
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..catalog import priorities
from ..catalog.release_targets import TRIED
from ..control.builders import HELD
from . import sizing
from .queue import SPENT_IN_THIS_RUN, WAITING, seconds_left

#: Seconds after `mark_idle` for which a host counts as idle.
IDLE_SECONDS = 10.0


def host_load(
    db: sqlite3.Connection,
    host: str,
    now: float,
    *,
    most: int = max(priorities.LEVELS),
    end_at: float | None = None,
) -> sizing.Load:
    """A host and its builds, as `sizing` needs them; of the unstarted ones those with a priority of at most `most`.

    Builds have to end before `end_at` (epoch seconds).
    """
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
        SELECT begun_at, predicted_normal FROM attempt
        WHERE host = ? AND state = 'open' AND (begun_at IS NOT NULL OR priority <= ?)
        ORDER BY priority, predicted_normal DESC, id
        """,
        (host, most),
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
        until=None if end_at is None else end_at - now,
    )


def _usual_speed(db: sqlite3.Connection, host: str) -> float:
    """The geometric mean of the other builders' known speeds, or 1: an error common to all predictions is in it."""
    rows = db.execute("SELECT speed FROM builder WHERE host <> ? AND speed <> 1", (host,))
    speeds = [row["speed"] for row in rows]
    return statistics.geometric_mean(speeds) if speeds else 1.0


def rest_of_queue(db: sqlite3.Connection, run: str) -> sizing.Rest:
    """The work that no builder holds yet, and the power of the trusted builders of the run."""
    (held,) = db.execute("SELECT coalesce(sum(predicted_normal), 0) FROM attempt WHERE state = 'open'").fetchone()
    trusted = db.execute(
        f"""
        SELECT facts, speed FROM builder
        WHERE suspended IS NULL AND NOT {HELD.format(host="host")} AND host IN (SELECT host FROM builder_target)
        """,
    )
    return sizing.Rest(max(seconds_left(db, run) - held, 0.0), _power(trusted))


def _idle_power(db: sqlite3.Connection, host: str, now: float) -> float:
    """The power of the other trusted builders that are idle and offer a target of this host."""
    rows = db.execute(
        f"""
        SELECT facts, speed FROM builder
        WHERE host <> :host AND idle_since > :since AND suspended IS NULL AND NOT {HELD.format(host="host")}
          AND host NOT IN (SELECT a.host FROM attempt a WHERE a.state = 'open')
          AND host IN (SELECT o.host FROM builder_target o JOIN builder_target mine ON mine.target_id = o.target_id
                       WHERE mine.host = :host)
        """,
        {"host": host, "since": now - IDLE_SECONDS, "now": now},
    )
    return _power(rows)


def _power(builders: Iterable[sqlite3.Row]) -> float:
    """The sum of slots times speed of rows of `builder`."""
    return sum((int(json.loads(row["facts"]).get("slots", 1)) * float(row["speed"]) for row in builders), 0.0)


def is_anything_urgent(db: sqlite3.Connection, host: str) -> bool:
    """Whether an urgent build of the host's targets waits in the queue and nobody holds it."""
    row = db.execute(
        f"""
        SELECT 1 FROM builder_target o
        CROSS JOIN release_target w ON w.target_id = o.target_id AND w.need = 'now'
            AND w.priority <= {max(priorities.URGENT)}
        WHERE o.host = ? AND NOT EXISTS (
            SELECT 1 FROM attempt a
            WHERE a.release_id = w.release_id AND a.target_id = w.target_id AND a.state = 'open')
        LIMIT 1
        """,
        (host,),
    ).fetchone()
    return row is not None


def known_speed(db: sqlite3.Connection, host: str) -> float | None:
    """The host's speed in the catalog, which the sessions of other hosts read; None for an unknown host."""
    row = db.execute("SELECT speed FROM builder WHERE host = ?", (host,)).fetchone()
    return float(row["speed"]) if row else None


#: Longer than any prediction, in seconds.
_FOREVER = 1e12

#: Builds of a target that the host may have now, by conditions and in the order given.
_CANDIDATES = f"""
    SELECT w.release_id, w.target_id, w.predicted_seconds, p.name, r.version, f.filename, f.sha256,
           :now - max(coalesce(w.queued_at, :now), coalesce(w.put_first_at, 0)) AS waited,
           EXISTS (
               SELECT 1 FROM attempt a WHERE a.release_id = w.release_id AND a.target_id = w.target_id
                 AND NOT a.superseded AND (a.retry_on IS NOT NULL AND a.failure_class IS NOT 'network') AND {TRIED}
           ) AS alone
    FROM release_target w
    CROSS JOIN release r ON r.id = w.release_id
    JOIN project p ON p.id = r.project_id
    JOIN upstream_file f ON f.id = w.sdist_id
    WHERE w.need = 'now' AND w.target_id = :target AND {{which}}
      AND NOT EXISTS (
          SELECT 1 FROM attempt a WHERE a.release_id = w.release_id AND a.target_id = w.target_id
            AND (a.state = 'open' OR ({SPENT_IN_THIS_RUN}) OR ({WAITING})
                 OR (NOT a.superseded AND a.needs_memory >= :memory)
                 OR (a.run = :run AND NOT a.superseded AND {TRIED} AND a.retry_on = 'elsewhere' AND a.host = :host
                     AND EXISTS (SELECT 1 FROM builder_target o WHERE o.target_id = w.target_id AND o.host <> :host))))
    ORDER BY {{order}}
"""
#: One level of the queue, longest first: a part of the index release_target_now.
LEVEL = _CANDIDATES.format(
    which="w.priority = :priority AND w.predicted_seconds >= :least AND w.predicted_seconds < :most",
    order="w.predicted_seconds DESC, w.release_id",
)
#: The queue by the time of waiting: the index release_target_oldest.
OLDEST = _CANDIDATES.format(which="w.queued_at IS NOT NULL", order="w.queued_at, w.release_id")


class Chosen(NamedTuple):
    """A build for a host, with its priority among the host's builds, and its row."""

    priority: int
    row: sqlite3.Row

    @property
    def seconds(self) -> float:
        """Predicted, on a normal host."""
        return float(self.row["predicted_seconds"])

    @property
    def key(self) -> tuple[int, int]:
        """Release and target."""
        return self.row["release_id"], self.row["target_id"]


class Choice:
    """Chooses builds for one host, run and moment.

    With `leave_to_faster` it leaves builds that faster hosts finish sooner. A host of unknown speed gets short builds
    first, if there are any (`sizing.PROBE_SECONDS`), and nothing urgent.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        host: str,
        run: str,
        load: sizing.Load,
        now: float,
        *,
        leave_to_faster: bool = True,
    ) -> None:
        self._db = db
        self._load = load
        self._now = now
        self._leave_to_faster = leave_to_faster
        facts = db.execute("SELECT facts, passed_over_seconds FROM builder WHERE host = ?", (host,)).fetchone()
        self._passed_over = float(facts["passed_over_seconds"]) if facts else 0.0
        memory = int(json.loads(facts["facts"]).get("memory", 0)) if facts else 0
        self._asked = {"host": host, "run": run, "now": now, "memory": memory}
        rows = db.execute("SELECT target_id FROM builder_target WHERE host = ?", (host,)).fetchall()
        self._targets = [row["target_id"] for row in rows]

    @functools.cached_property
    def _rest(self) -> sizing.Rest:
        rest = rest_of_queue(self._db, str(self._asked["run"]))
        return replace(rest, idle=_idle_power(self._db, str(self._asked["host"]), self._now))

    def next_builds(self) -> list[Chosen]:
        """The builds to hand over now, in their order."""
        if self._load.results < sizing.PROBES:
            probes = self._in_order(math.nextafter(sizing.PROBE_SECONDS, math.inf))
            if chosen := sizing.choose(probes, _seconds, self._load, self._rest):
                return chosen
        return sizing.choose(self._oldest_if_due(self._in_order(_FOREVER)), _seconds, self._load, self._rest)

    def urgent_builds(self) -> list[Chosen]:
        """The urgent builds to hand over now, though the host has enough to do. `load` has only what comes before them.

        If there are any and the one that waits longest is due, it comes with them: else a host that always finds
        something urgent would never come to it.
        """
        if self._load.results < sizing.PROBES or self._load.free_slots()[0] >= sizing.LONGEST_FILL_SECONDS:
            return []
        builds = self._merged(self._urgent, _FOREVER)
        first = next(builds, None)
        if first is None:
            return []
        builds = self._oldest_if_due(itertools.chain([first], builds))
        return sizing.choose_urgent(builds, _seconds, _waited, self._load, self._rest)

    def passed_over(self, chosen: Sequence[Chosen]) -> float:
        """The work by which the build that waits longest is passed over after these (`builder.passed_over_seconds`)."""
        passed_over = self._passed_over
        for each in chosen:
            is_oldest = self._oldest is not None and each.key == self._oldest.key
            passed_over = 0.0 if is_oldest else passed_over + each.seconds
        return passed_over

    def _oldest_if_due(self, builds: Iterator[Chosen]) -> Iterator[Chosen]:
        oldest = self._oldest
        if oldest is None or not sizing.oldest_is_due(oldest.seconds, self._passed_over):
            return builds
        return itertools.chain([oldest], (each for each in builds if each.key != oldest.key))

    @functools.cached_property
    def _oldest(self) -> Chosen | None:
        """The build that waits longest of all that this host offers and should not leave to faster ones."""
        found: list[Chosen] = []
        for target in self._targets:
            rows = self._db.execute(OLDEST + "LIMIT 1", {**self._asked, "target": target})
            builds = (Chosen(priorities.OVERDUE, row) for row in rows)
            found += self._fit(target, builds)
        return max(found, key=_waited, default=None)

    def _in_order(self, most: float) -> Iterator[Chosen]:
        """All builds of less than `most` seconds: urgent ones, then those that would put off the end, then the rest."""
        return self._merged(self._all, most)

    def _merged(self, stream: Callable[[int, float], Iterator[Chosen]], most: float) -> Iterator[Chosen]:
        streams = [self._fit(target, stream(target, most)) for target in self._targets]
        return heapq.merge(*streams, key=lambda each: (each.priority, -each.seconds, each.row["release_id"]))

    def _fit(self, target: int, builds: Iterator[Chosen]) -> Iterator[Chosen]:
        faster = _faster_power(self._db, target, self._load.speed) if self._leave_to_faster else 0.0
        return sizing.fit_for(builds, _seconds, self._load, self._rest, faster, _waited_if_urgent)

    def _all(self, target: int, most: float) -> Iterator[Chosen]:
        least = min(sizing.longest_from(self._load, self._rest), most)
        usual = [level for level in priorities.LEVELS if level not in priorities.URGENT]
        yield from self._urgent(target, most)
        for each in heapq.merge(
            *(self._level(target, level, least, most) for level in usual),
            key=lambda each: (-each.seconds, each.row["release_id"]),
        ):
            yield Chosen(priorities.LONGEST, each.row)
        for level in usual:
            yield from self._level(target, level, -1.0, least)

    def _urgent(self, target: int, most: float) -> Iterator[Chosen]:
        for level in priorities.URGENT:
            yield from self._level(target, level, -1.0, most)

    def _level(self, target: int, level: int, least: float, most: float) -> Iterator[Chosen]:
        asked = {**self._asked, "target": target, "priority": level, "least": least, "most": most}
        return (Chosen(level, row) for row in self._db.execute(LEVEL, asked))


def _seconds(build: Chosen) -> float:
    return build.seconds


def _waited(build: Chosen) -> float:
    return float(build.row["waited"])


def _waited_if_urgent(build: Chosen) -> float:
    return _waited(build) if build.priority in priorities.URGENT else 0.0


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
