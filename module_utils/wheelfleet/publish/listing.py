"""What the site holds of a project, read from the catalog: the files its pages list, and those only kept."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from ..plan.inputs import PlanInputs
from ..plan.judge import allows_python

#: What upstream says of these projects leaves nothing to list (PEP 792: quarantined files are not for installing).
GONE_STATES = ("absent", "deleted", "quarantined")


class ListedFile(NamedTuple):
    """A file as pages show it. `yanked` is None or the reason, which may be empty (PEP 592).

    Of ours `url` is None, for it is below the site; upstream's have theirs. `metadata_sha256` is None where no metadata
    is offered, and empty where it is without a hash. `wheel_id` and `attempt_id` are the catalog's.
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
    """The files of one project: `listed` on its index pages, by version, the highest build first; `kept` are ours on
    the site's disk, listed or not: an old page, or a lock file, may still name them.

    `withdrawn` are those kept because upstream has since shipped a wheel that serves the same targets. `versions` are
    all that the index knows, listed or not (PEP 700). `status` and `status_reason` are PEP 792's.
    """

    project_id: int
    name: str
    state: str
    listed: tuple[ListedFile, ...]
    kept: tuple[ListedFile, ...]
    withdrawn: tuple[ListedFile, ...]
    versions: tuple[str, ...]
    status: str | None = None
    status_reason: str | None = None


def project_files(db: sqlite3.Connection, project_id: int, view: str = "own") -> ProjectFiles:
    """What the site should hold of this project."""
    return next(iter(files_of(db, [project_id], view)))


def files_of(db: sqlite3.Connection, project_ids: Sequence[int], view: str = "own") -> Iterator[ProjectFiles]:
    """What the site should hold of each of these projects, by id. `view` is `own`, or `full`: with our wheels, a page
    then lists all that upstream offers."""
    chosen = {"ids": json.dumps(sorted(project_ids))}
    always = builds_always(db)
    wheels = _by_project(db.execute(_WHEELS, chosen))
    upstream = _by_project(db.execute(_UPSTREAM if view == "full" else _BESIDE_OURS, chosen))
    for project in db.execute(_PROJECTS, chosen):
        mine = wheels.get(project["id"], [])
        beside = upstream.get(project["id"], []) if mine else []
        yield _project(db, project, mine, beside, view, always)


def timestamp(moment: float) -> str:
    """Seconds since the epoch as PEP 700 writes an upload-time."""
    return datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="microseconds")[:26] + "Z"


_PROJECTS = """
    SELECT id, name, state, status, status_reason FROM project
    WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id
    """
_WHEELS = """
    SELECT r.project_id, r.id AS release_id, r.version, w.filename, w.sha256, w.size, w.metadata_sha256,
        w.requires_python, w.tags, w.added_at, w.attempt_id, w.id
    FROM release r JOIN wheel w ON w.release_id = r.id
    WHERE r.project_id IN (SELECT value FROM json_each(:ids)) AND w.removed_at IS NULL ORDER BY r.project_id
    """
_UPSTREAM = """
    SELECT r.project_id, f.release_id, r.version, f.filename, f.kind, f.yanked, f.url, f.sha256, f.size,
        f.metadata_sha256, f.requires_python, f.upload_time, f.provenance
    FROM release r JOIN upstream_file f ON f.release_id = r.id
    WHERE r.project_id IN (SELECT value FROM json_each(:ids)) ORDER BY r.project_id, f.filename
    """
#: What our own view needs to know of upstream's: of releases of which we have wheels, and nothing to show.
_BESIDE_OURS = """
    SELECT r.project_id, f.release_id, f.filename, f.kind, f.yanked, f.requires_python
    FROM release r JOIN upstream_file f ON f.release_id = r.id
    WHERE r.project_id IN (SELECT value FROM json_each(:ids))
        AND EXISTS (SELECT 1 FROM wheel w WHERE w.release_id = r.id)
    ORDER BY r.project_id, f.filename
    """


def _by_project(rows: Iterable[sqlite3.Row]) -> dict[int, list[sqlite3.Row]]:
    return {project: list(group) for project, group in groupby(rows, key=itemgetter(0))}


def _project(
    db: sqlite3.Connection,
    project: sqlite3.Row,
    wheels: list[sqlite3.Row],
    upstream: list[sqlite3.Row],
    view: str,
    always: bool,
) -> ProjectFiles:
    state = project["state"]
    beside: dict[int, list[sqlite3.Row]] = {}
    for row in upstream:
        beside.setdefault(row["release_id"], []).append(row)
    listed, kept, withdrawn = [], [], []
    for wheel in _in_order(wheels):
        others = beside.get(wheel["release_id"], [])
        file = _ours(wheel, _yanked(others))
        if state != "quarantined":
            kept.append(file)
        if not others or state in GONE_STATES or _upstream_has_it(wheel, others):
            continue
        if not always and _upstream_serves(db, wheel, others):
            withdrawn.append(file)
        else:
            listed.append(file)
    if listed and view == "full":
        theirs = [row for row in upstream if _is_on_the_web(row["url"])]
        ours = {file.filename: file for file in listed}
        together = _in_order([*(wheel for wheel in wheels if wheel["filename"] in ours), *theirs])
        listed = [ours.get(row["filename"]) or _theirs(row) for row in together]
    return ProjectFiles(
        project["id"],
        project["name"],
        state,
        tuple(listed),
        tuple(kept),
        tuple(withdrawn),
        tuple(dict.fromkeys(file.version for file in listed)),
        project["status"],
        project["status_reason"],
    )


def _in_order(files: Sequence[sqlite3.Row]) -> list[sqlite3.Row]:
    """By version, the highest build first, then by name."""
    versions = sorted({file["version"] for file in files}, key=_version)
    rank = {version: number for number, version in enumerate(versions)}
    return sorted(files, key=lambda file: (rank[file["version"]], -_build_number(file["filename"]), file["filename"]))


def _build_number(filename: str) -> int:
    """The number in a wheel's build tag; 0 without one. pdm takes the first of several builds, others the highest."""
    if filename.count("-") != 5 or not filename.endswith(".whl"):
        return 0
    digits = re.match("[0-9]+", filename.split("-")[2])
    return int(digits[0]) if digits else 0


#: Versions repeat from project to project, and reading one costs ten times as much as looking it up.
_version = lru_cache(maxsize=65536)(Version)


def _ours(wheel: sqlite3.Row, yanked: str | None) -> ListedFile:
    return ListedFile(
        wheel["filename"],
        wheel["version"],
        wheel["sha256"],
        wheel["size"],
        wheel["metadata_sha256"],
        wheel["requires_python"] or None,
        yanked,
        timestamp(wheel["added_at"]),
        None,
        None,
        wheel["attempt_id"],
        wheel["id"],
    )


def _theirs(row: sqlite3.Row) -> ListedFile:
    return ListedFile(
        row["filename"],
        row["version"],
        row["sha256"],
        row["size"],
        row["metadata_sha256"],
        row["requires_python"] or None,
        row["yanked"],
        row["upload_time"],
        row["url"],
        row["provenance"] if _is_on_the_web(row["provenance"] or "") else None,
    )


def _is_on_the_web(url: str) -> bool:
    """Whether others can fetch it, too: an upstream on the controller's disk has `file:` URLs."""
    return url.startswith(("http://", "https://"))


def _yanked(beside: Sequence[sqlite3.Row]) -> str | None:
    """A wheel is yanked with the sdists it could have been built from; if the release has lost them, with the rest."""
    sources = [file for file in beside if file["kind"] == "sdist"] or beside
    reasons = [file["yanked"] for file in sources]
    if not reasons or None in reasons:
        return None
    return next(filter(None, reasons), "")


def _upstream_has_it(wheel: sqlite3.Row, beside: Sequence[sqlite3.Row]) -> bool:
    """Whether upstream lists this very file name, of which pip would take either, or a pure wheel ours would shadow."""
    ours = _pure_tags(wheel["tags"])
    for file in beside:
        if file["filename"] == wheel["filename"]:
            return True
        if ours and file["filename"].endswith("-none-any.whl") and not ours.isdisjoint(_tags(file["filename"])):
            return True
    return False


def _upstream_serves(db: sqlite3.Connection, wheel: sqlite3.Row, beside: Sequence[sqlite3.Row]) -> bool:
    """Whether upstream has a wheel for every target that this one of ours serves; the judge then leaves it to upstream
    too (plan/judge.py). Yanked wheels serve nobody who does not pin them."""
    theirs = [file for file in beside if file["kind"] == "wheel" and file["yanked"] is None]
    if not theirs:
        return False
    targets = db.execute(
        "SELECT t.tags, t.python_version FROM serves s JOIN target t ON t.id = s.target_id "
        "WHERE s.release_id = ? AND s.wheel_id = ?",
        (wheel["release_id"], wheel["id"]),
    ).fetchall()
    return bool(targets) and all(
        any(
            not _target_tags(target["tags"]).isdisjoint(_tags(file["filename"]))
            and allows_python(file["requires_python"], _version(target["python_version"]))
            for file in theirs
        )
        for target in targets
    )


def builds_always(db: sqlite3.Connection) -> bool:
    """Whether the operator wants wheels of their own besides upstream's (`controller_build`)."""
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
