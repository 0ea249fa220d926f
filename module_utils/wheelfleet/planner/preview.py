"""The preview of check mode: the builds in the queue, in words."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from ..catalog.priorities import why

#: Most builds that are listed without `--diff`, so that the list fits a terminal.
MOST_PREVIEWED = 50


@dataclass(frozen=True)
class Preview:
    """The first builds of the queue that could begin now, such as "spidev 3.8 for cp311-… (WHY)", with the reason of
    their place; their number `in_all`, and the number of those that wait (`later`) because another target of their
    release is tried first."""

    builds: list[str] = field(default_factory=list)
    in_all: int = 0
    later: int = 0

    @property
    def lines(self) -> list[str]:
        """The printed preview: a line for each build, then their number."""
        if not self.in_all:
            return ["Nothing would be built."]
        total = f"{self.in_all:,} {'build' if self.in_all == 1 else 'builds'} would begin"
        if len(self.builds) < self.in_all:
            total += f"; the first {len(self.builds):,} are listed, --check --diff lists all"
        if self.later:
            total += f"; {self.later:,} for other targets wait for what those tell"
        return [*(f"would build {build}" for build in self.builds), f"{total}."]


def preview(db: sqlite3.Connection, most: int | None) -> Preview:
    """The preview of the queue for the targets of this run's builders, with at most `most` builds; None: all."""
    counts = dict.fromkeys(("now", "later"), 0) | dict(
        db.execute(
            """
            SELECT need, count(*) FROM release_target
            WHERE need IN ('now', 'later') AND target_id IN (SELECT target_id FROM builder_target) GROUP BY need
            """
        )
    )
    rows = db.execute(
        """
        SELECT p.name, r.version, t.name AS target, w.priority FROM release_target w
        JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id JOIN target t ON t.id = w.target_id
        WHERE w.need = 'now' AND w.target_id IN (SELECT target_id FROM builder_target)
        ORDER BY w.priority, w.predicted_seconds DESC, p.name LIMIT ?
        """,
        (-1 if most is None else most,),
    )
    builds = [f"{row['name']} {row['version']} for {row['target']} ({why(row['priority'])})" for row in rows]
    return Preview(builds, counts["now"], counts["later"])
