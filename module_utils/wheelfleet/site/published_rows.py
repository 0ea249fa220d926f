"""The publisher's own rows: the status of each release for each target (`site_release`) and project (`site_project`).

They are derived from the rest of the catalog. Triggers keep counters of them (catalog/schema.sql), so that pages with
totals need not read every row. A publication writes the rows of each chunk as soon as its pages are in place.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .status_rows import StatusRow, project_row

#: The statuses by rank: a project's status is the best of its releases'.
RANK = ("built", "failed", "trouble", "waiting", "upstream", "not-found", "skipped", "passed")


class SiteRelease(NamedTuple):
    """A row of `site_release`."""

    release_id: int
    target_id: int
    project_id: int
    status: str
    failure_class: str | None
    finished_at: float
    package: str | None


@dataclass
class SiteProject:
    """A row of `site_project`."""

    project_id: int
    name: str
    display_name: str
    summary: str
    status: str
    project_status: str | None
    listed: int
    packed: int = 0


@dataclass
class RowChanges:
    """Changes to both tables, as plain data that one process can send to another."""

    projects: list[SiteProject] = field(default_factory=list)
    #: Project IDs.
    removed_projects: list[int] = field(default_factory=list)
    releases: list[SiteRelease] = field(default_factory=list)
    #: Pairs of release ID and target ID.
    removed_releases: list[tuple[int, int]] = field(default_factory=list)


def words(name: str) -> set[str]:
    """The words by which a search finds a project: its normalised name, and every ending that follows a dash.

    `python-dateutil` gives `python-dateutil` and `dateutil`.
    """
    parts = name.split("-")
    return {"-".join(parts[first:]) for first in range(len(parts))}


def site_project(
    project: sqlite3.Row, rows: Sequence[StatusRow], *, listed: bool, summary: str, packed: bool = False
) -> SiteProject | None:
    """The row of a project; None where it has no page, because it is out of scope and has no wheels."""
    whole = project_row(project, bool(rows)) if project["in_scope"] else None
    statuses = {row.status for row in rows} | ({whole.status} if whole else set()) | ({"built"} if listed else set())
    if not statuses:
        return None
    return SiteProject(
        project["id"],
        project["name"],
        project["display_name"],
        summary,
        min(statuses, key=RANK.index),
        whole.status if whole else None,
        int(listed),
        int(packed),
    )


class Differences:
    """Compares new rows with the catalog's. Only the publisher writes them, so the comparison stays valid."""

    def __init__(self, db: sqlite3.Connection, project_ids: Iterable[int]) -> None:
        ids = json.dumps(list(project_ids))
        self.changes = RowChanges()
        self._releases: dict[int, dict[tuple[int, int], SiteRelease]] = {}
        for row in db.execute(
            """
            SELECT release_id, target_id, project_id, status, failure_class, finished_at, package FROM site_release
            WHERE project_id IN (SELECT value FROM json_each(?))
            """,
            (ids,),
        ):
            known = SiteRelease(*row)
            self._releases.setdefault(known.project_id, {})[known.release_id, known.target_id] = known
        self._projects = {
            row["project_id"]: SiteProject(**dict(row))
            for row in db.execute(
                """
                SELECT project_id, name, display_name, summary, status, project_status, listed, packed FROM site_project
                WHERE project_id IN (SELECT value FROM json_each(?))
                """,
                (ids,),
            )
        }

    def summary(self, project_id: int) -> str:
        """The summary in the project's present row; empty without one."""
        project = self._projects.get(project_id)
        return project.summary if project else ""

    def add(self, project_id: int, project: SiteProject | None, rows: Sequence[StatusRow]) -> None:
        """Compare a project's new rows with its present ones, and note the changes."""
        before = self._releases.get(project_id, {})
        for row in rows:
            assert row.release_id is not None
            assert row.target_id is not None
            key = (row.release_id, row.target_id)
            now = SiteRelease(*key, project_id, row.status, row.failure_class, row.finished_at or 0.0, row.package)
            if before.pop(key, None) != now:
                self.changes.releases.append(now)
        self.changes.removed_releases += before
        if project is None and project_id in self._projects:
            self.changes.removed_projects.append(project_id)
        elif project is not None and project != self._projects.get(project_id):
            self.changes.projects.append(project)


def write(db: sqlite3.Connection, changes: RowChanges) -> None:
    """Write the changes in the caller's transaction. Rows of a release that was deleted meanwhile are left out."""
    db.executemany("DELETE FROM site_release WHERE release_id = ? AND target_id = ?", changes.removed_releases)
    db.executemany(
        """
        INSERT INTO site_release (release_id, target_id, project_id, status, failure_class, finished_at, package)
        SELECT ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM release WHERE id = ?)
        ON CONFLICT (release_id, target_id) DO UPDATE SET status = excluded.status,
            failure_class = excluded.failure_class, finished_at = excluded.finished_at, package = excluded.package
        """,
        ((*row, row.release_id) for row in changes.releases),
    )
    db.executemany("DELETE FROM site_project WHERE project_id = ?", ((each,) for each in changes.removed_projects))
    for project in changes.projects:
        new = db.execute("SELECT 1 FROM site_project WHERE project_id = ?", (project.project_id,)).fetchone() is None
        db.execute(
            """
            INSERT INTO site_project
                (project_id, name, display_name, summary, status, project_status, listed, packed)
            VALUES (:project_id, :name, :display_name, :summary, :status, :project_status, :listed, :packed)
            ON CONFLICT (project_id) DO UPDATE SET display_name = excluded.display_name, summary = excluded.summary,
                status = excluded.status, project_status = excluded.project_status, listed = excluded.listed,
                packed = excluded.packed
            """,
            vars(project),
        )
        if new:
            db.executemany(
                "INSERT INTO search_word (word, project_id) VALUES (?, ?)",
                ((word, project.project_id) for word in sorted(words(project.name))),
            )
