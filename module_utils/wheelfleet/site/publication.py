"""One publication: bring the site to the state of catalog and files, at a cost that follows the change."""

from __future__ import annotations

import gc
import hashlib
import json
import multiprocessing
import os
import secrets
import signal
import time
from collections.abc import Collection, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..catalog import projects
from ..catalog.database import Catalog
from ..catalog.meta import get_meta, set_meta
from ..processes import die_with_parent
from ..watchdog import note_progress
from . import index_pages, removal
from .changes import count_changes
from .html import packed, provenance
from .kinds import read_kinds
from .layout import FILES, LISTS, PAGES, TOP
from .listing import builds_always
from .overview_pages import overview_pages
from .projects import ProjectRenderer, Rendered, Sources, snapshot
from .published_rows import write as write_rows
from .renderer import ASSETS, PublishError, Renderer, SiteFacts, as_json
from .signing import Signer, allowed_signers
from .tree import Tree

#: The settings that the tree was made with. A tree that has it is ours, and a publication of it once ended.
MARKER = ".wheelfleet-site.json"
ROOT_LIST = "simple/index.json"

#: Projects rendered before their files are moved into place: a chunk bounds memory and the wait of readers.
CHUNK = 500
#: Entries of projects without a page of their own in memory, at most: each file is written once for so many.
MOST_PACKED = 50_000
#: From this many projects on, rendering in several processes saves more than their start costs.
WORTH_PROCESSES = 2 * CHUNK


@dataclass(frozen=True)
class Settings:
    """The operator's settings of a publication."""

    site: SiteFacts = field(default_factory=SiteFacts)
    #: Whether the pages for people are made, or the index alone.
    html_pages: bool = True
    #: Seconds for which the bytes of files that upstream has deleted stay on the disk; None: for ever.
    grace_seconds: float | None = None
    #: 0: one for each core.
    processes: int = 0
    #: The private key that signs provenance; None: it is not signed.
    signing_key: Path | None = None


@dataclass
class Published:
    """The result of a publication."""

    #: The paths written, placed or removed, relative to the site and in order.
    changed: list[str] = field(default_factory=list)
    #: The number of projects rendered.
    projects: int = 0
    #: The number of wheels placed.
    files: int = 0
    #: The number of stale projects that stay stale; `problems` says why.
    left: int = 0
    #: A sentence for each wheel that could not be placed, and for each project whose pages could not be made.
    problems: list[str] = field(default_factory=list)


def publish_site(
    catalog: Catalog,
    *,
    files_dir: Path,
    logs_dir: Path,
    site_dir: Path,
    template_dirs: Sequence[Path],
    settings: Settings | None = None,
    full: bool = False,
    dry_run: bool = False,
) -> Published:
    """Publish what changed: files before the pages that name them, pages before the lists that name them,
    removals the other way round.

    Only projects with `pages_stale` are rendered. All projects are rendered with `full`, after a change of templates
    or settings, in a new tree, and where the publication IDs of catalog and site differ. A template comes from the
    first of `template_dirs` that has it. `dry_run` writes to the catalog but not to the site, so the catalog must be
    a copy then. Raises PublishError.
    """
    settings = settings or Settings()
    try:
        signer = Signer(settings.signing_key) if settings.signing_key and settings.html_pages else None
        render = Renderer(template_dirs, replace(settings.site, signing_key=signer.public if signer else ""))
        kinds = read_kinds(catalog.db) if settings.html_pages else ()
        sources = Sources(files_dir, logs_dir, html_pages=settings.html_pages, signer=signer, kinds=kinds)
        with Tree(site_dir, dry_run=dry_run) as tree:
            return _Publication(catalog, render, tree, sources, settings).run(full)
    except OSError as error:
        raise PublishError(
            f"The site {site_dir} cannot be written ({error}); check that the disk has room and that you own the "
            "folder, then publish again: it carries on where it stopped."
        ) from error


def overviews_are_stale(catalog: Catalog, site_dir: Path) -> bool:
    """Whether anything that a page about many projects could show has changed since the last publication."""
    try:
        marker = _marker((site_dir / MARKER).read_bytes())
    except FileNotFoundError:
        marker = {}
    return bool(marker.get("report_changes") != count_changes(catalog.db))


def _marker(data: bytes) -> dict[str, Any]:
    """What a marker says; nothing if it is damaged."""
    try:
        said = json.loads(data)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


class _Publication:
    def __init__(self, catalog: Catalog, render: Renderer, tree: Tree, sources: Sources, settings: Settings) -> None:
        self.catalog = catalog
        self.render = render
        self.tree = tree
        self.settings = settings
        self.sources = sources
        self.result = Published(changed=tree.changed)
        self.to_remove: list[str] = []
        self.incomplete: set[int] = set()
        #: Entries of projects without a page of their own that are not yet written, and the files with all of them.
        self._packed: dict[str, bytes | None] = {}
        self._packed_files: set[str] = set()
        self._packed_gone: set[str] = set()
        self._packed_anew = False
        #: If the marker has another value, the pages on disk were made with other templates or settings.
        self.made_with = " ".join(
            [
                render.fingerprint,
                "all" if settings.html_pages else "index",
                "build-always" if builds_always(catalog.db) else "build-missing",
                # Every project's page names them.
                hashlib.sha256(repr(sources.kinds).encode()).hexdigest()[:16],
                *(["everything"] if packed.is_everything(catalog.db) else []),
            ]
        )

    def run(self, full: bool) -> Published:
        marker = self._read_marker()
        published = get_meta(self.catalog.db, "published")
        other_pages = marker.get("made_with") != self.made_with
        # Catalog or site is from a backup: more projects are stale than are marked.
        other_catalog = marker.get("published") != published
        self.sources = replace(self.sources, resign=full)
        full = full or other_pages or other_catalog or not self.tree.has(ROOT_LIST)
        if full:
            self.tree.recheck_gz = True
            self.sources = replace(self.sources, rerender=True)
            self._packed_anew = True
        expired = self._expire()
        stale = self._claim_stale()
        self._write_assets()
        # Always closed: no process of ours may work in the tree after its lock is released.
        with closing(self._render(self._projects() if full else stale, frozenset(stale))) as rendering:
            for rendered in rendering:
                self._take(rendered)
        self._write_packed()
        if full:
            self._packed_gone.update(set(self.tree.files_below(packed.FOLDER)) - self._packed_files)
        self.to_remove += sorted(path for path in self._packed_gone if self.tree.has(path))
        named = self._named_in_news()
        if full or named:
            self._write_root_list()
        changes = count_changes(self.catalog.db)
        announcement = self.render.site.announcement if self.settings.html_pages else ""
        news = bool(stale or named or (marker and changes != marker.get("report_changes")))
        if news:
            # Not when the same is rendered again: the current hour would change the pages.
            self._note_queue()
        if news or full or announcement != marker.get("announcement", ""):
            self._write_overviews(None if full else named)
        if full and marker:
            self._find_strays(marker.get("assets", ()))
        # Pages before the files they name; otherwise in the order of `to_remove`.
        for path in sorted(self.to_remove, key=lambda path: path.partition("/")[0] in FILES):
            self.tree.remove(path)
        self.tree.sync()
        said: dict[str, Any] = {"announcement": announcement} if announcement else {}
        if self.settings.html_pages:
            said["assets"] = sorted(self.render.hashed.values()) if full else marker.get("assets", [])
        self._finish(stale, {"made_with": self.made_with, "report_changes": changes, "published": published, **said})
        if not self.tree.dry_run:
            removal.remove_bytes(expired, self.sources.files_dir)
        return self.result

    def _read_marker(self) -> dict[str, Any]:
        """The marker of the last publication that ended; empty without one, or if it is damaged."""
        return _marker(self.tree.read(MARKER) or b"{}")

    def _expire(self) -> list[tuple[str, str]]:
        if self.settings.grace_seconds is None:
            return []
        with self.catalog.writing() as db:
            return removal.expire(db, time.time(), self.settings.grace_seconds)

    def _claim_stale(self) -> list[int]:
        """The IDs of the stale projects, each now marked 2, "being rendered".

        A writer that changes a project meanwhile sets 1 again. A killed publication leaves 2, which is stale too.
        """
        stale = [row["id"] for row in self.catalog.db.execute("SELECT id FROM project WHERE pages_stale ORDER BY id")]
        if stale:
            with self.catalog.writing() as db:
                projects.begin_rendering(db, stale)
        return stale

    def _projects(self) -> list[int]:
        # What was listed and never read is shown nowhere.
        rows = self.catalog.db.execute("SELECT id FROM project WHERE NOT (listed AND state = 'new') ORDER BY id")
        return [row["id"] for row in rows]

    def _write_assets(self) -> None:
        for path, data in self.render.assets.items() if self.settings.html_pages else ():
            self.tree.write(path, data, compressed=True)
        if self.render.site.signing_key:
            self.tree.write(provenance.SIGNERS, allowed_signers(self.render.site.signing_key))

    def _render(self, projects: Sequence[int], stale: frozenset[int]) -> Generator[Rendered, None, None]:
        """Render in chunks; many projects are rendered in several processes. Each chunk settles on its own."""
        self.result.projects = len(projects)
        chunks = [projects[start : start + CHUNK] for start in range(0, len(projects), CHUNK)]
        processes = min(self.settings.processes or os.cpu_count() or 1, len(chunks))
        if processes < 2 or len(projects) < WORTH_PROCESSES:
            renderer = ProjectRenderer(self.catalog.db, self.render, self.tree, self.sources)
            for chunk in chunks:
                rendered = renderer.render(chunk, stale)
                rendered.changed, rendered.side_changes = [], []  # the tree has them already
                yield rendered
            return
        self.tree.begin()
        job = _Job(Path(self.catalog.path), self.render, self.tree, self.sources, stale, os.getpid())
        # Forks: an Ansible module runs from an archive that a new interpreter could not import from. A fork shares
        # the job's memory, so nothing is pickled.
        with ProcessPoolExecutor(processes, multiprocessing.get_context("fork"), _begin_process, (job,)) as pool:
            try:
                yield from pool.map(_render_chunk, chunks)
            except BrokenProcessPool as error:
                raise PublishError(
                    "A process that rendered pages was killed, perhaps for want of memory; publish again: "
                    "it carries on where it stopped."
                ) from error

    def _take(self, rendered: Rendered) -> None:
        note_progress()
        self.tree.changed += rendered.changed
        self.tree.side_changes += rendered.side_changes
        self.to_remove += rendered.to_remove
        self.incomplete |= rendered.incomplete
        self.result.problems += rendered.problems
        self.result.files += rendered.files
        self._packed |= rendered.packed
        if len(self._packed) >= MOST_PACKED:
            self._write_packed()
        with self.catalog.writing() as db:
            write_rows(db, rendered.row_changes)

    def _write_packed(self) -> None:
        """Write the entries of projects without a page of their own into the files that they share."""
        by_path: dict[str, dict[str, bytes | None]] = {}
        for name, entry in self._packed.items():
            by_path.setdefault(packed.bucket_path(name), {})[name] = entry
        self._packed.clear()
        for path, entries in sorted(by_path.items()):
            anew = self._packed_anew and path not in self._packed_files
            data = packed.merged(None if anew else self.tree.read(path), entries)
            if data is None:
                self._packed_files.discard(path)
                self._packed_gone.add(path)
            else:
                self.tree.write(path, data)
                self._packed_files.add(path)
                self._packed_gone.discard(path)
        self.tree.settle()

    def _named_in_news(self) -> list[str]:
        """The names of the projects whose entries in lists are out of date."""
        return [row["name"] for row in self.catalog.db.execute("SELECT name FROM dirty_page ORDER BY name")]

    def _note_queue(self) -> None:
        """Record the length of the queue in this hour, for its plot."""
        with self.catalog.writing() as db:
            db.execute(
                """
                INSERT INTO queue_hour (hour, queued)
                SELECT ?, coalesce(sum(value), 0) FROM counter WHERE kind = 'status' AND key = 'waiting'
                ON CONFLICT (hour) DO UPDATE SET queued = excluded.queued
                """,
                (int(time.time() // 3600),),
            )

    def _write_root_list(self) -> None:
        """Write the list of projects that have a page under simple/."""
        rows = self.catalog.db.execute(
            "SELECT name FROM site_project INDEXED BY site_project_listed WHERE listed ORDER BY name"
        )
        names = [row["name"] for row in rows]
        self.tree.write("simple/index.html", index_pages.root_html(self.render, names), compressed=True)
        self.tree.write(ROOT_LIST, index_pages.root_json(names), compressed=True)
        self.tree.settle()

    def _write_overviews(self, changed: Sequence[str] | None) -> None:
        """Write the pages about many projects and remove those that are no longer made.

        `changed` are the projects whose entries changed; None: any may have.
        """
        made: dict[str, set[str]] = {}
        if self.settings.html_pages:
            with snapshot(self.catalog.db) as db:
                for page in overview_pages(db, self.render, changed, self.tree.has):
                    note_progress()
                    if page.owns_folder:
                        made.setdefault(page.path.partition("/")[0], set()).add(page.path)
                    if page.data is None:
                        self.to_remove.append(page.path)
                    else:
                        self.tree.write(page.path, page.data, compressed=page.compressed)
        self.tree.settle()
        for folder, paths in made.items():
            self.to_remove += [path for path in self.tree.files_below(folder) if path.removesuffix(".gz") not in paths]

    def _find_strays(self, earlier_assets: Collection[str]) -> None:
        """Find the paths that nothing in the catalog explains. Called only for a tree with our marker.

        `earlier_assets` are those of the publication before: pages that readers have loaded name them.
        """
        known = {row["name"] for row in self.catalog.db.execute("SELECT name FROM project")}
        top = {"simple": {"index.html", "index.html.gz", "index.json", "index.json.gz"}}
        if packed.is_everything(self.catalog.db):
            top["project"] = {packed.PAGE.rpartition("/")[2]}
        if self.render.site.signing_key:
            top["provenance"] = {provenance.SIGNERS.rpartition("/")[2]}
        for folder in (*FILES, *PAGES):
            expected = known | top.get(folder, set())
            if folder == ASSETS:
                assets = {*self.render.assets, *earlier_assets} if self.settings.html_pages else set()
                expected = {name.partition("/")[2] for name in assets}
                expected |= {f"{name}.gz" for name in expected}
            self.to_remove += [f"{folder}/{name}" for name in self.tree.names(folder) if name not in expected]
        if not self.settings.html_pages:
            pages = (*TOP, *LISTS, "project", "logs", "provenance")
            self.to_remove += [path for path in pages if self.tree.has(path)]

    def _finish(self, stale: Sequence[int], marker: dict[str, Any]) -> None:
        """Mark the rendered projects as no longer stale, and write a new publication ID to catalog and site."""
        done = [each for each in stale if each not in self.incomplete]
        self.result.left = len(stale) - len(done)
        if not (self.tree.changed or done or marker != self._read_marker()):
            return
        marker["published"] = secrets.token_hex(8)
        with self.catalog.writing() as db:
            projects.end_rendering(db, done)
            db.execute("DELETE FROM dirty_page")
            set_meta(db, "published", marker["published"])
        self.tree.write(MARKER, as_json(marker), quietly=True)
        self.tree.settle()


@dataclass(frozen=True)
class _Job:
    """The data that the processes of one publication inherit by fork."""

    catalog: Path
    render: Renderer
    tree: Tree
    sources: Sources
    stale: frozenset[int]
    parent: int


class _RenderProcess:
    """A process of the publication: it has its own connection to the catalog and its own staging folder."""

    def __init__(self, job: _Job) -> None:
        # This process inherits the lock of the site: left alone, it would block the next publication.
        die_with_parent(signal.SIGKILL, job.parent)
        # The collector's search for cycles among hundreds of thousands of rows takes a tenth of the time.
        gc.disable()
        self._catalog = Catalog(job.catalog).__enter__()
        self._tree = job.tree.branch(str(os.getpid()))
        self._renderer = ProjectRenderer(self._catalog.db, job.render, self._tree, job.sources)
        self._stale = job.stale

    def render(self, project_ids: Sequence[int]) -> Rendered:
        """Render some projects. The changes of earlier chunks were returned already, so the lists start empty."""
        self._tree.changed, self._tree.side_changes = [], []
        rendered = self._renderer.render(project_ids, self._stale)
        gc.collect()
        return rendered


#: Set in the processes of a publication only.
_process: _RenderProcess | None = None


def _begin_process(job: _Job) -> None:
    global _process
    _process = _RenderProcess(job)


def _render_chunk(project_ids: Sequence[int]) -> Rendered:
    assert _process is not None
    return _process.render(project_ids)
