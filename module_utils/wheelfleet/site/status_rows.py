"""The status of every release and project in scope, and the reason: one row for each release and target.

Project pages, the report and the end of a run show these rows. Much of the text comes from untrusted packages and logs.
Control characters are replaced here, because in a terminal they could rewrite lines. Templates escape for HTML.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from ..catalog.priorities import why
from ..text import printable
from .listing import timestamp


@dataclass(frozen=True)
class StatusRow:
    """The status of one release on one target, or of a project as a whole (then without version and target).

    Times are seconds since the epoch.
    """

    status: str
    #: The normalised name, and the name as its author spells it.
    project: str
    display_name: str
    reason: str
    version: str | None = None
    target: str | None = None
    finished_at: float | None = None
    #: The one that built it, tried to, or is building it.
    builder: str | None = None
    seconds: float | None = None
    run: str | None = None
    #: The path of the attempt's log below the site.
    log: str | None = None
    #: Our wheel that serves the target, and its path below the site.
    filename: str | None = None
    file: str | None = None
    size: int | None = None
    tags: tuple[str, ...] = ()
    #: Of a failure: its class, the lines of the log that show it, and advice.
    failure_class: str | None = None
    evidence: str | None = None
    advice: str | None = None
    #: The apt package with the file that the build missed.
    package: str | None = None
    tried_again: bool = False
    #: Of a build in the queue: how long a builder of speed 1 would take, and its level (catalog/priorities.py).
    expected_seconds: float | None = None
    priority: int | None = None
    #: The catalog's ids.
    release_id: int | None = None
    target_id: int | None = None

    @property
    def subject(self) -> str:
        """The release and target, or the project, in words."""
        release = f"{self.display_name} {self.version}" if self.version else self.display_name
        return f"{release} for {self.target}" if self.target else release

    @property
    def is_being_built(self) -> bool:
        return self.status == "waiting" and self.builder is not None

    def as_data(self) -> dict[str, Any]:
        """The row for programs, without IDs and unknown values."""
        inner = ("release_id", "target_id", "priority")
        data = {k: v for k, v in asdict(self).items() if v not in (None, (), False) and k not in inner}
        if self.finished_at is not None:
            data["finished_at"] = timestamp(self.finished_at)
        return data


def project_rows(db: sqlite3.Connection, project_ids: Sequence[int]) -> dict[int, list[StatusRow]]:
    """The rows of these projects' releases that are in scope, by project, in no order."""
    rows: dict[int, list[StatusRow]] = {}
    chosen = "p.id IN (SELECT value FROM json_each(:ids))"
    for row in db.execute(_RELEASE_ROWS.format(chosen=chosen), {"ids": json.dumps(list(project_ids))}):
        rows.setdefault(row["project_id"], []).append(_release_row(row))
    return rows


def release_rows(db: sqlite3.Connection, keys: Sequence[tuple[int, int]]) -> list[StatusRow]:
    """The rows of these pairs of release ID and target ID, in no order."""
    if not keys:
        return []
    values = ", ".join(f"({release}, {target})" for release, target in keys)
    chosen = f"(w.release_id, w.target_id) IN (VALUES {values})"
    return [_release_row(row) for row in db.execute(_RELEASE_ROWS.format(chosen=chosen))]


#: The sentence for a project by its state upstream.
_GONE = {
    "absent": "Upstream has no project of this name. Is it misspelled?",
    "deleted": "Upstream has removed the project; it is no longer on this index.",
    "quarantined": "Upstream has quarantined this project as possibly harmful. It is not offered here.",
}


def project_row(project: sqlite3.Row, has_releases: bool) -> StatusRow | None:
    """The row of a project in scope as a whole; None where the rows of its releases are enough."""
    name = (project["name"], printable(project["display_name"]))
    if project["problem"] is not None:
        return StatusRow("trouble", *name, printable(project["problem"]))
    if project["state"] in _GONE:
        return StatusRow("not-found", *name, _GONE[project["state"]])
    if has_releases:
        return None
    if project["judged"]:
        return StatusRow("skipped", *name, "None of its releases matches what was requested.")
    return StatusRow("waiting", *name, "Not looked at yet.")


def rows_of_projects(db: sqlite3.Connection, status: str, most: int) -> list[StatusRow]:
    """The rows of projects that have a status as a whole, by name; at most `most`."""
    rows = db.execute(
        """
        SELECT p.*, EXISTS (SELECT 1 FROM site_release s WHERE s.project_id = p.id) AS has_releases
        FROM site_project listed JOIN project p ON p.id = listed.project_id WHERE listed.project_status = ?
        ORDER BY listed.name LIMIT ?
        """,
        (status, most),
    )
    return [row for each in rows if (row := project_row(each, each["has_releases"]))]


#: The wheel of ours that the target's pip takes: the one with the best tag in the target's own order, of equal ones the
#: newest. The lists of tags are long, so they are read only where there is a choice.
_TAKEN = """coalesce((
                SELECT s.wheel_id FROM wheel_target s
                JOIN wheel v ON v.id = s.wheel_id JOIN target mine ON mine.id = s.target_id
                WHERE s.release_id = w.release_id AND s.target_id = w.target_id AND 1 < (
                    SELECT count(*) FROM wheel_target o
                    WHERE o.release_id = w.release_id AND o.target_id = w.target_id)
                ORDER BY v.yanked IS NOT NULL, (
                    SELECT min(best.key) FROM json_each(mine.tags) best JOIN json_each(v.tags) own
                    ON own.value = best.value), s.wheel_id DESC LIMIT 1
            ), (
                SELECT s.wheel_id FROM wheel_target s
                WHERE s.release_id = w.release_id AND s.target_id = w.target_id))"""

#: For each release and target: our wheel that it takes, the open attempt, and the failed attempt (of this target if it
#: has one, else one that blocks the release).
_RELEASE_ROWS = f"""
    SELECT w.*, ours.filename, ours.size, ours.tags, held.host AS held_by,
           shown.host, shown.state, shown.finished_at, shown.seconds, shown.run, shown.log, shown.failure_class,
           shown.blocks, shown.sentence, shown.evidence, shown.advice, shown.remedies, shown.retry_with, shown.package
    FROM (
        SELECT p.id AS project_id, w.release_id, w.target_id, p.name, p.display_name, r.version, t.name AS target,
            w.verdict, w.reason, w.need, w.priority, w.predicted_seconds,
            EXISTS (SELECT 1 FROM builder_target o WHERE o.target_id = w.target_id) AS offered,
            CASE verdict WHEN 'build' THEN {_TAKEN} END AS ours_id,
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
        WHERE p.in_scope AND {{chosen}}
    ) w
    LEFT JOIN wheel ours ON ours.id = w.ours_id
    LEFT JOIN attempt held ON held.id = w.held_id
    LEFT JOIN attempt shown ON shown.id = CASE WHEN ours.id IS NULL THEN w.failed_id ELSE ours.attempt_id END
    """


def _release_row(row: sqlite3.Row) -> StatusRow:
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
        return StatusRow(status, reason=printable(row["reason"]), **known)
    if row["filename"] is not None:
        wheel: dict[str, Any] = {
            "filename": row["filename"],
            "file": f"files/{row['name']}/{row['filename']}",
            "size": row["size"],
            "tags": _tags(row["tags"]),
        }
        return StatusRow("built", reason=printable(row["reason"]), **known, **wheel, **_of_attempt(row))
    if row["held_by"] is not None:
        return StatusRow("waiting", reason=f"Being built on {row['held_by']}.", builder=row["held_by"], **known)
    if row["state"] is not None and (row["need"] == "none" or row["blocks"] is None):
        sentence = row["sentence"] or f"{row['host']} was lost while it built this."
        unclassified = "lost" if row["state"] == "lost" else "unknown"
        failure: dict[str, Any] = {"failure_class": row["failure_class"] or unclassified}
        for key in ("evidence", "advice"):
            failure[key] = printable(row[key]) if row[key] else None
        failure["package"] = row["package"]
        again = row["need"] != "none"
        return StatusRow(
            "failed", reason=printable(sentence), tried_again=again, **known, **failure, **_of_attempt(row)
        )
    if row["offered"] and row["need"] == "now":
        known |= {"expected_seconds": round(row["predicted_seconds"], 3), "priority": row["priority"]}
    return StatusRow("waiting", reason=_why_waiting(row), **known)


@lru_cache(maxsize=4096)
def _tags(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _of_attempt(row: Any) -> dict[str, Any]:
    """The fields that come from a row's attempt."""
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
    return f"In the queue: {why(row['priority'])}."
