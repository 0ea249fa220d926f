"""The facts of one project for its page, JSON and badge, read from the catalog in a handful of indexed queries."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from packaging.version import Version

from ...os_release import packages_on, release_name
from ...text import printable, utc
from ..applied_adjustments import goes_on_with, tried_with
from ..filters import explain_tag
from ..listing import ListedFile, ProjectFiles, is_on_the_web
from ..status_rows import StatusRow, project_row
from .about import About

_NOT_IN_SCOPE = "The fleet builds nothing new of this project: it is no longer in scope."
_WITHDRAWN = "Withdrawn, because upstream has a wheel for these targets now; kept for those who pinned it."
_REPLACED = "The wheels of {version} were built from an earlier {sdist}, which upstream has replaced since."
_SKIPPED = "Off the index, because the operator skips it ({reason}); kept for those who pinned it."
_WITHDRAWN_BY_ORDER = "Withdrawn by the operator ({reason}); its file is not served."
_TAKEN = "Upstream took this release away soon after its upload, as it does with harmful ones; its file is not served."
_UNLISTED = "No longer on the index; kept for those who pinned it."


class Target(NamedTuple):
    """A target that the project has verdicts for; `machine` is the processor in its platform, as in `linux_aarch64`."""

    name: str
    python: str
    system: str
    machine: str


class Rebuild(NamedTuple):
    """The rebuild check of a wheel. `verdict` is agrees, differs or failed; `at` is in seconds since the epoch."""

    builder: str
    verdict: str
    at: float
    sha256: str | None
    sentence: str | None
    differences: tuple[str, ...]


class Libraries(NamedTuple):
    """The repair of a wheel, as its builder reported it (contract/result.py)."""

    tool: str
    #: repaired, unneeded or impossible.
    outcome: str
    platform: str | None
    vendored: tuple[str, ...]
    message: str | None


class Imports(NamedTuple):
    """The import check of a wheel. `verdict` is imported, failed or unchecked; `modules` are the imported ones."""

    verdict: str
    modules: tuple[str, ...]
    message: str | None


class Import(NamedTuple):
    """Who imported a wheel that was built elsewhere, when (epoch seconds) and why."""

    who: str
    at: float
    reason: str


class OwnFile(NamedTuple):
    """A wheel of ours. `note` is the reason why it is not `listed` on the index pages; `explained` has its tags in
    words. What an operator withdrew is not `on_site`.

    `seconds` is the duration of the build, which each install saves, roughly. `apt` are the packages of the builder's
    release whose libraries the wheel needs at run time.
    """

    file: ListedFile
    listed: bool
    note: str | None
    tags: tuple[str, ...]
    explained: str
    seconds: float | None
    rebuild: Rebuild | None = None
    libraries: Libraries | None = None
    apt: tuple[str, ...] = ()
    imports: Imports | None = None
    #: The sdist that it was built from, if upstream has replaced it under the same name.
    earlier_sdist: str | None = None
    imported: Import | None = None
    on_site: bool = True
    #: The packages by release (`debian 12`): of the builder's own, and of those of the targets that the wheel serves.
    apt_by_release: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    #: The C libraries it works with, such as `glibc>=2.34`; None: any, or not known.
    libc: str | None = None
    #: The names of the targets that can install it.
    serves: frozenset[str] = frozenset()


class Attempt(NamedTuple):
    """A build that ended. `outcome` is built, failed, refused or lost; times are seconds since the epoch."""

    id: str
    version: str
    target: str
    builder: str
    outcome: str
    began: float
    ended: float | None
    seconds: float | None
    cpu_seconds: float | None
    peak_memory: int | None
    interpreter: str | None
    failure_class: str | None
    sentence: str | None
    evidence: str | None
    advice: str | None
    #: Its remedies, and the sentence on the next try (site/applied_adjustments.py).
    tried_with: tuple[dict[str, str], ...] | None
    next_try: str | None
    #: Paths below the site: the page for people, and the raw log.
    log_page: str | None
    log: str | None


class Upstream(NamedTuple):
    """Upstream's files of a release. URLs are None where they are not http(s); `uploaded` is in PEP 700's format."""

    sdists: tuple[tuple[str, str | None], ...]
    wheels: int
    uploaded: str | None
    #: The reason, perhaps empty, if every file is yanked (PEP 592).
    yanked: str | None


class Downloads(NamedTuple):
    """The downloads of `DAYS` days up to `until`, the last day (`2026-11-22`) on which there was one: so the numbers
    stay true when nothing is counted any more."""

    until: str
    by_day: tuple[int, ...]

    @property
    def total(self) -> int:
        """Their sum."""
        return sum(self.by_day)


#: Days of downloads that a page shows.
DAYS = 30


class Release(NamedTuple):
    """One release: `cells` has a status for each of the project's targets, None where there is no verdict."""

    version: str
    cells: tuple[StatusRow | None, ...]
    files: tuple[OwnFile, ...]
    attempts: tuple[Attempt, ...]
    upstream: Upstream


class ProjectFacts(NamedTuple):
    """One project. `status` is PEP 792's, or `deleted` or `absent` if upstream has no such project."""

    name: str
    display_name: str
    summary: str
    status: str
    status_reason: str | None
    #: A status and a sentence about the project as a whole.
    notice: tuple[str, str] | None
    targets: tuple[Target, ...]
    #: The newest first.
    releases: tuple[Release, ...]
    #: The number of upstream's other releases, which have no row here.
    other_releases: int
    downloads: int
    saved_seconds: float
    #: The newest final version that upstream has and has not yanked; None: it has none.
    latest: str | None = None
    #: What the newest wheel's METADATA says; None: there is no wheel.
    about: About | None = None
    lately: Downloads | None = None
    #: The names of those dependencies that have a page here.
    known_dependencies: frozenset[str] = frozenset()


def read_project(
    db: sqlite3.Connection,
    project_id: int,
    content: ProjectFiles,
    rows: Sequence[StatusRow],
    summary: str,
    logs: Collection[str],
    about: About | None = None,
    *,
    everything: bool = False,
) -> ProjectFacts:
    """Read the facts of a project, given its files (`content`), the status of its releases (`rows`), its `summary`, the
    `logs` of its attempts that the site has, and what its newest wheel says (`about`).

    With `everything` in scope a project may have no page of its own.
    """
    project = db.execute(
        """
        SELECT p.*, coalesce(u.downloads, 0) AS downloads, coalesce(u.saved_seconds, 0) AS saved_seconds
        FROM project p LEFT JOIN use_total u ON u.name = p.name WHERE p.id = ?
        """,
        (project_id,),
    ).fetchone()
    there = {f"logs/{log}" for log in logs}
    rows = [
        row if row.log is None or row.log in there else replace(row, log=None)
        for row in rows
        if row.version is not None
    ]
    targets = _targets(db, rows)
    attempts = _attempts(db, project_id, logs)
    files = _files(db, project_id, content, attempts)
    upstream = _upstream(db, project_id)
    cells: dict[str, dict[str, StatusRow]] = {}
    for row in rows:
        cells.setdefault(str(row.version), {})[str(row.target)] = row
    spoken_of = {*cells, *files, *(attempt.version for attempt in attempts)}
    by_version: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        by_version.setdefault(attempt.version, []).append(attempt)
    return ProjectFacts(
        name=project["name"],
        display_name=printable(project["display_name"]),
        summary=printable(summary),
        status=_status(project),
        status_reason=printable(project["status_reason"]) if project["status_reason"] else None,
        notice=_notice(project, bool(rows)) or _replaced(files),
        targets=targets,
        releases=tuple(
            Release(
                version,
                tuple(cells.get(version, {}).get(target.name) for target in targets),
                tuple(files.get(version, ())),
                tuple(by_version.get(version, ())),
                upstream.get(version, _NOTHING),
            )
            for version in sorted(spoken_of, key=_version, reverse=True)
        ),
        other_releases=sum(
            1 for version, has in upstream.items() if version not in spoken_of and (has.sdists or has.wheels)
        ),
        downloads=project["downloads"],
        saved_seconds=project["saved_seconds"],
        latest=max(
            (
                version
                for version, has in upstream.items()
                if (has.sdists or has.wheels) and has.yanked is None and not _version(version).is_prerelease
            ),
            key=_version,
            default=None,
        ),
        about=about,
        lately=_lately(db, project["name"]) if project["downloads"] else None,
        known_dependencies=_with_page(db, {each.name for each in about.needed}, everything) if about else frozenset(),
    )


def _with_page(db: sqlite3.Connection, names: Collection[str], everything: bool) -> frozenset[str]:
    """Those of the names that have a page of their own, or get one in this publication."""
    if not names:
        return frozenset()
    rows = db.execute(
        """
        SELECT p.name FROM project p LEFT JOIN site_project s ON s.project_id = p.id
        WHERE p.name IN (SELECT value FROM json_each(?))
            AND iif(s.project_id IS NULL, p.in_scope AND p.state <> 'new' AND NOT ?, NOT s.packed)
        """,
        (json.dumps(sorted(names)), everything),
    )
    return frozenset(row["name"] for row in rows)


def _lately(db: sqlite3.Connection, name: str) -> Downloads | None:
    counted = dict(
        db.execute(
            "SELECT day, downloads FROM use_day WHERE name = ? AND downloads > 0 ORDER BY day DESC LIMIT ?",
            (name, DAYS),
        ).fetchall()
    )
    if not counted:
        return None
    last = max(counted)
    days = range(last - DAYS + 1, last + 1)
    return Downloads(utc(last * 86400)[:10], tuple(counted.get(day, 0) for day in days))


def log_page(log: str) -> str:
    """The path of a log's page for people, beside `NAME/ATTEMPT.log.gz`."""
    return f"{log.removesuffix('.log.gz')}.html"


_NOTHING = Upstream((), 0, None, None)
_version = lru_cache(maxsize=65536)(Version)


def _status(project: sqlite3.Row) -> str:
    state = project["state"]
    return state if state in ("absent", "deleted", "quarantined") else project["status"] or "active"


def _notice(project: sqlite3.Row, has_releases: bool) -> tuple[str, str] | None:
    if not project["in_scope"]:
        return "skipped", _NOT_IN_SCOPE
    whole = project_row(project, has_releases)
    return (whole.status, whole.reason) if whole else None


def _replaced(files: Mapping[str, Sequence[OwnFile]]) -> tuple[str, str] | None:
    """A notice if all listed wheels of a release were built from an sdist that upstream has replaced."""
    for version in sorted(files, key=_version, reverse=True):
        listed = [file for file in files[version] if file.listed]
        if listed and all(file.earlier_sdist for file in listed):
            return "waiting", _REPLACED.format(version=version, sdist=listed[0].earlier_sdist)
    return None


def _targets(db: sqlite3.Connection, rows: Iterable[StatusRow]) -> tuple[Target, ...]:
    judged_for = {row.target for row in rows}
    known = db.execute("SELECT name, platform FROM target ORDER BY preference, id")
    return tuple(_target(row["name"], row["platform"]) for row in known if row["name"] in judged_for)


@lru_cache(maxsize=256)
def _target(name: str, platform: str) -> Target:
    python, _, system = explain_tag("-".join(name.split("-")[:3])).partition(", ")
    libc = "-".join(name.split("-")[3:])
    for family in ("glibc", "musl"):
        if libc.startswith(family):
            system = f"{system}, {family} {libc.removeprefix(family)}"
    return Target(name, python, system, platform.partition("_")[2] or platform)


def _attempts(db: sqlite3.Connection, project_id: int, logs: Collection[str]) -> list[Attempt]:
    """The attempts that ended, the latest first. Open ones show in the release's cell."""
    ended = db.execute(
        """
        SELECT a.*, r.version, t.name AS target
        FROM release r JOIN attempt a ON a.release_id = r.id JOIN target t ON t.id = a.target_id
        WHERE r.project_id = ? AND a.state <> 'open'
        ORDER BY coalesce(a.finished_at, a.claimed_at) DESC, a.id
        """,
        (project_id,),
    )
    return [_attempt(row, row["log"] if row["log"] in logs else None) for row in ended]


def _attempt(row: sqlite3.Row, log: str | None) -> Attempt:
    lost = row["state"] == "lost"
    sentence = row["sentence"] or (f"{row['host']} was lost while it built this." if lost else None)
    failed = row["outcome"] != "built"
    return Attempt(
        id=row["id"],
        version=row["version"],
        target=row["target"],
        builder=row["host"],
        outcome=row["outcome"] or "lost",
        began=row["begun_at"] or row["claimed_at"],
        ended=row["finished_at"],
        seconds=row["seconds"],
        cpu_seconds=row["cpu_seconds"],
        peak_memory=row["peak_memory"],
        interpreter=_clean(row["interpreter"]),
        failure_class=(row["failure_class"] or ("lost" if lost else "unknown")) if failed else None,
        sentence=_clean(sentence),
        evidence=_clean(row["evidence"]),
        advice=_clean(row["advice"]),
        tried_with=tried_with(row["remedies"]) or None,
        next_try=goes_on_with(row["remedies"], row["retry_with"]),
        log_page=f"logs/{log_page(log)}" if log else None,
        log=f"logs/{log}" if log else None,
    )


def _files(
    db: sqlite3.Connection, project_id: int, content: ProjectFiles, attempts: Iterable[Attempt]
) -> dict[str, list[OwnFile]]:
    """Our wheels, by version."""
    known: dict[str, sqlite3.Row] = {}
    rebuilds: dict[str, Rebuild] = {}
    for row in db.execute(
        """
        SELECT w.id, w.filename, w.tags, w.repaired, w.apt_packages, w.imports, w.import_facts, w.imported,
               w.libc,
               (SELECT f.filename FROM upstream_file f WHERE f.release_id = r.id AND f.filename = w.sdist_filename
                AND f.sha256 <> w.sdist_sha256) AS earlier_sdist,
               x.host, x.verdict, x.finished_at, x.sha256, x.sentence, x.differences
        FROM release r JOIN wheel w ON w.release_id = r.id
        LEFT JOIN rebuild x ON x.wheel_id = w.id AND x.verdict IS NOT NULL WHERE r.project_id = ?
        """,
        (project_id,),
    ):
        known[row["filename"]] = row
        if row["verdict"]:
            rebuilds[row["filename"]] = Rebuild(
                row["host"], row["verdict"], row["finished_at"], row["sha256"], _clean(row["sentence"]),
                tuple(map(printable, json.loads(row["differences"]))),
            )  # fmt: skip
    releases = _releases_of_systems(db, project_id)
    serves = _served_targets(db, project_id)
    seconds: Mapping[str, float | None] = {attempt.id: attempt.seconds for attempt in attempts}
    listed = {file.filename for file in content.listed if file.url is None}
    withdrawn = {file.filename for file in content.withdrawn}
    files: dict[str, list[OwnFile]] = {}
    for file in content.ours:
        on_index = file.filename in listed
        note = None if on_index else _WITHDRAWN if file.filename in withdrawn else _UNLISTED
        if file.filename in content.skipped:
            note = _SKIPPED.format(reason=printable(content.skipped[file.filename]))
        if file.filename in content.taken:
            note = _TAKEN
        if file.filename in content.withdrawn_by_order:
            note = _WITHDRAWN_BY_ORDER.format(reason=printable(content.withdrawn_by_order[file.filename]))
        row = known[file.filename]
        carried = _strings(row["tags"])
        packages = _strings(row["apt_packages"])
        if file.yanked or file.requires_python:
            file = file._replace(yanked=_clean(file.yanked), requires_python=_clean(file.requires_python))
        files.setdefault(file.version, []).append(
            OwnFile(
                file,
                on_index,
                note,
                carried,
                _explained(carried),
                seconds.get(file.attempt_id),
                rebuilds.get(file.filename),
                _libraries(row["repaired"]),
                packages,
                _imports(row["imports"], row["import_facts"]),
                _clean(row["earlier_sdist"]),
                _import(row["imported"]),
                content.is_served(file.filename),
                _apt_by_release(packages, releases.get(file.filename, ())),
                row["libc"],
                serves.get(row["id"], frozenset()),
            )
        )
    return files


def _served_targets(db: sqlite3.Connection, project_id: int) -> dict[int, frozenset[str]]:
    """The names of the targets that each wheel of a project serves, by its ID."""
    served: dict[int, set[str]] = {}
    for row in db.execute(
        """
        SELECT s.wheel_id, t.name FROM release r JOIN wheel_target s ON s.release_id = r.id
        JOIN target t ON t.id = s.target_id WHERE r.project_id = ?
        """,
        (project_id,),
    ):
        served.setdefault(row["wheel_id"], set()).add(row["name"])
    return {wheel: frozenset(names) for wheel, names in served.items()}


def _releases_of_systems(db: sqlite3.Connection, project_id: int) -> dict[str, list[str]]:
    """By wheel that needs packages: the release that built it, then those of the targets that it serves."""
    releases: dict[str, list[str]] = {}
    for row in db.execute(
        """
        SELECT w.filename, json_extract(a.built_with, '$.builder.os') AS system, 0 AS later
        FROM release r JOIN wheel w ON w.release_id = r.id JOIN attempt a ON a.id = w.attempt_id
        WHERE r.project_id = :project AND w.apt_packages <> '[]'
        UNION SELECT w.filename, json_extract(b.facts, '$.os'), 1
        FROM release r JOIN wheel w ON w.release_id = r.id
        JOIN wheel_target s ON s.release_id = w.release_id AND s.wheel_id = w.id
        JOIN builder_target o ON o.target_id = s.target_id JOIN builder b ON b.host = o.host
        WHERE r.project_id = :project AND w.apt_packages <> '[]'
        ORDER BY later, system
        """,
        {"project": project_id},
    ):
        name = release_name(json.loads(row["system"] or "{}"))
        known = releases.setdefault(row["filename"], [])
        # Names in another distribution are not known.
        if name and name not in known and (not known or name.split()[0] == known[0].split()[0]):
            known.append(name)
    return releases


def _apt_by_release(packages: Sequence[str], releases: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    if not packages or not releases:
        return {}
    others = {release: packages_on(release, packages) for release in releases[1:]}
    return {releases[0]: tuple(packages), **{release: names for release, names in others.items() if names}}


def _libraries(text: str | None) -> Libraries | None:
    if text is None:
        return None
    data = json.loads(text)
    return Libraries(**{**data, "vendored": tuple(data["vendored"]), "message": _clean(data["message"])})


def _import(text: str | None) -> Import | None:
    if text is None:
        return None
    data = json.loads(text)
    return Import(printable(data["who"]), data["at"], printable(data["reason"]))


def _imports(verdict: str | None, text: str | None) -> Imports | None:
    if verdict is None:
        return None
    data = json.loads(text or '{"modules": [], "message": null}')
    return Imports(verdict, tuple(data["modules"]), _clean(data["message"]))


@lru_cache(maxsize=4096)
def _strings(text: str) -> tuple[str, ...]:
    """A JSON list; many wheels have the same tags and packages."""
    return tuple(json.loads(text))


@lru_cache(maxsize=4096)
def _explained(tags: tuple[str, ...]) -> str:
    return "; ".join(dict.fromkeys(map(explain_tag, tags)))


def _upstream(db: sqlite3.Connection, project_id: int) -> dict[str, Upstream]:
    """Upstream's files by version, of every release in the catalog."""
    sdists: dict[int, list[tuple[str, str | None]]] = {}
    for row in db.execute(
        """
        SELECT f.release_id, f.filename, f.url FROM release r JOIN upstream_file f ON f.release_id = r.id
        WHERE r.project_id = ? AND f.kind = 'sdist' ORDER BY f.filename
        """,
        (project_id,),
    ):
        url = row["url"] if is_on_the_web(row["url"]) else None
        sdists.setdefault(row["release_id"], []).append((printable(row["filename"]), url))
    counted = db.execute(
        """
        SELECT r.id, r.version, sum(f.kind = 'wheel') AS wheels, min(f.upload_time) AS uploaded,
               CASE WHEN count(f.yanked) = count(*) THEN max(f.yanked) END AS yanked
        FROM release r JOIN upstream_file f ON f.release_id = r.id WHERE r.project_id = ? GROUP BY r.id
        """,
        (project_id,),
    )
    return {
        row["version"]: Upstream(
            tuple(sdists.get(row["id"], ())), row["wheels"], row["uploaded"], _clean(row["yanked"])
        )
        for row in counted
    }


def _clean(text: str | None) -> str | None:
    return printable(text) if text is not None else None
