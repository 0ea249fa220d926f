"""The fleet page: every builder with its facts and its builds, at the time of the publication.

The browser (assets/live.js) adds the present state from status.json. Facts come from hosts that run untrusted code, so
only values of the expected types are shown.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from functools import cached_property
from typing import Any

from ...catalog.builders import METRICS_SLOT, METRICS_SLOTS_KEPT, Measured, metrics_history
from ...catalog.controls import Control
from ...catalog.counters import totals
from ...catalog.events import Event, events
from ...catalog.outdated_copies import OutdatedCopy, outdated_copies
from ...control import orders
from ...failure_classes import FAILURE_CLASSES
from ...text import printable
from ..queue_head import Queued, head_of_queue
from ..queue_places import queue_places
from ..renderer import Renderer, as_json

SCHEMA = 1
#: The number of newest days with builds that are shown day by day.
DAYS = 7
MOST_EVENTS = 50
#: The size of a day's bar, in the units of its SVG.
BAR_WIDTH, BAR_HEIGHT = 20, 32
#: The size of the plots of temperature (on this scale, in °C) and load: a unit of their SVG for each slot of a day.
PLOT_HEIGHT, COLD, HOT = 40, 30.0, 90.0
#: Builders of the last run that have a card each; more of them stand in a table.
MOST_CARDS = 12
#: Builds of the queue, and failure classes, that are shown.
MOST_WAITING, MOST_CLASSES = 10, 10
#: Outdated copies that are shown.
MOST_COPIES = 200
#: Waiting builds of a target are counted up to this number, because the queue may be long.
MOST_COUNTED = 1000
#: The characters of a fact, at most; every number of a fact is below the second.
LONGEST_FACT, LARGEST_FACT = 120, 1 << 60

#: The usual names of systems by their `ID` in /etc/os-release.
_SYSTEMS = {
    "debian": "Debian",
    "raspbian": "Raspberry Pi OS",
    "ubuntu": "Ubuntu",
    "alpine": "Alpine Linux",
    "fedora": "Fedora",
    "arch": "Arch Linux",
}


@dataclass
class Work:
    """Builds that ended, with a wheel (`built`) or without (`failed`), and their time."""

    built: int = 0
    failed: int = 0
    seconds: float = 0.0

    def add(self, outcome: str, builds: int, seconds: float) -> None:
        if outcome == "built":
            self.built += builds
        else:
            self.failed += builds
        self.seconds += seconds

    @property
    def builds(self) -> int:
        return self.built + self.failed

    @property
    def success(self) -> float | None:
        """The share of builds that gave a wheel, from 0 to 1; None without builds."""
        return self.built / self.builds if self.builds else None

    def as_data(self) -> dict[str, Any]:
        share = None if self.success is None else round(self.success, 3)
        return {"built": self.built, "failed": self.failed, "success": share, "seconds": round(self.seconds)}


@dataclass(frozen=True)
class BuilderTarget:
    """A target that a builder offers, and its interpreter."""

    target: str
    implementation: str
    python_version: str
    interpreter: str


@dataclass(frozen=True)
class Hold:
    """An operator's order by which a builder begins nothing: `state` is paused, draining or drained; `at` is in epoch
    seconds."""

    state: str
    who: str
    at: float
    reason: str

    @classmethod
    def of(cls, control: Control) -> Hold:
        state = "paused" if control.verb == "pause" else "drained" if control.answer else "draining"
        return cls(state, printable(control.who), control.at, printable(control.reason))

    def as_data(self) -> dict[str, Any]:
        return {"state": self.state, "who": self.who, "at": _iso(self.at), "reason": self.reason}


@dataclass(frozen=True)
class Builder:
    """A builder. `seen_at` is the time of its last report or result, in seconds since the epoch; `days` are the fleet's
    newest days with builds."""

    host: str
    facts: Mapping[str, Any]
    speed: float
    suspended: str | None
    hold: Hold | None
    seen_at: float
    offers: Sequence[BuilderTarget]
    days: Mapping[int, Work]
    ever: Work
    #: Of the last day of its runs, the oldest first.
    history: Sequence[Measured] = ()

    @cached_property
    def lately(self) -> Work:
        """The sum of the days."""
        return Work(
            sum(day.built for day in self.days.values()),
            sum(day.failed for day in self.days.values()),
            sum(day.seconds for day in self.days.values()),
        )

    @property
    def bars(self) -> list[tuple[str, str]]:
        """The bars of the days as SVG paths, by CSS class: `BAR_WIDTH` units wide, `BAR_HEIGHT` the highest."""
        most = max((day.builds for day in self.days.values()), default=0)
        paths = {"ground": "", "built": "", "failed": ""}
        for number, work in enumerate(self.days.values()):
            left, base = number * BAR_WIDTH + 1, float(BAR_HEIGHT)
            paths["ground"] += f"M{left} {base:g}h{BAR_WIDTH - 2}v1h-{BAR_WIDTH - 2}z"
            for css, builds in (("built", work.built), ("failed", work.failed)):
                height = round(builds / most * BAR_HEIGHT, 1) if builds else 0
                if height:
                    paths[css] += f"M{left} {base:g}h{BAR_WIDTH - 2}v-{height:g}h-{BAR_WIDTH - 2}z"
                base -= height
        return [(css, path) for css, path in paths.items() if path]

    @property
    def plots(self) -> list[Curve]:
        """Temperature and load over the day before the newest measurement, where there are at least two."""
        temperatures = [(each.slot, each.temperature) for each in self.history if each.temperature is not None]
        loads = [(each.slot, each.load) for each in self.history if each.load is not None]
        cores = self.facts.get("cores") or 1
        curves = []
        for name, unit, values, lowest, highest in (
            ("Temperature", " °C", temperatures, COLD, HOT),
            ("Load", "", loads, 0.0, 2.0 * cores),
        ):
            if len(values) > 1:
                curves.append(_curve(name, unit, values, self.history[-1].slot, lowest, highest))
        return curves

    @property
    def rank(self) -> int:
        """Its place among builders by state: suspended, held by an operator, others."""
        return 0 if self.suspended else 1 if self.hold else 2

    def as_data(self) -> dict[str, Any]:
        return {
            "host": self.host,
            **self.facts,
            "targets": [vars(offer) for offer in self.offers],
            "speed": round(self.speed, 3),
            "suspended": self.suspended,
            "hold": self.hold.as_data() if self.hold else None,
            "seen_at": _iso(self.seen_at),
            "days": {_day(day): {"built": work.built, "failed": work.failed} for day, work in self.days.items()},
            "lately": self.lately.as_data(),
            "ever": self.ever.as_data(),
            "history": [
                {"at": _iso(each.slot * METRICS_SLOT), "temperature": each.temperature, "load": each.load}
                for each in self.history
            ],
        }


@dataclass(frozen=True)
class Curve:
    """Values over a day as an SVG path, METRICS_SLOTS_KEPT units wide and PLOT_HEIGHT high, and in words."""

    name: str
    path: str
    words: str


@dataclass(frozen=True)
class FailingClass:
    """A failure class, with the number of builds that fail by it and what would help."""

    name: str
    builds: int
    meaning: str


@dataclass(frozen=True)
class TargetRow:
    """A target, with the numbers of its builders, of our wheels that serve it, and of its builds in the queue
    (`MOST_COUNTED`: or more)."""

    name: str
    tag: str
    builders: int
    wheels: int
    waiting: int


@dataclass
class Fleet:
    """The fleet as the catalog knows it; `as_of` is the time of its newest fact; None: no facts."""

    builders: list[Builder]
    targets: list[TargetRow]
    #: Builds that wait; `later` of them until the build of the release on another target has ended.
    queue: int
    later: int = 0
    #: Builds that a builder was seen to begin and that have not ended.
    building: int = 0
    events: list[Event] = field(default_factory=list)
    as_of: float | None = None
    waiting: Sequence[Queued] = ()
    failures: Sequence[FailingClass] = ()
    copies: Sequence[OutdatedCopy] = ()

    @property
    def present(self) -> list[Builder]:
        """The builders of the last run, by state, then by name."""
        return sorted((builder for builder in self.builders if builder.offers), key=lambda each: each.rank)

    @property
    def is_large(self) -> bool:
        """Whether its builders stand in a table."""
        return len(self.present) > MOST_CARDS

    @property
    def absent(self) -> list[Builder]:
        return [builder for builder in self.builders if not builder.offers]

    @property
    def power(self) -> dict[str, float]:
        """Builds at once times speed of each builder that may begin builds."""
        return {
            builder.host: (builder.facts["slots"] or 1) * builder.speed
            for builder in self.present
            if builder.suspended is None and builder.hold is None
        }

    def as_data(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "as_of": None if self.as_of is None else _iso(self.as_of),
            "building": self.building,
            "queue": self.queue,
            "later": self.later,
            "builders": [builder.as_data() for builder in self.builders],
            "targets": [vars(target) for target in self.targets],
            "waiting": [
                {
                    "project": w.name,
                    "version": w.version,
                    "target": w.target,
                    "seconds": round(w.seconds),
                    "reason": w.reason,
                }
                for w in self.waiting
            ],
            "failures": [{"class": each.name, "builds": each.builds} for each in self.failures],
            "outdated_copies": [
                {
                    "project": each.project,
                    "version": each.version,
                    "filename": each.filename,
                    "package": each.package,
                    "copied": each.copied,
                    "available": each.available,
                    "host": each.host,
                    "since": _iso(each.since),
                    "rebuild_ordered": each.ordered,
                }
                for each in self.copies
            ],
            "events": [
                {"at": _iso(e.at), "host": e.host, "sentence": e.sentence, "who": e.who, "why": e.why}
                for e in self.events
            ],
        }


def pages(db: sqlite3.Connection, render: Renderer) -> Iterator[tuple[str, bytes]]:
    """The page, its JSON, and the places in the queue."""
    fleet = read_fleet(db)
    yield "fleet/index.html", render.page("fleet/index.html", "fleet.html.j2", fleet=fleet, most_counted=MOST_COUNTED)
    yield "fleet/fleet.json", as_json(fleet.as_data())
    yield "fleet/queue.json", as_json(queue_places(db, fleet.power))


def read_fleet(db: sqlite3.Connection) -> Fleet:
    """Read builders by name, targets with builders or waiting builds, and events, the newest first."""
    builders = _builders(db)
    happened = [
        replace(event, host=printable(event.host), sentence=printable(event.sentence))
        for event in reversed(events(db, most=MOST_EVENTS))
    ]
    # What is built again, although a wheel of it is published, is not among those that wait.
    building, from_waiting = db.execute(
        """
        SELECT count(*), count(s.release_id) FROM attempt a
        LEFT JOIN site_release s ON s.release_id = a.release_id AND s.target_id = a.target_id AND s.status = 'waiting'
        WHERE a.state = 'open' AND a.begun_at IS NOT NULL
        """
    ).fetchone()
    waiting = int(totals(db, "status").get("waiting", 0)) - from_waiting
    moments = [builder.seen_at for builder in builders] + [event.at for event in happened]
    return Fleet(
        builders,
        _targets(db),
        max(0, waiting),
        int(sum(totals(db, "queue-later").values())),
        building,
        happened,
        max(moments, default=None),
        head_of_queue(db, MOST_WAITING),
        _failures(db),
        outdated_copies(db, MOST_COPIES),
    )


def known_facts(text: str) -> dict[str, Any]:
    """The facts in a builder's JSON; a fact that is missing or of another type is None."""
    try:
        facts = json.loads(text)
    except ValueError:
        facts = None
    facts = _table(facts)
    system, tools = _table(facts.get("os")), _table(facts.get("toolchain"))
    name, version = _words(system.get("id")), _words(system.get("version"))
    return {
        "board": _words(facts.get("board")),
        "system": " ".join(filter(None, [_SYSTEMS.get(name, name), version])) if name else None,
        "machine": _words(facts.get("machine")),
        "cores": _number(facts.get("cores")),
        "memory": _number(facts.get("memory")),
        "slots": _number(facts.get("slots")),
        "sandbox": _words(facts.get("sandbox")),
        "toolchain": {
            key: words for tool, line in sorted(tools.items())[:20] if (key := _words(tool)) and (words := _words(line))
        },
    }


def _failures(db: sqlite3.Connection) -> list[FailingClass]:
    """The classes by which most builds fail."""
    counted = [(name, int(builds)) for name, builds in totals(db, "class-builds").items() if builds > 0]
    shown = sorted(counted, key=lambda each: (-each[1], each[0]))[:MOST_CLASSES]
    return [
        FailingClass(name, builds, known.meaning if (known := FAILURE_CLASSES.get(name)) else "")
        for name, builds in shown
    ]


def _curve(
    name: str, unit: str, values: Sequence[tuple[int, float]], last: int, lowest: float, highest: float
) -> Curve:
    """The curve of (slot, value) up to the slot `last`; it is broken where a slot was not measured."""
    path, before = "", None
    for slot, value in values:
        share = min(max((value - lowest) / (highest - lowest), 0.0), 1.0)
        step = "L" if before == slot - 1 else "M"
        path += f"{step}{slot - last + METRICS_SLOTS_KEPT - 1} {round(PLOT_HEIGHT * (1 - share), 1):g}"
        before = slot
    numbers = [value for _, value in values]
    return Curve(name, path, f"{name}: {min(numbers):.3g} to {max(numbers):.3g}{unit}, last {numbers[-1]:.3g}{unit}")


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return " ".join(printable(value[: 10 * LONGEST_FACT]).split())[:LONGEST_FACT] or None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < LARGEST_FACT else None


def _builders(db: sqlite3.Connection) -> list[Builder]:
    offers: dict[str, list[BuilderTarget]] = {}
    for row in db.execute(
        """
        SELECT o.host, o.interpreter, t.name, t.implementation, t.python_version FROM builder_target o
        JOIN target t ON t.id = o.target_id ORDER BY o.host, t.preference, t.name
        """
    ):
        words = (_words(row[key]) or "" for key in ("name", "implementation", "python_version", "interpreter"))
        offers.setdefault(row["host"], []).append(BuilderTarget(*words))
    days = [row["day"] for row in db.execute("SELECT DISTINCT day FROM build_day ORDER BY day DESC LIMIT ?", (DAYS,))]
    lately: dict[str, dict[int, Work]] = {}
    for row in db.execute("SELECT * FROM build_day WHERE day >= ? ORDER BY day", (min(days, default=0),)):
        if row["host"] not in lately:
            lately[row["host"]] = {day: Work() for day in reversed(days)}
        lately[row["host"]][row["day"]].add(row["outcome"], row["builds"], row["seconds"])
    counted = {kind: totals(db, kind) for kind in ("host-builds", "host-built", "host-seconds")}
    ever = {
        host: Work(counted["host-built"][host], builds - counted["host-built"][host], counted["host-seconds"][host])
        for host, builds in counted["host-builds"].items()
    }
    held = orders.holds(db)
    history = metrics_history(db)
    rows = db.execute(
        """
        SELECT host, facts, speed, suspended, max(seen_at, coalesce((
                   SELECT max(finished_at) FROM attempt a WHERE a.host = b.host AND a.state = 'done'), 0)) AS seen_at
        FROM builder b ORDER BY host
        """
    )
    return [
        Builder(
            host=row["host"],
            facts=known_facts(row["facts"]),
            speed=row["speed"],
            hold=Hold.of(held[row["host"]]) if row["host"] in held else None,
            suspended=None if row["suspended"] is None else printable(row["suspended"]),
            seen_at=row["seen_at"],
            offers=offers.get(row["host"], []),
            days=lately.get(row["host"], {day: Work() for day in reversed(days)}),
            ever=ever.get(row["host"], Work()),
            history=history.get(row["host"], ()),
        )
        for row in rows
    ]


def _targets(db: sqlite3.Connection) -> list[TargetRow]:
    rows = db.execute(
        """
        SELECT t.name, t.tags, (SELECT count(*) FROM builder_target o WHERE o.target_id = t.id) AS builders,
               coalesce((SELECT value FROM counter WHERE kind = 'target-wheels' AND key = t.id), 0) AS wheels,
               (SELECT count(*) FROM (
                   SELECT 1 FROM release_target w WHERE w.need = 'now' AND w.target_id = t.id AND NOT EXISTS (
                       SELECT 1 FROM attempt a WHERE a.release_id = w.release_id AND a.target_id = t.id
                           AND a.state = 'open' AND a.begun_at IS NOT NULL)
                   LIMIT :most)) AS waiting
        FROM target t ORDER BY t.preference, t.name
        """,
        {"most": MOST_COUNTED},
    )
    return [
        TargetRow(
            _words(row["name"]) or "",
            _words(next(iter(json.loads(row["tags"])), "")) or "",
            row["builders"],
            row["wheels"],
            row["waiting"],
        )
        for row in rows
        if row["builders"] or row["waiting"]
    ]


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(round(moment), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(day: int) -> str:
    return (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(days=day)).strftime("%Y-%m-%d")
