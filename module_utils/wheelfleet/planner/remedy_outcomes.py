"""What became of remedies: the table `remedy_outcome`, and the order in which it says to try them.

A remedy helped if the next attempt got past the failure that it was for: it gave a wheel, or failed in another way and
not earlier. That is known for each failure class and project. A remedy that helped the same project against the same
class goes first; else the share of its successes counts, once it was tried often enough.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..contract.result import PHASES

#: So often a remedy is tried against a class before its successes count.
ENOUGH = 3
#: The score of a remedy of which not enough is known.
UNTRIED = 0.5
#: In the entry of a remedy that an attempt is the first to try: the failure class that it is for.
FOR = "for"


@dataclass(frozen=True)
class Record:
    """By name of a remedy, its score against a failure class, and whether it helped the project against it before."""

    scores: Mapping[str, float] = field(default_factory=dict)
    helped_here: frozenset[str] = frozenset()

    def rank(self, name: str, *, last: bool = False) -> tuple[bool, bool, float]:
        """Sort key of a remedy: the lowest is tried first, and `last` ones after all that did not help here."""
        return name not in self.helped_here, last, -self.scores.get(name, UNTRIED)

    def promises(self, name: str) -> bool:
        """Whether it did not fail more often than it helped."""
        return name in self.helped_here or self.scores.get(name, UNTRIED) >= UNTRIED


NO_RECORD = Record()


def record_of(db: sqlite3.Connection, failure_class: str, project_id: int) -> Record:
    """What is known of the remedies against a failure class."""
    rows = db.execute(
        """
        SELECT name, sum(applied) AS applied, sum(helped) AS helped,
               max(project_id = ? AND helped > 0) AS here
        FROM remedy_outcome WHERE failure_class = ? GROUP BY name
        """,
        (project_id, failure_class),
    ).fetchall()
    return Record(
        {row["name"]: (row["helped"] + 1) / (row["applied"] + 2) for row in rows if row["applied"] >= ENOUGH},
        frozenset(row["name"] for row in rows if row["here"]),
    )


def note(db: sqlite3.Connection, attempt: sqlite3.Row, applied: Sequence[Mapping[str, Any]]) -> None:
    """Record whether the remedies that this attempt was the first to try helped. `attempt` has its project's ID."""
    new = [entry for entry in applied if entry.get(FOR)]
    if not new:
        return
    helped = attempt["outcome"] == "built" or _got_past(db, attempt)
    for entry in new:
        db.execute(
            """
            INSERT INTO remedy_outcome (failure_class, name, project_id, applied, helped) VALUES (?, ?, ?, 1, ?)
            ON CONFLICT DO UPDATE SET applied = applied + 1, helped = helped + excluded.helped
            """,
            (entry[FOR], entry["name"], attempt["project_id"], int(helped)),
        )


def _got_past(db: sqlite3.Connection, attempt: sqlite3.Row) -> bool:
    """Whether an attempt failed in another way than the one before, and not in an earlier phase."""
    before = db.execute(
        """
        SELECT failure_class, subject, sentence, phase FROM attempt
        WHERE release_id = ? AND target_id = ? AND sdist_sha256 IS ? AND id <> ? AND NOT superseded
          AND state = 'done' AND retry_with IS NOT NULL
        ORDER BY finished_at DESC, json_array_length(retry_with) DESC LIMIT 1
        """,
        (attempt["release_id"], attempt["target_id"], attempt["sdist_sha256"], attempt["id"]),
    ).fetchone()
    if before is None or _place(attempt["phase"]) < _place(before["phase"]):
        return False
    return any(attempt[column] != before[column] for column in ("failure_class", "subject", "sentence"))


def _place(phase: str | None) -> int:
    return PHASES.index(phase) if phase in PHASES else len(PHASES)


def without_marks(applied: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries as remedies that were tried before."""
    return [{key: value for key, value in entry.items() if key != FOR} for entry in applied]
