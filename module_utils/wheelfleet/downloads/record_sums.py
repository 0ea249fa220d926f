"""Records the sums of web nodes in the catalog: sums and positions in one transaction, each line once.

A web node is public and its log has untrusted text, so its answer is checked here again.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..catalog import counters, priorities, release_targets
from ..catalog.database import Catalog
from ..names import is_project_name, normalize
from .access_log import AHEAD, DAY, LONGEST_AGO, VISIT_KINDS, Download, Lookup, Visit
from .log_rotation import Position
from .user_agents import Client

#: Names a day that the catalog does not know. Some are wanted; the limit keeps made-up names from filling the disk.
MOST_UNKNOWN_NAMES = 1000
#: Different Pythons, machines or systems a day.
MOST_KEYS = 200
#: Seconds after which the position in a missing file is dropped. Logs are kept for two weeks by default.
FORGET_SECONDS = 60 * DAY


class BadAnswer(Exception):
    """A web node's answer is not in the format of M(wheelfleet_downloads); the message ends a sentence."""


class Overtaken(Exception):
    """Another run counted this log meanwhile: nothing was recorded; repeat the request."""


@dataclass
class Use:
    """Numbers to add to a project's day."""

    downloads: int = 0
    lookups: int = 0
    saved_seconds: float = 0.0


@dataclass
class Sums:
    """The numbers that an answer adds to the catalog. Days are days since the epoch, UTC."""

    projects: dict[tuple[int, str], Use] = field(default_factory=dict)
    #: By day, kind and key, as in `client_day`.
    clients: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    visits: Counter[Visit] = field(default_factory=Counter)
    #: The size of the wheels that were downloaded, each time, in bytes.
    served_bytes: int = 0

    @property
    def downloads(self) -> int:
        """The downloads of all projects."""
        return sum(use.downloads for use in self.projects.values())

    @property
    def lookups(self) -> int:
        """The look-ups of all projects."""
        return sum(use.lookups for use in self.projects.values())


@dataclass(frozen=True)
class Answer:
    """A web node's answer, checked; see access_log.Reading."""

    positions: Sequence[Position]
    lost: Sequence[Position]
    more: bool
    lines: int
    garbage: int
    downloads: Sequence[tuple[Download, int]]
    lookups: Sequence[tuple[Lookup, int]]
    visits: Sequence[tuple[Visit, int]]


def read_answer(answer: Mapping[str, Any], now: float) -> Answer:
    """Check an answer; `now` is in seconds since the epoch. Raises BadAnswer."""
    try:
        clients = [Client(*map(_text, client)) for client in answer["clients"]]
        return Answer(
            positions=[_position(*each) for each in answer["positions"]],
            lost=[_position(*each) for each in answer["lost"]],
            more=answer["more"] is True,
            lines=_number(answer["lines"]),
            garbage=_number(answer["garbage"]),
            downloads=[
                (Download(_day(day, now), _name(name), _text(filename), clients[_number(client)]), _number(n))
                for day, name, filename, client, n in answer["downloads"]
            ],
            lookups=[(Lookup(_day(day, now), _name(name)), _number(n)) for day, name, n in answer["lookups"]],
            visits=[(Visit(_day(day, now), _kind(kind)), _number(n)) for day, kind, n in answer["visits"]],
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadAnswer(
            f"it answers what wheelfleet_downloads does not say ({error!r:.200}); see what runs there in its place"
        ) from error


def counted_positions(db: sqlite3.Connection, host: str) -> list[Position]:
    """The positions up to which the log files of a web node were counted."""
    rows = db.execute("SELECT head, offset, at FROM log_position WHERE host = ? ORDER BY head", (host,))
    return [Position(row["head"], row["offset"], row["at"]) for row in rows]


def record_answer(catalog: Catalog, host: str, counted: Sequence[Position], answer: Answer, now: float) -> Sums:
    """Add an answer to the request with the positions `counted`, and store its positions, in one transaction.

    Returns the sums of the answer. Raises Overtaken.
    """
    sums = add_up(catalog.db, answer)
    lost = (position for position in answer.lost if now - position.at < FORGET_SECONDS)
    remembered = sorted({position.head: position for position in (*lost, *answer.positions)}.values())
    if remembered == sorted(counted) and not sums.projects:
        return sums
    with catalog.writing() as db:
        if counted_positions(db, host) != sorted(counted):
            raise Overtaken
        db.execute("DELETE FROM log_position WHERE host = ?", (host,))
        db.executemany(
            "INSERT INTO log_position (host, head, offset, at) VALUES (?, ?, ?, ?)",
            [(host, *position) for position in remembered],
        )
        _add_projects(db, sums)
        _add_clients(db, sums)
        _add_visits(db, sums)
        counters.add(db, "served-bytes", "", sums.served_bytes)
    return sums


def add_up(db: sqlite3.Connection, answer: Answer) -> Sums:
    """Add up an answer: downloads of our wheels, with the build time that each saved, and look-ups of any name."""
    sums = Sums()
    wheels: dict[tuple[str, str], tuple[float, int] | None] = {}
    for download, n in answer.downloads:
        day, wheel = download.day, (download.project, download.filename)
        if wheel not in wheels:
            wheels[wheel] = _cost_of(db, *wheel)
        cost = wheels[wheel]
        if cost is None:
            continue
        seconds, size = cost
        sums.served_bytes += n * size
        use = sums.projects.setdefault((day, download.project), Use())
        use.downloads += n
        use.saved_seconds += n * seconds
        sums.clients[day, "all", ""] += n
        for kind, key in download.client._asdict().items():
            if key:
                sums.clients[day, kind, key] += n
    for lookup, n in answer.lookups:
        sums.projects.setdefault((lookup.day, lookup.project), Use()).lookups += n
    for visit, n in answer.visits:
        sums.visits[visit] += n
    return sums


def _cost_of(db: sqlite3.Connection, name: str, filename: str) -> tuple[float, int] | None:
    """Seconds that the build of a wheel took, and its size in bytes; None for a wheel that is not ours."""
    row = db.execute(
        """
        SELECT coalesce(a.seconds, 0) AS seconds, w.size FROM wheel w LEFT JOIN attempt a ON a.id = w.attempt_id
        JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id
        WHERE w.filename = ? AND p.name = ?
        """,
        (filename, name),
    ).fetchone()
    return None if row is None else (float(row["seconds"]), int(row["size"]))


def _add_projects(db: sqlite3.Connection, sums: Sums) -> None:
    for (day, name), use in sorted(sums.projects.items()):
        if _is_counted(db, day, name):
            before = _asked_level(db, name)
            db.execute(
                """
                INSERT INTO use_day (name, day, downloads, lookups, saved_seconds) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (name, day) DO UPDATE SET downloads = downloads + excluded.downloads,
                    lookups = lookups + excluded.lookups, saved_seconds = saved_seconds + excluded.saved_seconds
                """,
                (name, day, use.downloads, use.lookups, use.saved_seconds),
            )
            if _asked_level(db, name) != before:
                release_targets.set_priorities(db, name)


def _asked_level(db: sqlite3.Connection, name: str) -> int | None:
    """The place in the queue that the look-ups of a project without wheels earn it."""
    row = db.execute("SELECT lookups FROM use_total WHERE name = ?", (name,)).fetchone()
    return priorities.asked_level(row["lookups"]) if row else None


def _is_counted(db: sqlite3.Connection, day: int, name: str) -> bool:
    """Whether a name is counted on a day; a new name that the catalog does not know uses up a place."""
    known = "SELECT 1 FROM project WHERE name = ? UNION ALL SELECT 1 FROM use_day WHERE name = ? AND day = ?"
    if db.execute(known, (name, name, day)).fetchone():
        return True
    return counters.count_up_to(db, "unknown-names", str(day), MOST_UNKNOWN_NAMES)


def _add_clients(db: sqlite3.Connection, sums: Sums) -> None:
    for (day, kind, key), n in sorted(sums.clients.items()):
        there = db.execute(
            "SELECT 1 FROM client_day WHERE kind = ? AND key = ? AND day = ?", (kind, key, day)
        ).fetchone()
        if there is None:
            (keys,) = db.execute("SELECT count(*) FROM client_day WHERE kind = ? AND day = ?", (kind, day)).fetchone()
            if keys >= MOST_KEYS:
                continue
        db.execute(
            """
            INSERT INTO client_day (day, kind, key, downloads) VALUES (?, ?, ?, ?)
            ON CONFLICT (kind, key, day) DO UPDATE SET downloads = downloads + excluded.downloads
            """,
            (day, kind, key, n),
        )


def _add_visits(db: sqlite3.Connection, sums: Sums) -> None:
    db.executemany(
        """
        INSERT INTO visit_day (day, kind, visits) VALUES (?, ?, ?)
        ON CONFLICT (day, kind) DO UPDATE SET visits = visits + excluded.visits
        """,
        [(*visit, n) for visit, n in sorted(sums.visits.items())],
    )


def _position(head: object, offset: object, at: object) -> Position:
    if not isinstance(at, (int, float)) or not 0 <= at < 1 << 53:
        raise ValueError(at)
    return Position(_text(head), _number(offset), float(at))


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError(value)
    return value


def _day(value: object, now: float) -> int:
    day = _number(value)
    # Two days more, because the clocks of the two hosts differ.
    if not -LONGEST_AGO - 2 <= day - now // DAY <= AHEAD + 2:
        raise ValueError(day)
    return day


def _kind(value: object) -> str:
    if value not in VISIT_KINDS:
        raise ValueError(value)
    return str(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 300 or not (value.isascii() and value.isprintable()):
        raise ValueError(value)
    return value


def _name(value: object) -> str:
    name = _text(value)
    if not is_project_name(name) or normalize(name) != name:
        raise ValueError(name)
    return name
