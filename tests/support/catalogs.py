"""Makes a controller's state for a test: the catalog's rows and their files."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import itertools
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from packaging.utils import canonicalize_name, parse_wheel_filename
from wheelfleet.catalog.database import Catalog, rehearsal
from wheelfleet.site.contact import Contact
from wheelfleet.site.journal import JOURNAL
from wheelfleet.site.publication import MARKER, Published, Settings, publish_site
from wheelfleet.site.renderer import SiteFacts

from tests.support.wheels import wheel_file

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
TARGET = "cp311-cp311-linux_aarch64-glibc2.36"
#: 2023-11-14T22:13:20Z, the default time of rows.
EPOCH = 1_700_000_000.0


@dataclass
class ControllerState:
    """A catalog and the folders beside it, new or existing. Methods add rows in transactions, as a run does."""

    root: Path
    #: The time of the rows added next, in seconds since the epoch; each attempt ends some seconds later.
    at: float = EPOCH
    catalog: Catalog = field(init=False)
    _ticks: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        self.catalog = Catalog(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.catalog.close()

    @property
    def path(self) -> Path:
        """The catalog's file."""
        return self.root / "catalog.sqlite"

    @property
    def files_dir(self) -> Path:
        return self.root / "files"

    @property
    def logs_dir(self) -> Path:
        return self.root / "logs"

    @property
    def site(self) -> Path:
        return self.root / "site"

    def publish(
        self,
        *,
        full: bool = False,
        dry_run: bool = False,
        site: Path | None = None,
        overrides: Sequence[Path] = (),
        url: str = "",
        index_view: str = "own",
        html_pages: bool = True,
        grace_seconds: float | None = None,
        processes: int = 0,
        signing_key: Path | None = None,
        contact: Contact | None = None,
        announcement: str = "",
        files_url: str = "",
    ) -> Published:
        """Publish the site."""
        with rehearsal(self.path) if dry_run else contextlib.nullcontext(self.catalog) as catalog:
            return publish_site(
                catalog,
                files_dir=self.files_dir,
                logs_dir=self.logs_dir,
                site_dir=site or self.site,
                template_dirs=[*overrides, TEMPLATES],
                settings=Settings(
                    SiteFacts(
                        url,
                        index_view=index_view,
                        contact=contact or Contact(),
                        announcement=announcement,
                        files_url=files_url,
                    ),
                    html_pages=html_pages,
                    grace_seconds=grace_seconds,
                    processes=processes,
                    signing_key=signing_key,
                ),
                full=full,
                dry_run=dry_run,
            )

    def execute(self, statement: str, *values: object) -> int:
        """Execute one statement; returns the ID of the inserted row."""
        with self.catalog.writing() as db:
            return int(db.execute(statement, values).lastrowid or 0)

    def insert(self, table: str, **row: object) -> int:
        """Insert one row, by its columns; returns its ID."""
        with self.catalog.writing() as db:
            return insert(db, table, **row)

    def one(self, question: str, *values: object) -> object:
        """The first column of a query's first row."""
        return self.catalog.db.execute(question, values).fetchone()[0]

    def target(
        self,
        name: str = TARGET,
        *,
        tags: Sequence[str] = (),
        python_version: str = "3.11",
        platform: str = "linux_aarch64",
        preference: int = 1,
        **more: object,
    ) -> int:
        return self._known("target", "name", name) or self.insert(
            "target",
            name=name,
            python_version=python_version,
            implementation="cpython",
            platform=platform,
            preference=preference,
            tags=json.dumps(list(tags)),
            **more,
        )

    def project(
        self,
        name: str,
        *,
        state: str = "present",
        in_scope: bool = True,
        problem: str | None = None,
        judged: bool = True,
    ) -> int:
        return self._known("project", "name", canonicalize_name(name)) or self.insert(
            "project",
            name=canonicalize_name(name),
            display_name=name,
            state=state,
            in_scope=in_scope,
            problem=problem,
            judged=judged,
        )

    def release(self, name: str, version: str, *, sdist: bool = True, yanked: str | None = None) -> int:
        """A release, with an sdist on upstream's page; returns its ID."""
        project = self.project(name)
        row = self.catalog.db.execute(
            "SELECT id FROM release WHERE project_id = ? AND version = ?", (project, version)
        ).fetchone()
        if row:
            return int(row["id"])
        release = self.insert("release", project_id=project, version=version)
        if sdist:
            self.upstream_file(release, f"{canonicalize_name(name).replace('-', '_')}-{version}.tar.gz", yanked=yanked)
        return release

    def upstream_file(self, release: int, filename: str, **said: str | int | None) -> int:
        """Add a file on upstream's page; `said` are columns of its row."""
        kind = "wheel" if filename.endswith(".whl") else "sdist"
        row = {"release_id": release, "filename": filename, "kind": kind, "url": f"/files/{filename}", **said}
        return self.insert("upstream_file", **row)

    def want(
        self,
        name: str,
        version: str,
        *,
        target: str = TARGET,
        verdict: str = "build",
        reason: str = "upstream has no wheel this target can install",
        need: str = "none",
        **more: object,
    ) -> None:
        self.insert(
            "release_target",
            release_id=self.release(name, version),
            target_id=self.target(target),
            verdict=verdict,
            reason=reason,
            need=need,
            **more,
        )

    def attempt(
        self,
        name: str,
        version: str,
        *,
        outcome: str | None = "failed",
        state: str = "done",
        target: str = TARGET,
        run: str = "run1",
        host: str = "pi1",
        seconds: float = 12.0,
        log: str | None = "The log.\n",
        **more: object,
    ) -> str:
        """Add an attempt; returns its ID. If it is done, the logs folder has its log. `more` are columns of its row."""
        tick = next(self._ticks)
        attempt = f"{canonicalize_name(name)}-{version}-{tick:08x}"
        path = None
        if log is not None and state == "done":
            path = f"{canonicalize_name(name)}/{attempt}.log.gz"
            place = self.logs_dir / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(gzip.compress(log.encode(), mtime=0))
        done = state == "done"
        self.execute(
            "INSERT OR IGNORE INTO batch (id, host, run, claimed_at, lease_until, state) "
            "VALUES ('batch', 'pi1', 'run1', 0, 0, 'done')"
        )
        self.insert(
            "attempt",
            id=attempt,
            batch_id="batch",
            run=run,
            host=host,
            release_id=self.release(name, version),
            target_id=self.target(target),
            sdist_filename="sdist.tar.gz",
            predicted_seconds=1,
            state=state,
            claimed_at=self.at,
            finished_at=self.at + tick if done else None,
            outcome=outcome if done else None,
            seconds=seconds if done else None,
            log=path,
            **more,
        )
        return attempt

    def wheel(
        self,
        name: str,
        version: str,
        tag: str = "py3-none-any",
        *,
        build: str | None = None,
        summary: str | None = None,
        requires_python: str | None = None,
        requires_dist: Sequence[str] = (),
        fields: Mapping[str, str | Sequence[str]] | None = None,
        serves: Sequence[str] = (),
        source: str | None = None,
    ) -> str:
        """Add a wheel that was built and admitted; returns its file name. Its project's pages become stale."""
        artifact = wheel_file(
            name,
            version,
            tag,
            build=build,
            summary=summary,
            requires_python=requires_python,
            requires_dist=requires_dist,
            fields=fields,
            files=None if source is None else {f"{canonicalize_name(name).replace('-', '_')}.py": source},
        )
        place = self.files_dir / canonicalize_name(name) / artifact.filename
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(artifact.data)
        release = self.release(name, version)
        attempt = self.attempt(name, version, outcome="built")
        tags = sorted(str(single) for single in parse_wheel_filename(artifact.filename)[3])
        assert artifact.metadata is not None
        wheel = self.insert(
            "wheel",
            release_id=release,
            attempt_id=attempt,
            filename=artifact.filename,
            sha256=artifact.sha256,
            size=artifact.size,
            metadata_sha256=hashlib.sha256(artifact.metadata).hexdigest(),
            requires_python=requires_python,
            tags=json.dumps(tags),
            added_at=self.at + 0.25,
        )
        for target in serves:
            self.insert("wheel_target", release_id=release, target_id=self.target(target), wheel_id=wheel)
        return artifact.filename

    def builder(
        self, host: str = "pi1", *targets: str | int, facts: Mapping[str, object] | str = "{}", **more: object
    ) -> None:
        """Add a builder that offers the targets, by name or ID; `more` are columns of its row. A further call adds
        targets."""
        if not self.one("SELECT count(*) FROM builder WHERE host = ?", host):
            text = facts if isinstance(facts, str) else json.dumps(facts, sort_keys=True)
            self.insert("builder", host=host, facts=text, **{"seen_at": 0, **more})
        for target in targets:
            self.insert(
                "builder_target",
                host=host,
                target_id=self.target(target) if isinstance(target, str) else target,
                tools="/tools/python",
                interpreter="/usr/bin/python3",
            )

    def page(self, name: str, *, status: str = "built", listed: bool = True, summary: str = "") -> int:
        """Add the project's row in `site_project`; returns the project's ID."""
        project = self.project(name)
        self.execute(
            "INSERT OR IGNORE INTO site_project (project_id, name, display_name, summary, status, listed) "
            "SELECT id, name, display_name, ?, ?, ? FROM project WHERE id = ?",
            summary, status, listed, project,
        )  # fmt: skip
        return project

    def event(self, sentence: str, *, host: str = "pi1", run: str = "run1", at: float = 0) -> None:
        """Add an event of a host."""
        self.insert("event", at=at, run=run, host=host, sentence=sentence)

    def outdate(self, name: str) -> None:
        """Mark the project's pages as stale."""
        self.execute("UPDATE project SET pages_stale = 1 WHERE name = ?", canonicalize_name(name))

    def upstream_removes(self, name: str, version: str) -> None:
        """Remove a release from upstream's page."""
        self.execute("DELETE FROM upstream_file WHERE release_id = ?", self.release(name, version))
        self.outdate(name)

    def _known(self, table: str, column: str, value: str) -> int | None:
        row = self.catalog.db.execute(f"SELECT id FROM {table} WHERE {column} = ?", (value,)).fetchone()
        return int(row["id"]) if row else None


def insert(db: sqlite3.Connection, table: str, **row: object) -> int:
    """Insert one row, by its columns; returns its ID."""
    places = ", ".join("?" * len(row))
    return db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", tuple(row.values())).lastrowid or 0


def site_bytes(site: Path) -> dict[str, bytes]:
    """The bytes of each file of a site, without journal and marker, which depend on its history."""
    files = (path for path in sorted(site.rglob("*")) if path.is_file() and path.name not in (JOURNAL, MARKER))
    return {str(path.relative_to(site)): path.read_bytes() for path in files}
