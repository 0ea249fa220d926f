"""What a run would build: the queue in people's words, for check mode."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

#: Builds that are listed where the operator did not ask for all (`--diff`): a terminal can show so many.
MOST_PREVIEWED = 50


@dataclass(frozen=True)
class Preview:
    """The longest of the builds that could begin now, such as "spidev 3.8 for cp311-…", how many there are `in_all`,
    and how many more wait `later`, because another target of their release is tried first."""

    builds: list[str] = field(default_factory=list)
    in_all: int = 0
    later: int = 0

    @property
    def lines(self) -> list[str]:
        """The preview as a run prints it: a line for each build, then how many there are."""
        if not self.in_all:
            return ["Nothing would be built."]
        total = f"{self.in_all:,} {'build' if self.in_all == 1 else 'builds'} would begin"
        if len(self.builds) < self.in_all:
            total += f"; the {len(self.builds):,} longest are listed, --check --diff lists all"
        if self.later:
            total += f"; {self.later:,} for other targets wait for what those tell"
        return [*(f"would build {build}" for build in self.builds), f"{total}."]


def preview(db: sqlite3.Connection, most: int | None) -> Preview:
    """What the queue holds for the targets that the builders of this run offer; `most` builds by name, or all."""
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
        SELECT p.name, r.version, t.name AS target FROM release_target w
        JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id JOIN target t ON t.id = w.target_id
        WHERE w.need = 'now' AND w.target_id IN (SELECT target_id FROM builder_target)
        ORDER BY w.predicted_seconds DESC, p.name LIMIT ?
        """,
        (-1 if most is None else most,),
    )
    builds = [f"{row['name']} {row['version']} for {row['target']}" for row in rows]
    return Preview(builds, counts["now"], counts["later"])
