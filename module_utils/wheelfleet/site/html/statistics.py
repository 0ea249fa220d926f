"""The statistics of builds, queue and downloads, in numbers and plots.

They are read from aggregates by day and from counters, never from the rows of builds and wheels. The last day is the
newest in the catalog, so that the same catalog gives the same page.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from ...text import percent, printable
from ..filters import explain_tag
from ..renderer import Renderer, as_json
from .plots import Plot, Series, bars, share, steps

#: Labels of a time axis, at most.
MOST_MARKS = 7
#: Days shown one by one, at least (with fewer, a new fleet's plot would be one broad bar) and at most.
FEWEST_DAYS, MOST_DAYS = 14, 90
#: Months shown, at most, including the current one. They are shown once there are more than MOST_DAYS.
MOST_MONTHS = 24
#: Lines of the lists of the most downloaded projects and of clients.
MOST_PROJECTS, MOST_CLIENTS = 20, 10
#: The titles of the lists of clients, by kind in client_day.
CLIENT_KINDS = {"installer": "Installers", "python": "Pythons", "machine": "Machines", "system": "Systems"}
#: The kinds of pages in visit_day, in words.
VISITED = {
    "home": "First page",
    "search": "Search",
    "project": "Projects",
    "log": "Logs",
    "failures": "Failures",
    "fleet": "Fleet",
    "statistics": "Statistics",
    "report": "Build report",
    "help": "How to use, questions and answers",
    "json": "JSON, by programs",
}
#: Keys of one kind, such as systems, looked up at most: clients may invent any number.
MOST_WORDS = 2000
#: Characters shown of a client's key.
MOST_LETTERS = 60

_TARGET = re.compile(r"([^-]+-[^-]+-[^-]+)-(glibc|musl)([\d.]+)")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = date(1970, 1, 1).toordinal()


@dataclass
class Period:
    """One day or month; `name` is its ISO date. `queued` is the greatest length of the queue; None: unknown."""

    name: str
    built: int = 0
    failed: int = 0
    refused: int = 0
    build_seconds: float = 0.0
    downloads: int = 0
    saved_seconds: float = 0.0
    queued: int | None = None


@dataclass(frozen=True)
class Use:
    """The downloads of a project or by a kind of client. `page`: whether the site has a page of the project;
    `display_name`: the name as the project writes it, where that is known."""

    name: str
    downloads: int
    saved_seconds: float = 0.0
    page: bool = False
    display_name: str = ""


@dataclass(frozen=True)
class TargetWheels:
    """Our wheels that serve a target; one wheel may serve several."""

    name: str
    wheels: int
    bytes: int

    @property
    def explained(self) -> str:
        """The target in words: `CPython 3.11, Linux on 64-bit ARM, glibc 2.36`."""
        match = _TARGET.fullmatch(self.name)
        return f"{explain_tag(match[1])}, {match[2]} {match[3]}" if match else self.name


@dataclass(frozen=True)
class Statistics:
    """The facts of the page. `totals` are of all time: wheels, bytes, built, failed, refused, build-seconds, downloads,
    saved-seconds."""

    totals: Mapping[str, float]
    days: Sequence[Period] = ()
    months: Sequence[Period] = ()
    targets: Sequence[TargetWheels] = ()
    projects: Sequence[Use] = ()
    clients: Mapping[str, Sequence[Use]] = field(default_factory=dict)
    #: Visits in the days shown, by kind of page; the most visited first.
    visits: Mapping[str, int] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """The statistics for programs."""
        return {
            "totals": {name.replace("-", "_"): _rounded(value) for name, value in self.totals.items()},
            "days": [_period_data("day", period) for period in self.days],
            "months": [_period_data("month", period) for period in self.months],
            "targets": [{"target": each.name, "wheels": each.wheels, "bytes": each.bytes} for each in self.targets],
            "projects": [
                {"name": use.name, "downloads": use.downloads, "saved_seconds": _rounded(use.saved_seconds)}
                for use in self.projects
            ],
            "clients": {
                kind: [{"name": use.name, "downloads": use.downloads} for use in uses]
                for kind, uses in self.clients.items()
            },
            "visits": dict(self.visits),
        }


def pages(db: sqlite3.Connection, render: Renderer) -> Iterator[tuple[str, bytes]]:
    """The page and its data, by path below the site."""
    statistics = read(db)
    builds, queue, downloads = _build_plots(statistics), _queue_plot(statistics.days), _download_plots(statistics)
    yield (
        "statistics/index.html",
        render.page(
            "statistics/index.html",
            "statistics.html.j2",
            facts=statistics,
            ever=_success(statistics.totals["built"], statistics.totals["failed"] + statistics.totals["refused"]),
            lately=_success(
                sum(day.built for day in statistics.days), sum(day.failed + day.refused for day in statistics.days)
            ),
            build_plots=builds,
            queue_plot=queue,
            download_plots=downloads,
            client_kinds=CLIENT_KINDS,
            visited=VISITED,
            bars=bars,
            steps=steps,
            share=share,
        ),
    )
    yield "statistics/statistics.json", as_json(statistics.as_data())


def read(db: sqlite3.Connection) -> Statistics:
    """Read the statistics; the cost is bounded by the rows of two years, by day."""
    totals = {"wheels": 0, "bytes": 0, "built": 0, "failed": 0, "refused": 0, "build-seconds": 0, "downloads": 0,
              "saved-seconds": 0}  # fmt: skip
    for row in db.execute(
        "SELECT CASE kind WHEN 'outcome' THEN key ELSE kind END AS name, value FROM counter "
        "WHERE kind IN ('outcome', 'build-seconds', 'wheels', 'bytes', 'downloads', 'saved-seconds')"
    ):
        totals[row["name"]] = row["value"]
    statistics = Statistics(totals, targets=_targets(db), projects=_projects(db))
    known = _known_days(db)
    if not known:
        return statistics
    first, last = known
    shown = range(max(last - MOST_DAYS + 1, min(first, last - FEWEST_DAYS + 1)), last + 1)
    if first >= shown.start:
        by_day = _by_day(db, shown)
        months = []
    else:
        by_day = _by_day(db, range(max(_first_of_month(first), _first_of_month(last, MOST_MONTHS - 1)), last + 1))
        months = _by_month(by_day.values())
    days = [by_day[day] for day in shown]
    _add_queue(db, days, shown)
    clients = {kind: uses for kind in CLIENT_KINDS if (uses := _clients(db, kind, shown.start))}
    return replace(statistics, days=days, months=months, clients=clients, visits=_visits(db, shown))


def _known_days(db: sqlite3.Connection) -> tuple[int, int] | None:
    """The first and the last day with any data; None without data."""
    known = db.execute(
        """
        SELECT (SELECT min(day) FROM build_day), (SELECT max(day) FROM build_day),
               (SELECT min(hour) FROM queue_hour) / 24, (SELECT max(hour) FROM queue_hour) / 24,
               (SELECT min(day) FROM client_day WHERE kind = 'all' AND key = ''),
               (SELECT max(day) FROM client_day WHERE kind = 'all' AND key = '')
        """
    ).fetchone()
    days = [day for day in known if day is not None]
    return (min(days), max(days)) if days else None


def _by_day(db: sqlite3.Connection, days: range) -> dict[int, Period]:
    periods = {day: Period(_iso(day)) for day in days}
    span = (days.start, days.stop - 1)
    for day, built, failed, refused, seconds in db.execute(
        """
        SELECT day, sum(builds * (outcome = 'built')), sum(builds * (outcome = 'failed')),
               sum(builds * (outcome = 'refused')), sum(seconds)
        FROM build_day WHERE day BETWEEN ? AND ? GROUP BY day
        """,
        span,
    ):
        periods[day] = Period(_iso(day), built, failed, refused, seconds)
    for day, downloads in db.execute(
        "SELECT day, downloads FROM client_day WHERE kind = 'all' AND key = '' AND day BETWEEN ? AND ?", span
    ):
        periods[day].downloads = downloads
    for day, seconds in db.execute("SELECT day, seconds FROM saved_day WHERE day BETWEEN ? AND ?", span):
        periods[day].saved_seconds = seconds
    return periods


def _add_queue(db: sqlite3.Connection, periods: Sequence[Period], days: range) -> None:
    """Set the queue's greatest length of each day. A recorded length holds until the next one."""
    noted: dict[int, list[int]] = {}
    for hour, queued in db.execute(
        "SELECT hour, queued FROM queue_hour WHERE hour >= ? ORDER BY hour", (days.start * 24,)
    ):
        noted.setdefault(hour // 24, []).append(queued)
    before = db.execute(
        "SELECT queued FROM queue_hour WHERE hour < ? ORDER BY hour DESC LIMIT 1", (days.start * 24,)
    ).fetchone()
    held = [before["queued"]] if before else []
    for period, day in zip(periods, days):
        lengths = held + noted.get(day, [])
        if lengths:
            period.queued = max(lengths)
            held = lengths[-1:]


def _by_month(days: Iterable[Period]) -> list[Period]:
    months: dict[str, Period] = {}
    for day in days:
        month = months.setdefault(day.name[:7], Period(day.name[:7]))
        month.built += day.built
        month.failed += day.failed
        month.refused += day.refused
        month.build_seconds += day.build_seconds
        month.downloads += day.downloads
        month.saved_seconds += day.saved_seconds
    return list(months.values())


def _targets(db: sqlite3.Connection) -> list[TargetWheels]:
    rows = db.execute(
        """
        SELECT t.name, w.value AS wheels, coalesce(b.value, 0) AS bytes
        FROM counter w JOIN target t ON t.id = CAST(w.key AS INTEGER)
        LEFT JOIN counter b ON b.kind = 'target-bytes' AND b.key = w.key
        WHERE w.kind = 'target-wheels' AND w.value > 0 ORDER BY w.value DESC, t.name
        """
    )
    return [TargetWheels(row["name"], row["wheels"], row["bytes"]) for row in rows]


def _projects(db: sqlite3.Connection) -> list[Use]:
    rows = db.execute(
        """
        SELECT u.name, u.downloads, u.saved_seconds,
               EXISTS (SELECT 1 FROM site_project s WHERE s.name = u.name) AS page,
               coalesce((SELECT p.display_name FROM project p WHERE p.name = u.name), u.name) AS display_name
        FROM use_total u WHERE u.downloads > 0 ORDER BY u.downloads DESC, u.name LIMIT ?
        """,
        (MOST_PROJECTS,),
    )
    return [
        Use(
            printable(row["name"]),
            row["downloads"],
            row["saved_seconds"],
            bool(row["page"]),
            printable(row["display_name"]),
        )
        for row in rows
    ]


def _clients(db: sqlite3.Connection, kind: str, since: int) -> list[Use]:
    """The keys with most downloads since a day, and the others as one. Each key is looked up on its own: for a few
    dozen keys over years of days this costs a hundredth of reading all rows of the kind."""
    rows = db.execute(
        """
        WITH RECURSIVE known (key) AS (
            SELECT min(key) FROM client_day WHERE kind = :kind
            UNION ALL
            SELECT (SELECT min(key) FROM client_day WHERE kind = :kind AND key > known.key)
            FROM known WHERE known.key IS NOT NULL LIMIT :most
        )
        SELECT key, (SELECT sum(downloads) FROM client_day c
                     WHERE c.kind = :kind AND c.key = known.key AND c.day >= :since) AS downloads
        FROM known WHERE key IS NOT NULL
        """,
        {"kind": kind, "since": since, "most": MOST_WORDS},
    )
    uses = [Use(_client_name(row["key"]), row["downloads"]) for row in rows if row["downloads"]]
    uses.sort(key=lambda use: (-use.downloads, use.name))
    rest = sum(use.downloads for use in uses[MOST_CLIENTS:])
    return uses[:MOST_CLIENTS] + ([Use("all others", rest)] if rest else [])


def _visits(db: sqlite3.Connection, days: range) -> dict[str, int]:
    rows = db.execute(
        "SELECT kind, sum(visits) AS n FROM visit_day WHERE day BETWEEN ? AND ? GROUP BY kind ORDER BY n DESC, kind",
        (days.start, days.stop - 1),
    )
    return {row["kind"]: row["n"] for row in rows if row["kind"] in VISITED}


def _client_name(key: str) -> str:
    """A client's key for display; it is untrusted text."""
    name = printable(key).strip() or "not said"
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"


def _build_plots(facts: Statistics) -> list[Plot]:
    plots = []
    for name, title, periods in (
        ("builds-by-day", "Builds by day", facts.days),
        ("builds-by-month", "Builds by month", facts.months),
    ):
        built = Series("built", "built", [period.built for period in periods])
        failed = Series("failed", "failed", [period.failed + period.refused for period in periods])
        if any(built.values) or any(failed.values):
            plots.append(_plot(name, title, "builds", periods, [built, failed]))
    plots[1:1] = _time_plot("time-by-day", "Time spent building by day", facts.days, "built", "build_seconds")
    return plots


def _time_plot(name: str, title: str, days: Sequence[Period], css: str, what: str) -> list[Plot]:
    """Seconds of each day as hours, or as minutes if no day has an hour; empty if all are 0."""
    seconds = [getattr(day, what) for day in days]
    if not any(seconds):
        return []
    unit, size = ("hours", 3600) if max(seconds) >= 3600 else ("minutes", 60)
    plot = _plot(name, title, unit, days, [Series(unit, css, [each / size for each in seconds])])
    return [replace(plot, whole=False)]


def _queue_plot(days: Sequence[Period]) -> Plot | None:
    known = [day for day in days if day.queued is not None]
    if not any(day.queued for day in known):
        return None
    queued = Series("queued", "waiting", [day.queued or 0 for day in known])
    return _plot("queue", "Longest queue of each day", "builds that wait", known, [queued])


def _download_plots(facts: Statistics) -> list[Plot]:
    plots = []
    for name, title, periods in (
        ("downloads-by-day", "Downloads by day", facts.days),
        ("downloads-by-month", "Downloads by month", facts.months),
    ):
        downloads = Series("downloads", "upstream", [period.downloads for period in periods])
        if any(downloads.values):
            plots.append(_plot(name, title, "downloads", periods, [downloads]))
    title = "Building saved by downloads, by day"
    plots[1:1] = _time_plot("saved-by-day", title, facts.days, "upstream", "saved_seconds")
    return plots


def _plot(name: str, title: str, unit: str, periods: Sequence[Period], series: Sequence[Series]) -> Plot:
    names = [period.name for period in periods]
    return Plot(name, title, unit, names, series, _marks(names))


def _marks(names: Sequence[str]) -> dict[int, str]:
    """Labels by column, at equal distances counted from the last one: whole weeks, or whole quarters of a year."""
    in_months = len(names[0]) == len("2026-11")
    least = 3 if in_months else 7
    distance = least * max(1, math.ceil(len(names) / least / MOST_MARKS))
    marked = [index for index in range(len(names)) if (len(names) - 1 - index) % distance == 0]
    if not in_months:
        return {index: f"{int(names[index][8:])} {_month(names[index])}" for index in marked}
    with_year = len(names) > 12
    return {
        index: f"{_month(names[index])} {names[index][:4]}" if with_year else _month(names[index]) for index in marked
    }


def _month(name: str) -> str:
    # Not strftime: its text depends on the locale of the publishing process.
    return _MONTHS[int(name[5:7]) - 1]


def _iso(day: int) -> str:
    return date.fromordinal(_EPOCH + day).isoformat()


def _first_of_month(day: int, before: int = 0) -> int:
    """The first day of a day's month, or of the month `before` months earlier; days are since the epoch."""
    then = date.fromordinal(_EPOCH + day)
    year, month = divmod(then.year * 12 + then.month - 1 - before, 12)
    return date(year, month + 1, 1).toordinal() - _EPOCH


def _success(built: float, other: float) -> str | None:
    """The share of builds that succeeded, in words; None without builds."""
    return percent(built / (built + other)) if built + other else None


def _rounded(value: float) -> float:
    return value if isinstance(value, int) else round(value, 1)


def _period_data(kind: str, period: Period) -> dict[str, Any]:
    data = {
        kind: period.name,
        "built": period.built,
        "failed": period.failed,
        "refused": period.refused,
        "build_seconds": _rounded(period.build_seconds),
        "downloads": period.downloads,
        "saved_seconds": _rounded(period.saved_seconds),
    }
    return data if period.queued is None else {**data, "queued": period.queued}
