"""The preview of check mode: the builds in the queue, in words."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from ..catalog.counters import totals
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
    """The preview of the queue for the targets of this run's builders, with at most `most` builds; None: all.

    Reads counters, and that many rows of the queue's index for each target.
    """
    targets = {str(row["id"]): row for row in db.execute(_OFFERED)}
    now, later = (totals(db, kind) for kind in ("queue-builds", "queue-later"))
    rows = [
        (row["priority"], -row["predicted_seconds"], row["name"], row["version"], target["name"])
        for target in targets.values()
        for row in db.execute(_HEAD, (target["id"], -1 if most is None else most))
    ]
    builds = [
        f"{name} {version} for {target} ({why(priority)})" for priority, _, name, version, target in sorted(rows)[:most]
    ]
    return Preview(builds, *(sum(of_kind.get(target, 0) for target in targets) for of_kind in (now, later)))


_OFFERED = "SELECT id, name FROM target WHERE id IN (SELECT target_id FROM builder_target)"
_HEAD = """
    SELECT w.priority, w.predicted_seconds, p.name, r.version FROM release_target w
    CROSS JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id
    WHERE w.need = 'now' AND w.target_id = ? ORDER BY w.priority, w.predicted_seconds DESC, w.release_id LIMIT ?
    """
