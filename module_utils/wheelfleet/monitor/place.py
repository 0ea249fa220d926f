"""Where the operator is: the view, and the chosen row of each."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from ..catalog.events import Event
from ..site.queue_head import Queued
from .catalog_part import FailureCount
from .snapshot import Host, RunningBuild, Snapshot

#: What views list.
Row = Host | RunningBuild | Queued | Event | FailureCount


class View(Enum):
    """The screens, in the order of their keys."""

    FLEET = "Fleet"
    BUILDS = "Builds"
    QUEUE = "Queue"
    EVENTS = "Events"
    FAILURES = "Failures"


@dataclass
class Place:
    """Where the operator is: the view, the chosen row of each, whether its details fill the screen; a `message` at the
    foot, and a `question` that is being answered, with what was typed so far."""

    view: View = View.FLEET
    chosen: dict[View, int] = field(default_factory=dict)
    details: bool = False
    help: bool = False
    message: str = ""
    question: str = ""
    #: None: no text is asked for.
    typed: str | None = None
    #: Whether this account may ask for the ends of logs.
    may_watch: bool = True
    #: How many rows the last frame could show, for the keys that turn pages.
    page: int = 10

    #: The thing in the chosen row of each view.
    things: dict[View, Hashable] = field(default_factory=dict)

    @property
    def row(self) -> int:
        """The number of the chosen row."""
        return self.chosen.get(self.view, 0)

    def choose(self, number: int, rows: Sequence[Row]) -> None:
        """Choose a row, or the nearest there is."""
        row = min(max(number, 0), max(len(rows) - 1, 0))
        self.chosen[self.view] = row
        self.things[self.view] = _identity(rows[row]) if rows else None

    def follow(self, rows: Sequence[Row]) -> None:
        """Stay with the chosen thing, wherever it stands by now; but of builders, the first row stays the first."""
        if self.row or self.view is View.FLEET:
            known = (number for number, row in enumerate(rows) if _identity(row) == self.things.get(self.view))
            self.choose(next(known, self.row), rows)

    def window(self, count: int, room: int) -> range:
        """The rows that fit, with the chosen one among them."""
        self.page = max(room, 1)
        first = min(max(self.row - room // 2, 0), max(count - room, 0))
        return range(first, min(first + room, count))


def _identity(row: Row) -> Hashable:
    """What stays the same of a row from one snapshot to the next."""
    if isinstance(row, RunningBuild):
        return row.host, row.name, row.version, row.target
    if isinstance(row, Queued):
        return row.name, row.version, row.target
    if isinstance(row, Event):
        return row.at, row.host, row.sentence
    return row.name


def rows_of(snapshot: Snapshot, view: View) -> Sequence[Row]:
    """What a view lists, in its order."""
    part = snapshot.catalog
    troubled_first: list[Host] = sorted(snapshot.hosts, key=lambda host: not host.is_troubled)
    lists: dict[View, Sequence[Row]] = {
        View.FLEET: troubled_first,
        View.BUILDS: snapshot.builds,
        View.QUEUE: part.queue,
        View.EVENTS: part.events[::-1],
        View.FAILURES: part.failures,
    }
    return lists[view]


def chosen_row(snapshot: Snapshot, place: Place) -> Row | None:
    """The row that the operator chose; the last one if there are fewer by now."""
    rows = rows_of(snapshot, place.view)
    return rows[min(place.row, len(rows) - 1)] if rows else None
