"""What the monitor shows of the catalog: queue, attempts, events, failures and history.

The catalog is opened read-only, and each query is read to its end at once, so that no read transaction lasts: a run
that is at work could not shorten its write-ahead log meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ..catalog import schema
from ..catalog.builders import Measured, metrics_history
from ..catalog.controls import Control
from ..catalog.counters import totals
from ..catalog.events import Event, events
from ..control import orders
from ..site.queue_head import Queued, head_of_queue

#: Most rows of the queue, and most events, that are shown.
MOST_QUEUED, MOST_EVENTS = 200, 200
HOUR, HOURS = 3600.0, 24
#: Seconds that a query waits for a lock.
_PATIENCE = 0.5


@dataclass(frozen=True)
class OpenAttempt:
    """A build that a builder has; `seconds` is how long it was expected to take there."""

    id: str
    host: str
    name: str
    version: str
    target: str
    seconds: float
    begun: bool


@dataclass(frozen=True)
class FailureCount:
    """How many builds failed by a class: in this run, and of all that stand as failed."""

    name: str
    in_run: int
    in_all: int


@dataclass(frozen=True)
class CatalogPart:
    """What the catalog says at one moment; empty where it cannot be read, and then `trouble` is a sentence that says
    why and what to do."""

    at: float = 0.0
    trouble: str = ""
    #: The builders that offer targets, with the cores they report (0: not known), and why those get no work.
    builders: Mapping[str, int] = field(default_factory=dict)
    suspended: Mapping[str, str] = field(default_factory=dict)
    #: By host, its state where an operator's order keeps it from beginning anything.
    held: Mapping[str, str] = field(default_factory=dict)
    attempts: Sequence[OpenAttempt] = ()
    queue: Sequence[Queued] = ()
    #: By target, builds that have not begun.
    waiting: Mapping[str, int] = field(default_factory=dict)
    #: The latest last.
    events: Sequence[Event] = ()
    failures: Sequence[FailureCount] = ()
    history: Mapping[str, Sequence[Measured]] = field(default_factory=dict)
    #: Builds that ended in the last hour, by host; and in each of the last hours, the present one last.
    per_hour: Mapping[str, int] = field(default_factory=dict)
    hours: Sequence[int] = ()


def read_catalog(path: Path, run: str, now: float) -> CatalogPart:
    """The catalog's part of the screen."""
    try:
        if not path.exists():
            return CatalogPart(now, "There is no catalog yet; the first run of build.yml makes it.")
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=_PATIENCE)) as db:
            db.isolation_level = None
            db.row_factory = sqlite3.Row
            trouble = other_version(db)
            return CatalogPart(now, trouble) if trouble else _read(db, run, now)
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "busy" in str(error):
            return CatalogPart(now, "The catalog is locked, most likely because it is being upgraded; wait a moment.")
        return CatalogPart(now, f"The catalog {path} cannot be read ({error}); check that you may read its folder.")
    except OSError as error:
        return CatalogPart(now, f"The catalog {path} cannot be read ({error.strerror}).")
    except (sqlite3.Error, ValueError) as error:
        return CatalogPart(now, f"The catalog {path} cannot be read ({error}); to restore it: docs/how-to/back-up.md.")


def other_version(db: sqlite3.Connection) -> str:
    """Why this checkout cannot read the catalog, in one sentence with the cure; empty if it can."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version == 0:
        return "The catalog is being made; wait a moment."
    if version < schema.VERSION:
        return f"The catalog has schema {version}; the next run of build.yml upgrades it to {schema.VERSION}."
    if version > schema.VERSION:
        return (
            f"The catalog has schema {version}, this monitor knows {schema.VERSION}; update this checkout (git pull)."
        )
    return ""


def _read(db: sqlite3.Connection, run: str, now: float) -> CatalogPart:
    rows = _rows(db, "SELECT host, facts, suspended FROM builder WHERE host IN (SELECT host FROM builder_target)")
    return CatalogPart(
        at=now,
        builders={row["host"]: _cores(row["facts"]) for row in rows},
        suspended={row["host"]: row["suspended"] for row in rows if row["suspended"]},
        held={host: _held(order) for host, order in orders.holds(db).items()},
        attempts=_attempts(db),
        queue=head_of_queue(db, MOST_QUEUED),
        waiting=_waiting(db),
        events=events(db, most=MOST_EVENTS),
        failures=_failures(db, run),
        history=metrics_history(db),
        per_hour=_per_hour(db, now),
        hours=_hours(db, now),
    )


def _rows(db: sqlite3.Connection, question: str, *values: object) -> list[sqlite3.Row]:
    return db.execute(question, values).fetchall()


def _held(order: Control) -> str:
    if order.verb == "pause":
        return "paused"
    return "drained" if order.answer else "draining"


def _cores(facts: str) -> int:
    try:
        cores = json.loads(facts).get("cores")
    except (ValueError, AttributeError):
        return 0
    return cores if isinstance(cores, int) and 0 < cores < 10_000 else 0


def _attempts(db: sqlite3.Connection) -> list[OpenAttempt]:
    rows = _rows(
        db,
        """
        SELECT a.id, a.host, p.name, r.version, t.name AS target, a.predicted_seconds, a.begun_at FROM attempt a
        JOIN release r ON r.id = a.release_id JOIN project p ON p.id = r.project_id JOIN target t ON t.id = a.target_id
        WHERE a.state = 'open' ORDER BY a.host, a.id
        """,
    )
    return [
        OpenAttempt(
            row["id"],
            row["host"],
            row["name"],
            row["version"],
            row["target"],
            row["predicted_seconds"],
            row["begun_at"] is not None,
        )
        for row in rows
    ]


def _waiting(db: sqlite3.Connection) -> dict[str, int]:
    counted = totals(db, "queue-builds")
    rows = _rows(
        db,
        """
        SELECT id, name, (SELECT count(*) FROM attempt a JOIN release_target w USING (release_id, target_id)
                          WHERE a.state = 'open' AND a.begun_at IS NOT NULL AND a.target_id = t.id AND w.need = 'now'
                         ) AS begun FROM target t ORDER BY preference, name
        """,
    )
    waiting = {row["name"]: int(counted.get(str(row["id"]), 0)) - row["begun"] for row in rows}
    return {name: builds for name, builds in waiting.items() if builds > 0}


def _failures(db: sqlite3.Connection, run: str) -> list[FailureCount]:
    in_run = {
        row["class"]: row["builds"]
        for row in _rows(
            db,
            """
            SELECT coalesce(failure_class, CASE state WHEN 'lost' THEN 'host-lost' ELSE 'unknown' END) AS class,
                count(*) AS builds
            FROM attempt WHERE run = ? AND outcome IS NOT 'built' AND state <> 'open' GROUP BY 1
            """,
            run,
        )
    }
    in_all = {name: int(builds) for name, builds in totals(db, "class-builds").items() if builds}
    counts = [FailureCount(name, in_run.get(name, 0), in_all.get(name, 0)) for name in {**in_run, **in_all}]
    return sorted(counts, key=lambda each: (-each.in_run, -each.in_all, each.name))


def _per_hour(db: sqlite3.Connection, now: float) -> dict[str, int]:
    rows = _rows(
        db,
        """
        SELECT host, (SELECT count(*) FROM attempt a
                      WHERE a.host = b.host AND a.state = 'done' AND a.finished_at > ?) AS builds FROM builder b
        """,
        now - HOUR,
    )
    return {row["host"]: row["builds"] for row in rows}


def _hours(db: sqlite3.Connection, now: float) -> list[int]:
    """How many builds ended in each of the last hours, counted back from now."""
    counted = {
        row["hour"]: row["builds"]
        for row in _rows(
            db,
            "SELECT CAST((? - finished_at) / ? AS INTEGER) AS hour, count(*) AS builds FROM attempt "
            "WHERE finished_at > ? GROUP BY 1",
            now,
            HOUR,
            now - HOURS * HOUR,
        )
    }
    return [counted.get(hour, 0) for hour in reversed(range(HOURS))]


class CatalogReader:
    """Reads the catalog now and then: at most each PAUSE seconds, and for at most a twentieth of the time."""

    PAUSE, SHARE = 5.0, 0.05

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = CatalogPart()
        self._run = ""
        self._next = 0.0

    def read(self, run: str, now: float, *, at_once: bool = False) -> CatalogPart:
        """The catalog's part; an earlier one, with the trouble, while the catalog cannot be read."""
        begun = time.monotonic()
        if begun < self._next and run == self._run and not at_once:
            return self._part
        part = read_catalog(self.path, run, now)
        if part.trouble and self._part.at and not self._part.trouble:
            shown_from = time.strftime("%H:%M:%S", time.localtime(self._part.at))
            part = CatalogPart(
                **{**vars(self._part), "trouble": f"{part.trouble} Shown is how it was at {shown_from}."}
            )
        elif part.trouble and self._part.builders:
            part = CatalogPart(**{**vars(self._part), "trouble": self._part.trouble})
        self._part, self._run = part, run
        took = time.monotonic() - begun
        self._next = time.monotonic() + max(self.PAUSE, took / self.SHARE)
        return part
