"""One publication: bring the site to what catalog and files say, at a cost that follows the change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..catalog.database import Catalog
from .changes import count_changes
from .listing import project_files
from .pages import Pages, PublishError, as_json
from .report import Report, make_report
from .tree import Tree
from .wheels import put_wheel

#: What the tree was made with. Its presence says that the tree is ours and was once published to the end.
MARKER = ".wheelfleet-site.json"
ROOT_LIST = "simple/index.json"
REPORT_PAGES = ("report/index.html", "report/report.json")

#: Projects rendered between two settlings: what a reader waits for, and what memory holds, stays small.
CHUNK = 500

#: Seconds. A result may be committed after a later one; logs are looked for this far back from the last one published.
LATE_RESULTS = 3600.0


@dataclass
class Published:
    """What a publication did. `changed` are the paths written, placed or removed, relative to the site and in order;
    `projects` were rendered, wheels (`files`) placed; `problems` are sentences about wheels that could not be."""

    changed: list[str] = field(default_factory=list)
    projects: int = 0
    files: int = 0
    problems: list[str] = field(default_factory=list)


def publish_site(
    catalog: Catalog,
    *,
    files_dir: Path,
    logs_dir: Path,
    site_dir: Path,
    template_dirs: Sequence[Path],
    everything: bool = False,
    dry_run: bool = False,
) -> Published:
    """Publish what changed: files before the pages that name them, pages before the lists that name them,
    removals the other way round.

    Only projects with `pages_stale` are rendered, unless `everything` is asked for, the templates are others than
    last time, or the tree is new. Of `template_dirs` the first that has a template provides it. With `dry_run` nothing
    is written. Raises PublishError.
    """
    try:
        pages = Pages(template_dirs)
        with Tree(site_dir, dry_run=dry_run) as tree:
            return _Publication(catalog, pages, tree, files_dir, logs_dir).run(everything)
    except OSError as error:
        raise PublishError(
            f"The site {site_dir} cannot be written ({error}); check that the disk has room and that you own the "
            "folder, then publish again: it carries on where it stopped."
        ) from error


class _Publication:
    def __init__(self, catalog: Catalog, pages: Pages, tree: Tree, files_dir: Path, logs_dir: Path) -> None:
        self.catalog = catalog
        self.pages = pages
        self.tree = tree
        self.files_dir = files_dir
        self.logs_dir = logs_dir
        self.result = Published(changed=tree.changed)
        self.listed: set[str] = set()
        self.rendered: set[str] = set()
        self.to_remove: list[str] = []
        self.incomplete: set[int] = set()

    def run(self, everything: bool) -> Published:
        marker = self._read_json(MARKER)
        stale = self._claim_stale()
        before = self._listed_before() if stale or not self.tree.has(ROOT_LIST) else set()
        everything = everything or before is None or marker.get("made_with") != self.pages.fingerprint
        projects = sorted({*stale, *self._projects_with_wheels()}) if everything else stale
        for chunk in _chunks(projects, CHUNK):
            self._render(chunk)
        if everything or projects:
            self._write_root_list(None if everything else before)
        self.tree.write("index.html", self.pages.site_index())
        made = self._write_report(marker, everything)
        if everything and marker:
            self._find_strays()
        for path in self.to_remove:
            self.tree.remove(path)
        self.tree.sync()
        self._clear_stale(stale)
        self.tree.write(MARKER, as_json(made), quietly=True)
        self.tree.settle()
        return self.result

    def _read_json(self, path: str) -> dict[str, Any]:
        """What a file of ours says; nothing when it is missing or damaged."""
        try:
            data = json.loads(self.tree.read(path) or b"{}")
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}

    def _listed_before(self) -> set[str] | None:
        """The projects on the list of projects; None when there is no such list."""
        projects = self._read_json(ROOT_LIST).get("projects")
        return None if projects is None else {project["name"] for project in projects}

    def _claim_stale(self) -> list[int]:
        """The projects to render. Each is marked 2, "being rendered": a writer that changes it meanwhile sets 1 again,
        and a publication that is killed leaves 2, which still is stale."""
        stale = [row["id"] for row in self.catalog.db.execute("SELECT id FROM project WHERE pages_stale ORDER BY id")]
        if stale and not self.tree.dry_run:
            with self.catalog.writing() as db:
                db.executemany("UPDATE project SET pages_stale = 2 WHERE id = ?", [(each,) for each in stale])
        return stale

    def _clear_stale(self, claimed: list[int]) -> None:
        done = [(each,) for each in claimed if each not in self.incomplete]
        if done and not self.tree.dry_run:
            with self.catalog.writing() as db:
                db.executemany("UPDATE project SET pages_stale = 0 WHERE id = ? AND pages_stale = 2", done)

    def _projects_with_wheels(self) -> list[int]:
        rows = self.catalog.db.execute(
            "SELECT DISTINCT r.project_id FROM wheel w JOIN release r ON r.id = w.release_id"
        )
        return [row["project_id"] for row in rows]

    def _render(self, projects: Sequence[int]) -> None:
        with _snapshot(self.catalog) as db:
            for project in projects:
                self._render_project(db, project)
        self.tree.settle()
        self.result.projects += len(projects)

    def _render_project(self, db: sqlite3.Connection, project: int) -> None:
        """Stage the files and pages of one project, and note what of it has to go."""
        content = project_files(db, project)
        name = content.name
        self.rendered.add(name)
        wanted: set[str] = set()
        for wheel in content.kept:
            before = len(self.tree.changed)
            problem = put_wheel(self.tree, name, wheel, self.files_dir)
            if problem:
                self.result.problems.append(problem)
                self.incomplete.add(project)
            else:
                self.result.files += len(self.tree.changed) > before
                wanted.update((wheel.filename, f"{wheel.filename}.metadata"))
        listed = [file for file in content.listed if file.filename in wanted]
        if listed:
            self.listed.add(name)
            self.tree.write(f"simple/{name}/index.html", self.pages.project_html(name, listed))
            self.tree.write(f"simple/{name}/index.json", self.pages.project_json(name, listed))
        else:
            # No empty page: it would hide upstream's from clients that take the first index that knows the name.
            self.to_remove.append(f"simple/{name}")
        self.to_remove += [f"files/{name}/{file}" for file in self.tree.names(f"files/{name}") if file not in wanted]

    def _write_root_list(self, before: set[str] | None) -> None:
        """The list of projects that have a page: as it was `before` (None: not at all), but for those just rendered."""
        after = self.listed | (before or set()) - self.rendered
        if after != before:
            names = sorted(after)
            self.tree.write("simple/index.html", self.pages.root_html(names))
            self.tree.write(ROOT_LIST, self.pages.root_json(names))
            self.tree.settle()

    def _write_report(self, marker: dict[str, Any], everything: bool) -> dict[str, Any]:
        """The report and the logs it links to, if anything it shows has changed; returns the new marker."""
        changes = count_changes(self.catalog.db)
        shown_before = changes == marker.get("report_changes")
        files_moved = self.result.files or self.result.problems or self.to_remove
        if shown_before and not files_moved and not everything and all(map(self.tree.has, REPORT_PAGES)):
            return marker
        with _snapshot(self.catalog) as db:
            # Asked again: what is counted now is what is read now.
            changes = count_changes(db)
            logs_until = self._place_logs(db, 0.0 if everything else marker.get("logs_until", 0.0))
            report = make_report(self.catalog)
        self.tree.settle()
        self._unlink_missing(report)
        html, data = REPORT_PAGES
        self.tree.write(html, self.pages.report_html(report))
        self.tree.write(data, self.pages.report_json(report))
        self.tree.settle()
        return {"made_with": self.pages.fingerprint, "report_changes": changes, "logs_until": logs_until}

    def _place_logs(self, db: sqlite3.Connection, since: float) -> float:
        """Stage the logs of attempts finished since then; returns when the last one was finished."""
        rows = db.execute(
            "SELECT log, finished_at FROM attempt WHERE finished_at >= ? ORDER BY finished_at", (since - LATE_RESULTS,)
        )
        for row in rows:
            since = max(since, row["finished_at"])
            if row["log"] and not self.tree.has(f"logs/{row['log']}") and (self.logs_dir / row["log"]).is_file():
                self.tree.place(f"logs/{row['log']}", self.logs_dir / row["log"])
        return since

    def _unlink_missing(self, report: Report) -> None:
        """Take from the report the links to files that are not on the site."""
        for rows in report.rows.values():
            rows[:] = [replace(row, log=self._if_there(row.log), file=self._if_there(row.file)) for row in rows]

    def _if_there(self, path: str | None) -> str | None:
        return path if path and self.tree.has(path) else None

    def _find_strays(self) -> None:
        """What nothing in the catalog accounts for. Only ever looked for in a tree that carries our marker."""
        expected = self.listed | {"index.html", "index.json"}
        self.to_remove += [f"simple/{name}" for name in self.tree.names("simple") if name not in expected]
        self.to_remove += [f"files/{name}" for name in self.tree.names("files") if name not in self.rendered]
        logs = {row["log"] for row in self.catalog.db.execute("SELECT log FROM attempt WHERE log IS NOT NULL")}
        found = (f"{name}/{log}" for name in self.tree.names("logs") for log in self.tree.names(f"logs/{name}"))
        self.to_remove += [f"logs/{log}" for log in found if log not in logs]


@contextmanager
def _snapshot(catalog: Catalog) -> Iterator[sqlite3.Connection]:
    """Several questions, answered from one moment."""
    catalog.db.execute("BEGIN")
    try:
        yield catalog.db
    finally:
        catalog.db.execute("ROLLBACK")


def _chunks(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (items[start : start + size] for start in range(0, len(items), size))
