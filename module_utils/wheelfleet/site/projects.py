"""A project's part of the site: its files, logs and pages, staged in the order their readers need.

A publication of many projects renders them in chunks, in several processes. So the result of a chunk is plain data.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from . import index_pages
from .html import log, packed, project, provenance
from .html.about import About, read_about
from .html.project_facts import read_project
from .kinds import Kind
from .listing import ListedFile, ProjectFiles, files_of
from .published_rows import Differences, RowChanges, site_project
from .renderer import Renderer
from .signing import Signer
from .status_rows import StatusRow, project_row, project_rows
from .tree import Tree
from .wheels import put_wheel


@dataclass
class Rendered:
    """The result of rendering some projects."""

    row_changes: RowChanges
    changed: list[str] = field(default_factory=list)
    side_changes: list[str] = field(default_factory=list)
    #: Paths to remove once no page names them.
    to_remove: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    incomplete: set[int] = field(default_factory=set)
    files: int = 0
    #: Entries of projects without a page of their own (html/packed.py); None: the project has one now.
    packed: dict[str, bytes | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Sources:
    """The folders that files come from, and which pages are made."""

    files_dir: Path
    logs_dir: Path
    #: Make the pages for people, too.
    html_pages: bool = True
    #: Make pages of logs and provenance again, which otherwise never change.
    rerender: bool = False
    #: Signs provenance; None: it is not signed.
    signer: Signer | None = None
    #: Sign provenance again even where a valid signature exists.
    resign: bool = False
    #: The kinds of machines, which each project's page answers for.
    kinds: tuple[Kind, ...] = ()


class ProjectRenderer:
    """Renders projects of one catalog into one tree."""

    def __init__(self, db: sqlite3.Connection, render: Renderer, tree: Tree, sources: Sources) -> None:
        self.db = db
        self.render_page = render
        self.tree = tree
        self.sources = sources
        #: Documents to sign, by the paths of their signatures.
        self._unsigned: dict[str, bytes] = {}
        #: IDs of wheels whose documents may have changed.
        self._rebuilt: set[int] = set()
        #: Whether there are projects without a page of their own; their IDs.
        self._has_packed = False
        self._packed: set[int] = set()
        #: Whether there may be pages for people to remove.
        self._has_pages = sources.html_pages or tree.has("project")

    def render(self, project_ids: Sequence[int], stale: Collection[int]) -> Rendered:
        """Stage the files of these projects and bring them into place; returns what is left to do.

        Projects that are not in `stale` have the same facts as before, but other templates may change their pages.
        """
        with snapshot(self.db):
            # The published rows of a project that is not stale are up to date.
            shown_projects = project_ids if self.sources.html_pages else [each for each in project_ids if each in stale]
            rows = project_rows(self.db, shown_projects) if shown_projects else {}
            shown_ids = set(shown_projects)
            differences = Differences(self.db, shown_projects)
            result = Rendered(differences.changes)
            own = packed.with_own_page(self.db, shown_projects) if self.sources.html_pages else None
            self._has_packed = own is not None
            self._packed = shown_ids.difference(own or ()) if self._has_packed else set()
            about = {
                row["id"]: row
                for row in self.db.execute(
                    "SELECT * FROM project WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(project_ids),)
                )
            }
            self._rebuilt = provenance.rebuilt(self.db, project_ids) if self.sources.html_pages else set()
            put = files_of(self.db, project_ids, self.render_page.site.index_view)
            contents = [self._put_files(content, result) for content in put]
            self._sign()
            for content in contents:
                mine = rows.get(content.project_id, []) if content.project_id in shown_ids else None
                try:
                    self._render_project(content, about[content.project_id], mine, differences, result)
                except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                    # A fault of ours or a damaged row of one project must not keep all others from being published.
                    result.incomplete.add(content.project_id)
                    result.problems.append(
                        f"The pages of {content.name} stay as they were, because of a fault "
                        f"({type(error).__name__}: {error}); please report it."
                    )
        self.tree.settle()
        result.changed, result.side_changes = self.tree.changed, self.tree.side_changes
        return result

    def _render_project(
        self,
        content: ProjectFiles,
        about: sqlite3.Row,
        rows: list[StatusRow] | None,
        differences: Differences,
        result: Rendered,
    ) -> None:
        project_id, name = content.project_id, content.name
        logs = self._put_logs(project_id, name, result) if self.sources.html_pages else set()
        if content.listed:
            as_html, as_json = index_pages.project_pages(self.render_page, content)
            self.tree.write(f"simple/{name}/index.html", as_html, compressed=True)
            self.tree.write(f"simple/{name}/index.json", as_json, compressed=True)
        elif self.tree.has(f"simple/{name}"):
            # No empty page: some clients take the first index that knows the name, and would never see upstream's.
            result.to_remove.append(f"simple/{name}")
        pages = set()
        if rows is not None:
            about_wheel = self._about(content)
            summary = (about_wheel.summary if about_wheel else "") or self._attempts_summary(project_id)
            summary = summary or differences.summary(project_id)
            is_packed = project_id in self._packed
            page = site_project(about, rows, listed=bool(content.listed), summary=summary, packed=is_packed)
            if page and is_packed:
                whole = project_row(about, bool(rows))
                result.packed[name] = packed.entry(
                    page.display_name, [*rows, *([whole] if whole else [])], self.render_page.site.upstream_name
                )
            elif self._has_packed:
                result.packed[name] = None
            differences.add(project_id, page, rows)
            if page and self.sources.html_pages and not is_packed:
                facts = read_project(
                    self.db, project_id, content, rows, summary, logs, about_wheel, everything=self._has_packed
                )
                for path, data in project.pages(facts, self.render_page, self.sources.kinds):
                    self.tree.write(path, data)
                    pages.add(path.rpartition("/")[2])
        if self._has_pages:
            result.to_remove += [
                f"project/{name}/{each}" for each in self.tree.names(f"project/{name}") if each not in pages
            ]

    def _names(self, folder: str) -> list[str]:
        """The names in a folder that only a site with HTML pages has."""
        return self.tree.names(folder) if self.sources.html_pages else []

    def _put_files(self, content: ProjectFiles, result: Rendered) -> ProjectFiles:
        """Stage wheels with metadata and provenance; returns the content without wheels that cannot be published."""
        name = content.name
        there = set(self.tree.names(f"files/{name}"))
        documents = set(self._names(f"provenance/{name}"))
        missing = set()
        wanted = set()
        for wheel in content.kept:
            filename = wheel.filename
            if filename not in there or f"{filename}.metadata" not in there:
                problem = put_wheel(self.tree, name, wheel, self.sources.files_dir)
                if problem:
                    result.problems.append(problem)
                    result.incomplete.add(content.project_id)
                    missing.add(filename)
                    continue
                result.files += 1
            wanted.add(filename)
        if self.sources.html_pages:
            self._put_provenance(name, [wheel for wheel in content.kept if wheel.filename in wanted], documents)
        unwanted = there.difference(wanted, [f"{each}.metadata" for each in wanted])
        result.to_remove += [f"files/{name}/{each}" for each in sorted(unwanted)]
        result.to_remove += [
            f"provenance/{name}/{each}"
            for each in sorted(documents)
            if each.removesuffix(".sig").removesuffix(".json") not in wanted
            or (each.endswith(".sig") and self.sources.signer is None)
        ]
        if not missing:
            return content

        def there_is(files: tuple[ListedFile, ...]) -> tuple[ListedFile, ...]:
            return tuple(file for file in files if file.filename not in missing)

        return content._replace(
            listed=there_is(content.listed), ours=there_is(content.ours), withdrawn=there_is(content.withdrawn)
        )

    def _put_provenance(self, name: str, wheels: Sequence[ListedFile], there: Collection[str]) -> None:
        """Stage the provenance of those of a project's wheels where it is new or changed, and note it for `_sign` where
        its signature is missing or made by another key."""
        signer = self.sources.signer

        def is_unsigned(wheel: ListedFile) -> bool:
            return signer is not None and f"{wheel.filename}.json.sig" not in there

        stale = [
            wheel
            for wheel in wheels
            if self.sources.rerender
            or f"{wheel.filename}.json" not in there
            or wheel.wheel_id in self._rebuilt
            or is_unsigned(wheel)
        ]
        files = self.render_page.site.files("../../")
        documents = provenance.documents(self.db, [wheel.wheel_id for wheel in stale], files) if stale else {}
        for wheel in stale:
            place, signature = provenance.path(name, wheel.filename), provenance.signature_path(name, wheel.filename)
            document = documents[wheel.wheel_id]
            if signer and (
                is_unsigned(wheel)
                or self.sources.resign
                or self.tree.read(place) != document
                or not signer.made(self.tree.read(signature))
            ):
                self._unsigned[signature] = document
            self.tree.write(place, document)

    def _sign(self) -> None:
        """Stage the signatures of all documents noted."""
        if self.sources.signer and self._unsigned:
            signatures = self.sources.signer.sign(list(self._unsigned.values()))
            for path, signature in zip(self._unsigned, signatures, strict=True):
                self.tree.write(path, signature)
        self._unsigned.clear()

    def _put_logs(self, project_id: int, name: str, result: Rendered) -> set[str]:
        """Stage the logs of a project's attempts, each with its page; returns the logs that the site has then."""
        there = set(self.tree.names(f"logs/{name}"))
        wanted = set()
        logs = set()
        for attempt in self.db.execute(
            """
            SELECT a.id, a.log FROM release r JOIN attempt a ON a.release_id = r.id
            WHERE r.project_id = ? AND a.log IS NOT NULL ORDER BY a.id
            """,
            (project_id,),
        ):
            raw, page = f"logs/{attempt['log']}", f"logs/{name}/{attempt['id']}.html"
            source = self.sources.logs_dir / attempt["log"]
            raw_name, page_name = raw.rpartition("/")[2], page.rpartition("/")[2]
            if raw_name not in there:
                if not source.is_file():
                    continue
                self.tree.place(raw, source)
            wanted |= {raw_name, page_name}
            logs.add(attempt["log"])
            if page_name not in there or self.sources.rerender:
                text = source if source.is_file() else self.tree.root / raw
                facts = log.read_log_facts(self.db, attempt["id"])
                self.tree.write(page, log.page(self.render_page, page, text, facts))
        result.to_remove += [f"logs/{name}/{each}" for each in sorted(there) if each not in wanted]
        return logs

    def _about(self, content: ProjectFiles) -> About | None:
        """What the metadata of our newest wheel says; None without a wheel on the index."""
        ours = [file for file in content.listed if file.url is None]
        if not ours:
            return None
        metadata = self.tree.read(f"files/{content.name}/{ours[-1].filename}.metadata") or b""
        return read_about(metadata, ours[-1].version)

    def _attempts_summary(self, project_id: int) -> str:
        """The summary that the newest attempt found in its sdist; empty if none did."""
        row = self.db.execute(
            """
            SELECT a.summary FROM release r JOIN attempt a ON a.release_id = r.id
            WHERE r.project_id = ? AND a.summary IS NOT NULL ORDER BY a.finished_at DESC, a.id LIMIT 1
            """,
            (project_id,),
        ).fetchone()
        return str(row["summary"]) if row else ""


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Read several queries from one snapshot of the catalog."""
    db.execute("BEGIN")
    try:
        yield db
    finally:
        db.execute("ROLLBACK")
