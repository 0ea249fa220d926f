"""What became of everything in scope, and why: the rows behind the report page and the end of a run.

Much of the text comes from strangers' packages and logs. Control characters are replaced here, once for all readers: in
a terminal they could rewrite lines or do worse. Escaping for HTML is the templates' matter.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..planner import rebuild_sample
from ..planner.events import Event, events
from ..planner.unconsidered import Unconsidered, read_unconsidered
from ..text import printable
from .commands import interpreter_for, pip_commands
from .counters import totals
from .listing import timestamp
from .proposals import Proposal, inventory_line, proposals

#: The statuses in the order people look for them, with what they are called.
STATUSES = {
    "failed": "Failed",
    "trouble": "Trouble reading upstream",
    "not-found": "Not found upstream",
    "waiting": "Waiting to be built",
    "built": "Built",
    "upstream": "Served by upstream",
    "skipped": "Skipped",
    "passed": "Passed over",
}

#: Rows shown of each status, the newest first: a report of everything would be too long to open, and to make.
MOST_SHOWN = 100
#: Packages that the end of a run proposes; the failures page has all of them.
MOST_PROPOSED_AT_THE_END = 10


@dataclass(frozen=True)
class ReportRow:
    """What became of one release on one target, or of a project as a whole (then without version and target)."""

    status: str
    #: The normalised name, and the name as its author spells it.
    project: str
    display_name: str
    reason: str
    version: str | None = None
    target: str | None = None
    finished_at: float | None = None
    builder: str | None = None
    seconds: float | None = None
    run: str | None = None
    #: Where the attempt's log is on the site.
    log: str | None = None
    #: The wheel of ours the target is served with, and where it is on the site.
    filename: str | None = None
    file: str | None = None
    size: int | None = None
    tags: tuple[str, ...] = ()
    #: Of a failure: its class, the lines of the log that show it, what would help.
    failure: str | None = None
    evidence: str | None = None
    remedy: str | None = None
    #: The apt package that has what the build lacked.
    package: str | None = None
    tried_again: bool = False
    #: The catalog's ids, for who goes on with the row.
    release_id: int | None = None
    target_id: int | None = None

    @property
    def subject(self) -> str:
        """What the row is about, for people."""
        release = f"{self.display_name} {self.version}" if self.version else self.display_name
        return f"{release} for {self.target}" if self.target else release

    def as_data(self) -> dict[str, Any]:
        """The row for programs: what is not known is left out."""
        ids = ("release_id", "target_id")
        data = {k: v for k, v in asdict(self).items() if v not in (None, (), False) and k not in ids}
        if self.finished_at is not None:
            data["finished_at"] = timestamp(self.finished_at)
        return data


@dataclass(frozen=True)
class Section:
    """One status on the report page."""

    status: str
    title: str
    #: All rows of the status, of which `rows` are the newest.
    count: int
    rows: list[ReportRow]


@dataclass
class Report:
    """All rows counted, and the most relevant ones kept, by status."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    rows: dict[str, list[ReportRow]] = field(default_factory=dict)
    #: What happened to the builders, the latest first.
    events: list[Event] = field(default_factory=list)
    #: apt packages that would unblock builds, the most useful first.
    proposals: list[Proposal] = field(default_factory=list)
    #: What was asked for and could not be considered.
    unconsidered: list[Unconsidered] = field(default_factory=list)

    @property
    def sections(self) -> list[Section]:
        """A section for each status that has any rows."""
        return [
            Section(status, title, self.counts[status], self.rows[status])
            for status, title in STATUSES.items()
            if self.counts[status]
        ]

    @property
    def failure_classes(self) -> list[tuple[str, int]]:
        """Failure classes with their numbers, the most frequent first."""
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


def project_rows(db: sqlite3.Connection, project_ids: Sequence[int]) -> dict[int, list[ReportRow]]:
    """What became of each release × target of these projects, as far as they are in scope; by project, in no order."""
    rows: dict[int, list[ReportRow]] = {}
    chosen = "p.id IN (SELECT value FROM json_each(:ids))"
    for row in db.execute(_RELEASE_ROWS.format(chosen=chosen), {"ids": json.dumps(list(project_ids))}):
        rows.setdefault(row["project_id"], []).append(_release_row(row))
    return rows


def make_report(db: sqlite3.Connection, most: int = MOST_SHOWN) -> Report:
    """The report as the published rows (`shown`) and counters have it: its cost is that of what it shows."""
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
        report.rows[status] = _rows_of(db, keys)
    for status, many in _totals(db, "as-a-whole").items():
        if status:
            report.counts[status] += many
            report.rows[status] += _rows_as_a_whole(db, status, most)
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


def _rows_of(db: sqlite3.Connection, keys: Sequence[tuple[int, int]]) -> list[ReportRow]:
    if not keys:
        return []
    asked = ", ".join(f"({release}, {target})" for release, target in keys)
    chosen = f"(w.release_id, w.target_id) IN (VALUES {asked})"
    return [_release_row(row) for row in db.execute(_RELEASE_ROWS.format(chosen=chosen))]


def summary_lines(db: sqlite3.Connection, run: str, most: int = 20) -> list[str]:
    """The state of things for the end of a run: the counts, the packages that would help, what happened to the
    builders, what was asked for and could not be considered, then a line for each failure (those of `run` first) and
    each name not found or not read, `most` of them.
    """
    report = make_report(db)
    counts = [f"{title.lower()} {report.counts[status]}" for status, title in STATUSES.items() if report.counts[status]]
    lines = [", ".join(counts).capitalize() + "." if counts else "Nothing is in scope."]
    if report.failures:
        lines.append("Failures: " + ", ".join(f"{name} {many}" for name, many in report.failure_classes) + ".")
    lines += [again] if (again := rebuild_sample.summary(db, run)) else []
    if report.proposals:
        lines += [f"Proposal: {proposal.sentence}." for proposal in report.proposals[:MOST_PROPOSED_AT_THE_END]]
        lines.append(f"For the inventory: {inventory_line(report.proposals[:MOST_PROPOSED_AT_THE_END])}")
    lines += [f"{event.host}: {printable(event.sentence)}" for event in events(db, run, most)]
    lines += [each.line for each in report.unconsidered]
    told = {each.project for each in report.unconsidered}
    troubled = [row for status in ("failed", "not-found", "trouble") for row in report.rows[status]]
    troubled = [row for row in troubled if row.status != "not-found" or row.project not in told]
    troubled.sort(key=lambda row: row.run != run)
    for row in troubled[:most]:
        label = row.failure or STATUSES[row.status].lower()
        lines.append(" ".join(f"{row.subject}: {label}: {row.reason} {row.remedy or ''}".split()))
    unsaid = sum(report.counts[status] for status in ("failed", "not-found", "trouble")) - len(troubled[:most])
    unsaid -= sum(row.project in told for row in report.rows["not-found"])
    if unsaid:
        lines.append(f"… and {unsaid} more; the failures page has them.")
    return lines


def install_line(db: sqlite3.Connection, index_url: str) -> str:
    """The command that installs the wheel admitted last, ready to paste; empty while there is nothing to install.

    It names the version, because upstream may have a newer one without a wheel.
    """
    newest = db.execute(
        """
        SELECT p.display_name, r.version, w.tags
        FROM wheel w JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id
        WHERE p.state = 'present' AND w.removed_at IS NULL
          AND EXISTS (SELECT 1 FROM upstream_file f WHERE f.release_id = r.id AND f.yanked IS NULL)
        ORDER BY w.id DESC LIMIT 1
        """
    ).fetchone()
    if newest is None:
        return ""
    requirement = f"{printable(newest['display_name'])}=={newest['version']}"
    return " && ".join(pip_commands(index_url, requirement, interpreter_for(json.loads(newest["tags"]))))


#: What is said of a project by the state upstream has it in.
_GONE = {
    "absent": "Upstream knows no project of this name; check its spelling in the scope.",
    "deleted": "Upstream has removed the project; it is no longer on our pages.",
    "quarantined": "Upstream has put the project in quarantine; nothing of it is on our pages.",
}


def as_a_whole(project: sqlite3.Row, has_releases: bool) -> ReportRow | None:
    """What is to be said of a project in scope itself; None where its releases' rows tell all."""
    name = (project["name"], printable(project["display_name"]))
    if project["problem"] is not None:
        return ReportRow("trouble", *name, printable(project["problem"]))
    if project["state"] in _GONE:
        return ReportRow("not-found", *name, _GONE[project["state"]])
    if has_releases:
        return None
    if project["judged"]:
        return ReportRow("skipped", *name, "No release of it is in scope: none matches what was asked for.")
    return ReportRow("waiting", *name, "Not looked at yet.")


def _rows_as_a_whole(db: sqlite3.Connection, status: str, most: int) -> list[ReportRow]:
    rows = db.execute(
        """
        SELECT p.*, EXISTS (SELECT 1 FROM site_release s WHERE s.project_id = p.id) AS has_releases
        FROM site_project listed JOIN project p ON p.id = listed.project_id WHERE listed.project_status = ?
        ORDER BY listed.name LIMIT ?
        """,
        (status, most),
    )
    return [row for each in rows if (row := as_a_whole(each, each["has_releases"]))]


#: For each release × target: the newest wheel of ours that serves it, the attempt that holds it now, and the one that
#: tells why there is none (of this target if it has one, else one that settled the release).
_RELEASE_ROWS = """
    SELECT w.*, ours.filename, ours.size, ours.tags, held.host AS held_by,
           told.host, told.state, told.finished_at, told.seconds, told.run, told.log, told.failure_class, told.blocks,
           told.sentence, told.evidence, told.advice, told.remedies, told.retry_with, told.package
    FROM (
        SELECT p.id AS project_id, w.release_id, w.target_id, p.name, p.display_name, r.version, t.name AS target,
            w.verdict, w.reason, w.need,
            EXISTS (SELECT 1 FROM builder_target o WHERE o.target_id = w.target_id) AS offered,
            CASE verdict WHEN 'build' THEN (
                SELECT max(s.wheel_id) FROM wheel_target s
                WHERE s.release_id = w.release_id AND s.target_id = w.target_id) END AS ours_id,
            CASE verdict WHEN 'build' THEN (
                SELECT min(a.id) FROM attempt a
                WHERE a.state = 'open' AND a.release_id = w.release_id AND a.target_id = w.target_id
            ) END AS held_id,
            CASE verdict WHEN 'build' THEN coalesce((
                SELECT a.id FROM attempt a WHERE a.release_id = w.release_id AND a.target_id = w.target_id
                  AND a.state IN ('done', 'lost') AND a.outcome IS NOT 'built' AND NOT a.superseded
                ORDER BY a.claimed_at DESC, a.finished_at DESC, a.id LIMIT 1
            ), (
                SELECT a.id FROM attempt a WHERE a.release_id = w.release_id AND a.blocks = 'release'
                  AND a.state = 'done' AND NOT a.superseded
                ORDER BY a.finished_at DESC, a.id LIMIT 1)) END AS failed_id
        FROM project p
        JOIN release r ON r.project_id = p.id
        JOIN release_target w ON w.release_id = r.id
        JOIN target t ON t.id = w.target_id
        WHERE p.in_scope AND {chosen}
    ) w
    LEFT JOIN wheel ours ON ours.id = w.ours_id
    LEFT JOIN attempt held ON held.id = w.held_id
    LEFT JOIN attempt told ON told.id = coalesce(ours.attempt_id, w.failed_id)
    """


def _release_row(row: sqlite3.Row) -> ReportRow:
    known: dict[str, Any] = {
        "project": row["name"],
        "display_name": printable(row["display_name"]),
        "version": row["version"],
        "target": row["target"],
        "release_id": row["release_id"],
        "target_id": row["target_id"],
    }
    if row["verdict"] != "build":
        status = "skipped" if row["verdict"] == "skip" else row["verdict"]
        return ReportRow(status, reason=printable(row["reason"]), **known)
    if row["filename"] is not None:
        wheel: dict[str, Any] = {
            "filename": row["filename"],
            "file": f"files/{row['name']}/{row['filename']}",
            "size": row["size"],
            "tags": tuple(json.loads(row["tags"])),
        }
        return ReportRow("built", reason=printable(row["reason"]), **known, **wheel, **_told(row))
    if row["held_by"] is not None:
        return ReportRow("waiting", reason=f"Being built on {row['held_by']}.", **known)
    if row["state"] is not None and (row["need"] == "none" or row["blocks"] is None):
        sentence = row["sentence"] or f"{row['host']} was lost while it built this."
        failure: dict[str, Any] = {"failure": row["failure_class"] or ("lost" if row["state"] == "lost" else "unknown")}
        for key, column in (("evidence", "evidence"), ("remedy", "advice")):
            failure[key] = printable(row[column]) if row[column] else None
        failure["package"] = row["package"]
        again = row["need"] != "none"
        return ReportRow("failed", reason=printable(sentence), tried_again=again, **known, **failure, **_told(row))
    return ReportRow("waiting", reason=_why_waiting(row), **known)


def _told(row: Any) -> dict[str, Any]:
    """What the attempt behind a row tells."""
    return {
        "builder": row["host"],
        "seconds": row["seconds"],
        "finished_at": row["finished_at"],
        "run": row["run"],
        "log": f"logs/{row['log']}" if row["log"] else None,
    }


def _why_waiting(row: Any) -> str:
    if not row["offered"]:
        return f"No builder of the last run offers {row['target']}."
    if row["need"] == "later":
        return "Another target is tried first: one try tells most about all of them."
    if row["retry_with"] is not None:
        had = {entry["name"] for entry in json.loads(row["remedies"] or "[]")}
        new = [entry["name"] for entry in json.loads(row["retry_with"]) if entry["name"] not in had]
        with_what = f", with {printable(', '.join(new))}" if new else ""
        return f"In the queue again{with_what}: {printable(row['sentence'] or 'it failed.')}"
    return "In the queue."
