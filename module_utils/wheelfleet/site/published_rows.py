"""The publisher's own rows: what the site shows of each release × target (`shown`) and project (`page`).

They follow from the rest of the catalog. Triggers count over them (catalog/schema.sql), and so pages with totals
need not read everything. They change in the transaction that says that a project's pages are true again.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .report import ReportRow, as_a_whole

#: The statuses of a project's releases by how much they matter to somebody who looks for the project.
RANK = ("built", "failed", "trouble", "waiting", "upstream", "not-found", "skipped", "passed")

_Shown = tuple[str, str | None, float, str | None]


@dataclass
class Page:
    """A project's row of `page`."""

    project_id: int
    name: str
    display_name: str
    summary: str
    status: str
    project_status: str | None
    listed: int


@dataclass
class Tally:
    """What has to change in `shown` and `page`; it can be handed from process to process."""

    pages: list[Page] = field(default_factory=list)
    no_pages: list[int] = field(default_factory=list)
    #: (release, target, project, status, class, at, package)
    shown: list[tuple[int, int, int, str, str | None, float, str | None]] = field(default_factory=list)
    not_shown: list[tuple[int, int]] = field(default_factory=list)


def words(name: str) -> set[str]:
    """What a project is found by: its normalised name, and the rest of the name from each part on.

    `python-dateutil` gives `python-dateutil` and `dateutil`.
    """
    parts = name.split("-")
    return {"-".join(parts[first:]) for first in range(len(parts))}


def page_of(project: sqlite3.Row, rows: Sequence[ReportRow], *, listed: bool, summary: str) -> Page | None:
    """The row of a project; None where the site has no page of it, being out of scope and without wheels."""
    whole = as_a_whole(project, bool(rows)) if project["in_scope"] else None
    statuses = {row.status for row in rows} | ({whole.status} if whole else set()) | ({"built"} if listed else set())
    if not statuses:
        return None
    return Page(
        project["id"],
        project["name"],
        project["display_name"],
        summary,
        min(statuses, key=RANK.index),
        whole.status if whole else None,
        int(listed),
    )


class Differences:
    """Finds what of new rows is not in the catalog yet. The publisher alone writes them, so the answer holds."""

    def __init__(self, db: sqlite3.Connection, project_ids: Iterable[int]) -> None:
        ids = json.dumps(list(project_ids))
        self.tally = Tally()
        self._shown: dict[int, dict[tuple[int, int], _Shown]] = {}
        for row in db.execute(
            """
            SELECT project_id, release_id, target_id, status, failure_class, finished_at, package FROM site_release
            WHERE project_id IN (SELECT value FROM json_each(?))
            """,
            (ids,),
        ):
            self._shown.setdefault(row[0], {})[row[1], row[2]] = (row[3], row[4], row[5], row[6])
        self._pages = {
            row["project_id"]: Page(**dict(row))
            for row in db.execute(
                """
                SELECT project_id, name, display_name, summary, status, project_status, listed FROM site_project
                WHERE project_id IN (SELECT value FROM json_each(?))
                """,
                (ids,),
            )
        }

    def summary(self, project_id: int) -> str:
        """What the project's row says of it so far."""
        page = self._pages.get(project_id)
        return page.summary if page else ""

    def add(self, project_id: int, page: Page | None, rows: Sequence[ReportRow]) -> None:
        """Compare a project's new rows with those there are."""
        before = self._shown.get(project_id, {})
        for row in rows:
            assert row.release_id is not None
            assert row.target_id is not None
            now = (row.status, row.failure, row.finished_at or 0.0, row.package)
            if before.pop((row.release_id, row.target_id), None) != now:
                self.tally.shown.append((row.release_id, row.target_id, project_id, *now))
        self.tally.not_shown += before
        if page is None and project_id in self._pages:
            self.tally.no_pages.append(project_id)
        elif page is not None and page != self._pages.get(project_id):
            self.tally.pages.append(page)


def write(db: sqlite3.Connection, tally: Tally) -> None:
    """Make the changes, in the caller's transaction. A project that is gone meanwhile took its rows with it."""
    db.executemany("DELETE FROM site_release WHERE release_id = ? AND target_id = ?", tally.not_shown)
    db.executemany(
        """
        INSERT INTO site_release (release_id, target_id, project_id, status, failure_class, finished_at, package)
        SELECT ?, ?, ?, ?, ?, ?, ? WHERE EXISTS (SELECT 1 FROM release WHERE id = ?)
        ON CONFLICT (release_id, target_id) DO UPDATE SET status = excluded.status,
            failure_class = excluded.failure_class, finished_at = excluded.finished_at, package = excluded.package
        """,
        ((*row, row[0]) for row in tally.shown),
    )
    db.executemany("DELETE FROM site_project WHERE project_id = ?", ((each,) for each in tally.no_pages))
    for page in tally.pages:
        new = db.execute("SELECT 1 FROM site_project WHERE project_id = ?", (page.project_id,)).fetchone() is None
        db.execute(
            """
            INSERT INTO site_project (project_id, name, display_name, summary, status, project_status, listed)
            VALUES (:project_id, :name, :display_name, :summary, :status, :project_status, :listed)
            ON CONFLICT (project_id) DO UPDATE SET display_name = excluded.display_name, summary = excluded.summary,
                status = excluded.status, project_status = excluded.project_status, listed = excluded.listed
            """,
            vars(page),
        )
        if new:
            db.executemany(
                "INSERT INTO search_word (word, project_id) VALUES (?, ?)",
                ((word, page.project_id) for word in sorted(words(page.name))),
            )
