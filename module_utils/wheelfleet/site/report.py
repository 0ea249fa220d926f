"""The report: how many releases have which status, with the newest rows of each, events and proposed packages."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..catalog.counters import totals
from ..catalog.events import Event, events
from ..planner.unconsidered import Unconsidered, read_unconsidered
from ..text import printable
from .glossary import STATUSES
from .listing import timestamp
from .proposals import Proposal, proposals
from .status_rows import StatusRow, release_rows, rows_of_projects

#: Rows shown of each status, the newest first: a report of all rows would be too long to make and to open.
MOST_SHOWN = 100


@dataclass(frozen=True)
class Section:
    """One status on the report page."""

    status: str
    #: The number of all rows of the status; `rows` has the newest.
    count: int
    rows: list[StatusRow]


@dataclass
class Report:
    """The counts of all rows, and the newest rows of each status."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    rows: dict[str, list[StatusRow]] = field(default_factory=dict)
    #: The events of the builders, the latest first.
    events: list[Event] = field(default_factory=list)
    #: apt packages that would unblock builds, the most useful first.
    proposals: list[Proposal] = field(default_factory=list)
    #: The parts of the scope that could not be considered.
    unconsidered: list[Unconsidered] = field(default_factory=list)

    @property
    def sections(self) -> list[Section]:
        """A section for each status that has any rows."""
        return [Section(status, self.counts[status], self.rows[status]) for status in STATUSES if self.counts[status]]

    @property
    def failure_classes(self) -> list[tuple[str, int]]:
        """Failure classes with their counts, the most frequent first."""
        return sorted(self.failures.items(), key=lambda item: (-item[1], item[0]))

    def as_data(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "counts": {status: self.counts[status] for status in STATUSES},
            "failures": dict(self.failure_classes),
            "proposals": [proposal.as_data() for proposal in self.proposals],
            "not_considered": [each.as_data() for each in self.unconsidered],
            "most_shown_of_a_status": MOST_SHOWN,
            "events": [{**asdict(event), "at": timestamp(event.at)} for event in self.events],
            "rows": [row.as_data() for section in self.sections for row in section.rows],
        }


def make_report(db: sqlite3.Connection, most: int = MOST_SHOWN) -> Report:
    """Make the report of published rows (`site_release`) and counters; its cost follows the rows shown."""
    report = Report()
    report.counts.update(_totals(db, "status"))
    report.failures.update(_totals(db, "class-builds"))
    for status in STATUSES:
        keys = [
            (row["release_id"], row["target_id"])
            for row in db.execute(
                "SELECT release_id, target_id FROM site_release WHERE status = ? "
                "ORDER BY finished_at DESC, release_id DESC LIMIT ?",
                (status, most),
            )
        ]
        report.rows[status] = release_rows(db, keys)
    for status, many in _totals(db, "as-a-whole").items():
        if status:
            report.counts[status] += many
            report.rows[status] += rows_of_projects(db, status, most)
    for kept in report.rows.values():
        kept.sort(key=lambda row: (-(row.finished_at or 0), row.project, row.version or "", row.target or ""))
        del kept[most:]
    report.proposals = proposals(db)
    report.unconsidered = [_printable(each) for each in read_unconsidered(db)]
    report.events = [replace(event, sentence=printable(event.sentence)) for event in reversed(events(db))]
    return report


def _printable(each: Unconsidered) -> Unconsidered:
    return Unconsidered(**{key: printable(value) for key, value in each.as_data().items()})


def _totals(db: sqlite3.Connection, kind: str) -> dict[str, int]:
    return {key: value for key, value in totals(db, kind).items() if value}
