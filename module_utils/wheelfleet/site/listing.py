"""A project's files on the site, read from the catalog: those that its pages list and those that are only kept."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from .. import requires_python
from ..planner.inputs import PlanInputs
from ..planner.scope import Skip

#: States upstream of projects that list no files (PEP 792: clients must not install quarantined files).
GONE_STATES = ("absent", "deleted", "quarantined")


class ListedFile(NamedTuple):
    """A file as pages show it. `yanked` is None or the reason, which may be empty (PEP 592): the operator's, or
    upstream's.

    `url` is upstream's; it is None for a wheel of ours, which is below the site. `metadata_sha256` is None where no
    metadata is offered, and empty where its hash is unknown. `wheel_id` and `attempt_id` are the catalog's.
    """

    filename: str
    version: str
    sha256: str | None
    size: int | None
    metadata_sha256: str | None
    requires_python: str | None
    yanked: str | None
    upload_time: str | None
    url: str | None = None
    provenance: str | None = None
    attempt_id: str = ""
    wheel_id: int = 0


class ProjectFiles(NamedTuple):
    """The files of one project.

    `listed` are on its index pages, by version, the highest build first. `ours` are our wheels, listed or not; `kept`
    are those on the site's disk. `withdrawn` are those whose targets upstream serves now. `skipped` has the reason for
    each file name that the operator's skip list keeps off the pages, `withdrawn_by_order` the reason for each that an
    operator withdrew. `taken` are the names of those whose release upstream took away while it was young.
    `versions` are those of the listed files (PEP 700). `status` and `status_reason` are PEP 792's.
    """

    project_id: int
    name: str
    state: str
    listed: tuple[ListedFile, ...]
    ours: tuple[ListedFile, ...]
    withdrawn: tuple[ListedFile, ...]
    versions: tuple[str, ...]
    status: str | None = None
    status_reason: str | None = None
    skipped: Mapping[str, str] = {}
    withdrawn_by_order: Mapping[str, str] = {}
    taken: frozenset[str] = frozenset()

    @property
    def kept(self) -> tuple[ListedFile, ...]:
        """Our wheels on the site's disk: an old page or a lock file may still name those that are not listed. What
        nobody shall get is not there: what an operator withdrew, and what may do harm (`taken`)."""
        if not self.withdrawn_by_order and not self.taken:
            return self.ours
        return tuple(file for file in self.ours if self.is_served(file.filename))

    def is_served(self, filename: str) -> bool:
        """Whether our wheel of this name is on the site's disk, listed or not."""
        return filename not in self.withdrawn_by_order and filename not in self.taken


def project_files(db: sqlite3.Connection, project_id: int, view: str = "own") -> ProjectFiles:
    """The files that the site should have of this project. `view`: see `files_of`."""
    return next(iter(files_of(db, [project_id], view)))


def files_of(db: sqlite3.Connection, project_ids: Sequence[int], view: str = "own") -> Iterator[ProjectFiles]:
    """The files that the site should have of each of these projects, by ID.

    `view` is `own`, or `full`: then a page lists upstream's files beside our wheels.
    """
    chosen = {"ids": json.dumps(sorted(project_ids))}
    always = builds_always(db)
    skips = _skips(db)
    wheels = _by_project(_rows(db, _WHEELS, chosen))
    upstream = _by_project(_rows(db, _UPSTREAM if view == "full" else _BESIDE_OURS, chosen))
    for project_id, name, state, status, status_reason in _rows(db, _PROJECTS, chosen):
        mine = wheels.get(project_id, [])
        theirs = upstream.get(project_id, []) if mine else []
        ordered = {row[_FILENAME]: row[_WITHDRAWN] or "" for row in mine if row[_WITHDRAWN_AT] is not None}
        skipped = _skipped(db, name, [row for row in mine if row[_FILENAME] not in ordered], skips.get(name, ()))
        listed, ours, withdrawn = _sorted_out(db, mine, theirs, state, always, {*skipped, *ordered})
        if listed and view == "full":
            listed = _in_order([*listed, *(_theirs(row) for row in theirs if is_on_the_web(row[6]))])
        yield ProjectFiles(
            project_id,
            name,
            state,
            tuple(listed),
            tuple(ours),
            tuple(withdrawn),
            tuple(dict.fromkeys(file.version for file in listed)),
            status,
            status_reason,
            skipped,
            ordered,
            frozenset(row[_FILENAME] for row in mine if row[_TAKEN]),
        )


def timestamp(moment: float) -> str:
    """Seconds since the epoch as PEP 700 writes an upload-time."""
    minute, seconds = divmod(moment, 60)
    microseconds = round(seconds * 1e6)
    if microseconds == 60_000_000:
        return timestamp((minute + 1) * 60)
    day, minute = divmod(int(minute), 1440)
    # In little more than half of datetime's time: a full render writes hundreds of thousands.
    return f"{_day(day)}T{_minute(minute)}:{microseconds // 1_000_000:02}.{microseconds % 1_000_000:06}Z"


@lru_cache(maxsize=4096)
def _day(number: int) -> str:
    """A day by its number since the epoch."""
    return (_EPOCH + timedelta(days=number)).isoformat()


@lru_cache(maxsize=1440)
def _minute(number: int) -> str:
    """The hours and minutes of a minute of the day."""
    return f"{number // 60:02}:{number % 60:02}"


_EPOCH = date(1970, 1, 1)


_PROJECTS = """
    SELECT id, name, state, status, status_reason FROM project
    WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id
    """
_WHEELS = """
    SELECT r.project_id, r.id AS release_id, r.version, w.filename, w.sha256, w.size, w.metadata_sha256,
        w.requires_python, w.tags, w.added_at, w.attempt_id, w.id, coalesce(w.yanked, r.yanked), w.withdrawn_at,
        w.withdrawn, json_extract(w.imported, '$.beside_upstream'), r.gone_at IS NOT NULL AND r.taken_young,
        json_extract(w.repaired, '$.outcome') = 'impossible'
    FROM release r JOIN wheel w ON w.release_id = r.id
    WHERE r.project_id IN (SELECT value FROM json_each(:ids)) AND w.removed_at IS NULL ORDER BY r.project_id
    """
#: Positions in a row of `_WHEELS`.
_FILENAME, _WITHDRAWN_AT, _WITHDRAWN, _BESIDE, _TAKEN, _UNREPAIRED = 3, 13, 14, 15, 16, 17
_UPSTREAM = """
    SELECT r.project_id, f.release_id, r.version, f.filename, f.kind, f.yanked, f.url, f.requires_python,
        f.sha256, f.size, f.metadata_sha256, f.upload_time, f.provenance
    FROM release r JOIN upstream_file f ON f.release_id = r.id
    WHERE r.project_id IN (SELECT value FROM json_each(:ids)) ORDER BY r.project_id, f.release_id, f.filename
    """
#: The columns of upstream's files that the view `own` decides by; only of releases that we have wheels of.
_BESIDE_OURS = """
    SELECT r.project_id, f.release_id, NULL, f.filename, f.kind, f.yanked, NULL, f.requires_python
    FROM release r JOIN upstream_file f ON f.release_id = r.id
    WHERE r.project_id IN (SELECT value FROM json_each(:ids))
        AND EXISTS (SELECT 1 FROM wheel w WHERE w.release_id = r.id)
    ORDER BY r.project_id, f.release_id, f.filename
    """


_Row = tuple[Any, ...]


def _rows(db: sqlite3.Connection, question: str, values: dict[str, str]) -> sqlite3.Cursor:
    """Rows as plain tuples: for 200,000 files, looking up columns by name would take longer than reading them."""
    cursor = db.cursor()
    cursor.row_factory = None
    return cursor.execute(question, values)


def _by_project(rows: Iterable[_Row]) -> dict[int, list[_Row]]:
    return {project: list(group) for project, group in groupby(rows, key=itemgetter(0))}


def _sorted_out(
    db: sqlite3.Connection,
    wheels: list[_Row],
    upstream: list[_Row],
    state: str,
    always: bool,
    off: Collection[str],
) -> tuple[list[ListedFile], list[ListedFile], list[ListedFile]]:
    """Our wheels of a project that are listed, all of them, and those withdrawn because upstream serves their targets.

    `off` are the names of those that an operator keeps off the index.
    """
    beside = {release: _Beside.of([*rows]) for release, rows in groupby(upstream, key=itemgetter(1))}
    listed, withdrawn = set(), set()
    files = []
    for row in wheels:
        _, release, version, filename, sha256, size, metadata, python, tags, added_at, attempt, wheel, ordered = row[
            :13
        ]
        others = beside.get(release)
        # An operator's yank outlives upstream's, and upstream's the operator's.
        yanked = ordered or (others.yanked if others and others.yanked is not None else ordered)
        files.append(
            ListedFile(
                filename,
                version,
                sha256,
                size,
                metadata,
                python or None,
                yanked,
                timestamp(added_at),
                None,
                None,
                attempt or "",
                wheel,
            )
        )
        # A name that upstream has too is not listed: pip would take either file.
        if others is None or state in GONE_STATES or filename in others.filenames or filename in off:
            continue
        shadows = others.has_pure(tags)
        # Beside upstream's repaired wheel, one that could not be repaired would be taken first, and needs more.
        in_vain = always and row[_UNREPAIRED] and not row[_BESIDE]
        stays = (always or row[_BESIDE]) and not shadows
        theirs = others.repaired() if in_vain and stays else others
        targets = _served(db, release, wheel) if theirs.wheels and (in_vain or not stays) else []
        if shadows and not targets:
            continue
        if targets and all(_upstream_serves(target, theirs) for target in targets):
            withdrawn.add(filename)
        else:
            listed.add(filename)
    files = _in_order(files)
    return (
        [file for file in files if file.filename in listed],
        files if state != "quarantined" else [],
        [file for file in files if file.filename in withdrawn],
    )


def _in_order(files: list[ListedFile]) -> list[ListedFile]:
    """Files by version, then the highest build first, then by name: three stable sorts, the last key first."""
    versions = sorted({file.version for file in files}, key=_version)
    rank = {version: number for number, version in enumerate(versions)}
    files = sorted(files)
    files.sort(key=_build_number, reverse=True)
    files.sort(key=lambda file: rank[file.version])
    return files


def _build_number(file: ListedFile) -> int:
    """The number in a wheel's build tag; 0 without one. pdm takes the first build listed, others the highest."""
    if file.filename.count("-") != 5 or not file.filename.endswith(".whl"):
        return 0
    digits = re.match("[0-9]+", file.filename.split("-")[2])
    return int(digits[0]) if digits else 0


_REPAIRED = re.compile(r"[-.](?:manylinux|musllinux)")
#: Versions repeat across projects, and parsing one costs ten times as much as a look-up.
_version = lru_cache(maxsize=65536)(Version)


class _Beside(NamedTuple):
    """Upstream's files of a release: their names, the reason of the yank, and the wheels that are not yanked, each with
    its Requires-Python."""

    filenames: frozenset[str]
    yanked: str | None
    wheels: tuple[tuple[str, str | None], ...]

    @classmethod
    def of(cls, rows: list[_Row]) -> _Beside:
        """Read the rows of a release. Our wheels count as yanked if all sdists of the release are, or, without sdists,
        all its files."""
        sources = [yanked for _, _, _, _, kind, yanked, *_ in rows if kind == "sdist"] or [row[5] for row in rows]
        return cls(
            frozenset(row[3] for row in rows),
            None if None in sources else next(filter(None, sources), ""),
            tuple((row[3], row[7]) for row in rows if row[4] == "wheel" and row[5] is None),
        )

    def repaired(self) -> _Beside:
        """The same with only those wheels that carry what a clean system does not have (PEP 600, PEP 656)."""
        return self._replace(wheels=tuple(each for each in self.wheels if _REPAIRED.search(each[0])))

    def has_pure(self, tags: str) -> bool:
        """Whether upstream lists a pure wheel with a tag of our pure wheel, which would shadow it."""
        ours = _pure_tags(tags)
        return bool(ours) and any(
            not ours.isdisjoint(_tags(name)) for name, _ in self.wheels if name.endswith("-none-any.whl")
        )


def _theirs(row: _Row) -> ListedFile:
    _, _, version, filename, _, yanked, url, python, sha256, size, metadata, upload_time, provenance = row
    return ListedFile(
        filename, version, sha256, size, metadata, python or None, yanked, upload_time, url,
        provenance if is_on_the_web(provenance or "") else None,
    )  # fmt: skip


def is_on_the_web(url: str) -> bool:
    """Whether clients can fetch the URL: an upstream on the controller's disk has `file:` URLs."""
    return url.startswith(("http://", "https://"))


def _skips(db: sqlite3.Connection) -> dict[str, list[Skip]]:
    """The operator's skip list and that of the recipes, by project."""
    inputs = PlanInputs.remembered(db)
    skips: dict[str, list[Skip]] = {}
    for skip in inputs.as_policy().skip if inputs else ():
        skips.setdefault(skip.name, []).append(skip)
    return skips


def _skipped(db: sqlite3.Connection, name: str, wheels: list[_Row], skips: Sequence[Skip]) -> dict[str, str]:
    """Our wheels of a project that serve only targets for which their release is skipped, with the reason."""
    skipped: dict[str, str] = {}
    for _, release, version, filename, *_, wheel in (row[:12] for row in wheels) if skips else ():
        # A wheel that serves no target any more matches only entries for all targets.
        targets = [row["name"] for row in _served(db, release, wheel)] or [""]
        entries = [
            next((skip for skip in skips if skip.matches(name, _version(version), target)), None) for target in targets
        ]
        if entries[0] and all(entries):
            skipped[filename] = entries[0].reason
    return skipped


def _served(db: sqlite3.Connection, release: int, wheel: int) -> list[sqlite3.Row]:
    """The targets that this wheel of ours serves."""
    return db.execute(
        "SELECT t.name, t.tags, t.python_version FROM wheel_target s JOIN target t ON t.id = s.target_id "
        "WHERE s.release_id = ? AND s.wheel_id = ?",
        (release, wheel),
    ).fetchall()


def _upstream_serves(target: sqlite3.Row, others: _Beside) -> bool:
    """Whether upstream has a wheel for a target; the verdict is then `upstream` (planner/judge.py)."""
    return any(
        not _target_tags(target["tags"]).isdisjoint(_tags(filename))
        and requires_python.allows(python, _version(target["python_version"]))
        for filename, python in others.wheels
    )


def builds_always(db: sqlite3.Connection) -> bool:
    """Whether the fleet builds wheels that upstream has too (`controller_build`)."""
    inputs = PlanInputs.remembered(db)
    return inputs is not None and inputs.policy.get("build") == "always"


@lru_cache(maxsize=4096)
def _pure_tags(tags: str) -> frozenset[str]:
    return frozenset(tag for tag in json.loads(tags) if tag.endswith("-none-any"))


@lru_cache(maxsize=1024)
def _target_tags(tags: str) -> frozenset[str]:
    return frozenset(json.loads(tags))


@lru_cache(maxsize=4096)
def _tags(filename: str) -> frozenset[str]:
    try:
        return frozenset(str(tag) for tag in parse_wheel_filename(filename)[3])
    except InvalidWheelFilename:
        return frozenset()
