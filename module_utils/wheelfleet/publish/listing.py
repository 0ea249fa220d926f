"""What the site holds of one project, read from the catalog: the wheels its pages list, and those only kept."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

#: What upstream says of these projects leaves nothing to list (PEP 792: quarantined files are not for installing).
GONE_STATES = ("absent", "deleted", "quarantined")


@dataclass(frozen=True)
class ListedFile:
    """A wheel of ours as pages show it. `yanked` is None or the reason, which may be empty (PEP 592)."""

    filename: str
    version: str
    sha256: str
    size: int
    metadata_sha256: str
    requires_python: str | None
    yanked: str | None
    upload_time: str


@dataclass(frozen=True)
class ProjectFiles:
    """The wheels of one project: `listed` on its pages, by version and file name; `kept` are on the site's disk, among
    them those whose release upstream has removed: an old page may still be in somebody's hands."""

    name: str
    listed: tuple[ListedFile, ...]
    kept: tuple[ListedFile, ...]


def project_files(db: sqlite3.Connection, project_id: int) -> ProjectFiles:
    """What the site should hold of this project."""
    name, state = db.execute("SELECT name, state FROM project WHERE id = ?", (project_id,)).fetchone()
    upstream: dict[int, list[sqlite3.Row]] = {}
    for row in db.execute(
        """
        SELECT f.release_id, f.filename, f.kind, f.yanked FROM release r JOIN upstream_file f ON f.release_id = r.id
        WHERE r.project_id = ? ORDER BY f.filename
        """,
        (project_id,),
    ):
        upstream.setdefault(row["release_id"], []).append(row)
    wheels = db.execute(
        "SELECT r.version, w.* FROM release r JOIN wheel w ON w.release_id = r.id WHERE r.project_id = ?", (project_id,)
    ).fetchall()
    wheels.sort(key=lambda wheel: (Version(wheel["version"]), wheel["filename"]))
    listed = []
    kept = []
    for wheel in wheels:
        beside = upstream.get(wheel["release_id"], [])
        file = _file(wheel, _yanked(beside))
        if state != "quarantined":
            kept.append(file)
        if beside and state not in GONE_STATES and not _upstream_has_it(wheel, beside):
            listed.append(file)
    return ProjectFiles(name, tuple(listed), tuple(kept))


def timestamp(moment: float) -> str:
    """Seconds since the epoch as PEP 700 writes an upload-time."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _file(wheel: sqlite3.Row, yanked: str | None) -> ListedFile:
    return ListedFile(
        filename=wheel["filename"],
        version=wheel["version"],
        sha256=wheel["sha256"],
        size=wheel["size"],
        metadata_sha256=wheel["metadata_sha256"],
        requires_python=wheel["requires_python"] or None,
        yanked=yanked,
        upload_time=timestamp(wheel["added_at"]),
    )


def _yanked(beside: Sequence[sqlite3.Row]) -> str | None:
    """A wheel is yanked with the sdists it could have been built from; if the release has lost them, with the rest."""
    sources = [file for file in beside if file["kind"] == "sdist"] or beside
    reasons = [file["yanked"] for file in sources]
    if not reasons or None in reasons:
        return None
    return next(filter(None, reasons), "")


def _upstream_has_it(wheel: sqlite3.Row, beside: Sequence[sqlite3.Row]) -> bool:
    """Whether upstream lists this very file name, of which pip would take either, or a pure wheel ours would shadow."""
    ours = {tag for tag in json.loads(wheel["tags"]) if tag.endswith("-none-any")}
    for file in beside:
        if file["filename"] == wheel["filename"]:
            return True
        if ours and file["filename"].endswith("-none-any.whl") and not ours.isdisjoint(_tags(file["filename"])):
            return True
    return False


def _tags(filename: str) -> set[str]:
    try:
        return {str(tag) for tag in parse_wheel_filename(filename)[3]}
    except InvalidWheelFilename:
        return set()
