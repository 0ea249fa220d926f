"""The lines at the end of a run: the state of the fleet, and the command that installs the newest wheel."""

from __future__ import annotations

import json
import sqlite3

from ..catalog.events import events
from ..planner import rebuild_sample
from ..text import printable
from .commands import interpreter_for, pip_commands
from .glossary import states
from .proposals import inventory_line
from .report import make_report

#: The titles of the statuses, as operators say them.
_TITLES = {status: state.title.lower() for status, state in states("upstream").items()} | {
    "upstream": "served by upstream"
}

#: Proposals shown, at most; the failures page has more.
MOST_PROPOSED = 10


def summary_lines(db: sqlite3.Connection, run: str, most: int = 20) -> list[str]:
    """The lines for the end of a run: counts, proposed packages, events of `run`, unconsidered parts of the scope, then
    at most `most` lines for failures (those of `run` first) and for names not found or not read.
    """
    report = make_report(db)
    counts = [f"{title} {report.counts[status]}" for status, title in _TITLES.items() if report.counts[status]]
    lines = [", ".join(counts).capitalize() + "." if counts else "Nothing is in scope."]
    if report.failures:
        lines.append("Failures: " + ", ".join(f"{name} {many}" for name, many in report.failure_classes) + ".")
    lines += [again] if (again := rebuild_sample.summary(db, run)) else []
    if report.proposals:
        lines += [f"Proposal: {proposal.sentence}." for proposal in report.proposals[:MOST_PROPOSED]]
        lines.append(f"For the inventory: {inventory_line(report.proposals[:MOST_PROPOSED])}")
    lines += [f"{event.host}: {printable(event.sentence)}" for event in events(db, run, most)]
    lines += [each.line for each in report.unconsidered]
    named = {each.project for each in report.unconsidered}
    troubled = [row for status in ("failed", "not-found", "trouble") for row in report.rows[status]]
    troubled = [row for row in troubled if row.status != "not-found" or row.project not in named]
    troubled.sort(key=lambda row: row.run != run)
    for row in troubled[:most]:
        label = row.failure_class or _TITLES[row.status]
        lines.append(" ".join(f"{row.subject}: {label}: {row.reason} {row.advice or ''}".split()))
    left_out = sum(report.counts[status] for status in ("failed", "not-found", "trouble")) - len(troubled[:most])
    left_out -= sum(row.project in named for row in report.rows["not-found"])
    if left_out:
        lines.append(f"… and {left_out} more; the failures page has them.")
    return lines


def install_line(db: sqlite3.Connection, index_url: str) -> str:
    """The shell command that installs the wheel admitted last; empty while there is none.

    It names the version, because upstream may have a newer one without a wheel.
    """
    newest = db.execute(
        """
        SELECT p.display_name, r.version, w.tags, w.id
        FROM wheel w JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id
        WHERE p.state = 'present' AND w.removed_at IS NULL AND w.withdrawn_at IS NULL
          AND w.yanked IS NULL AND r.yanked IS NULL
          AND EXISTS (SELECT 1 FROM upstream_file f WHERE f.release_id = r.id AND f.yanked IS NULL)
        ORDER BY w.id DESC LIMIT 1
        """
    ).fetchone()
    if newest is None:
        return ""
    requirement = f"{printable(newest['display_name'])}=={newest['version']}"
    served = db.execute(
        "SELECT t.name FROM target t JOIN wheel_target s ON s.target_id = t.id WHERE s.wheel_id = ? "
        "ORDER BY t.preference, t.id",
        (newest["id"],),
    )
    python = interpreter_for(json.loads(newest["tags"]), [row["name"] for row in served])
    return " && ".join(pip_commands(index_url, requirement, python))
