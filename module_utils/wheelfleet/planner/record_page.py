"""One project's page of upstream as rows of the catalog. Rows change only if the page did."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ..catalog import events, projects, releases
from ..catalog.meta import get_meta, set_meta
from ..catalog.states import ProjectState
from ..upstream.files import UpstreamFile
from ..upstream.pages import ProjectPage
from .judge import epoch_seconds
from .requeue import CONTROLLER

#: The columns of `upstream_file` that a page states.
_COLUMNS = UpstreamFile._fields[3:]

#: If this many projects and more than half of all, or simply all, are gone in one run, they are doubted for so long
#: (seconds).
MASS_ABSENCE = 10
MASS_ABSENCE_SECONDS = 24 * 3600.0

#: A release that vanishes within so many seconds of its upload may do harm. Upstream's quarantine of a release has no
#: mark (PEP 792 has one for projects alone): its files are no longer listed, as if it was deleted. Malicious releases
#: are found within days.
YOUNG_SECONDS = 60 * 24 * 3600.0


def record_page(
    db: sqlite3.Connection,
    project_id: int,
    page: ProjectPage,
    *,
    etag: str | None,
    last_modified: str | None,
    now: float,
    deciding: frozenset[str] | None = None,
    run: str = "",
) -> bool:
    """Bring the rows of a project in line with its page; returns whether its content or state changed.

    `deciding` are the versions that are enough to know, or None: all. Never left out is a release that the catalog
    has, nor one of a project that the fleet has tried to build. The page's serial may be smaller than the known one,
    because the client has already refused outdated pages. Events are of `run`.
    """
    before = db.execute("SELECT state, page_digest FROM project WHERE id = ?", (project_id,)).fetchone()
    state = "quarantined" if page.status == "quarantined" else "present"
    unchanged = before["page_digest"] == page.digest and before["state"] == state
    known = _known_releases(db, project_id)
    enough = None if state != "present" or (known and _was_tried(db, project_id)) else deciding
    files = page.files
    if enough is not None:
        files = tuple(file for file in files if file.version in enough or file.version in known)
    projects.put_page(
        db,
        project_id,
        {
            "state": state,
            "display_name": page.display_name,
            "page_digest": page.digest,
            "status": None if page.status == "active" else page.status,
            "status_reason": page.status_reason,
            "have_serial": page.serial,
            "etag": etag,
            "last_modified": last_modified,
            "read_at": now,
            "trimmed": int(len(files) < len(page.files)),
        },
    )
    if unchanged:
        return False
    taken = _record_files(db, project_id, known, files if state == "present" else (), now)
    for release, uploaded in taken.items():
        young = state == "present" and now - uploaded < YOUNG_SECONDS
        releases.take_young(db, release, young)
        if young:
            _tell(db, release, now - uploaded, run, now)
    mark_changed(db, project_id)
    return True


def _tell(db: sqlite3.Connection, release: int, age: float, run: str, now: float) -> None:
    """Note an event about a young release that upstream took away, if there are wheels of it."""
    row = db.execute(
        """
        SELECT p.name, r.version FROM release r JOIN project p ON p.id = r.project_id
        WHERE r.id = ? AND EXISTS (SELECT 1 FROM wheel w WHERE w.release_id = r.id AND w.removed_at IS NULL)
        """,
        (release,),
    ).fetchone()
    if row is not None:
        days = int(age / 86400)
        sentence = (
            f"upstream took {row['name']} {row['version']} away {'1 day' if days == 1 else f'{days} days'} after its "
            "upload, as it does with harmful releases; its wheels leave the web nodes, and the controller keeps them."
        )
        events.note(db, run=run, host=CONTROLLER, sentence=sentence, now=now)


def record_absence(db: sqlite3.Connection, project_id: int) -> bool:
    """Record that upstream has no such project (`absent`), or no longer (`deleted`); returns whether that is new."""
    (state,) = db.execute("SELECT state FROM project WHERE id = ?", (project_id,)).fetchone()
    new_state: ProjectState = "absent" if state in ("new", "absent") else "deleted"
    projects.put_absent(db, project_id, new_state)
    if state == new_state:
        return False
    _record_files(db, project_id, _known_releases(db, project_id), (), 0.0)
    mark_changed(db, project_id)
    return True


def suspect_absences(db: sqlite3.Connection, gone: int, known: int, now: float, *, no_list: bool = False) -> str | None:
    """The reason to doubt that `gone` of `known` projects are gone; None if it is plausible.

    A mirror that lost its data, or has it not mounted, answers as if its projects were deleted. Many absences at once,
    or any while the list of all projects is missing too (`no_list`), count only when they last for a day.
    """
    many = gone >= MASS_ABSENCE and gone > known / 2
    if not gone or not (many or gone >= known or no_list):
        set_meta(db, "mass_absence_since", None)
        return None
    since = float(get_meta(db, "mass_absence_since") or now)
    if now >= since + MASS_ABSENCE_SECONDS:
        return None
    set_meta(db, "mass_absence_since", str(since))
    how_many = f"{gone} of {known} projects are" if known > 1 else "the only known project is"
    return f"Upstream says that {how_many} gone; it is believed if it says so for a day."


def record_unchanged(
    db: sqlite3.Connection, project_id: int, *, serial: int | None, etag: str | None, last_modified: str | None
) -> None:
    """Record that the page did not change. Written only if that ends a problem or gives a new serial or ETag."""
    row = db.execute("SELECT * FROM project WHERE id = ?", (project_id,)).fetchone()
    known = {column: row[column] for column in ("have_serial", "etag", "last_modified", "problem", "retry_at")}
    now = {
        "have_serial": known["have_serial"] if serial is None else serial,
        "etag": etag or known["etag"],
        "last_modified": last_modified or known["last_modified"],
        "problem": None,
        "retry_at": None,
    }
    if now != known:
        projects.put_unchanged(db, project_id, now)


def record_problem(db: sqlite3.Connection, project_id: int, sentence: str, retry_at: float | None) -> None:
    """Record why a project could not be read; its rows stay as they are."""
    projects.put_problem(db, project_id, sentence, retry_at)


def mark_changed(db: sqlite3.Connection, project_id: int) -> None:
    """Mark the project to be judged again."""
    projects.rejudge(db, project_id)


def _was_tried(db: sqlite3.Connection, project_id: int) -> bool:
    """Whether the fleet has tried to build a release of the project."""
    (tried,) = db.execute(
        """
        SELECT EXISTS (SELECT 1 FROM release r JOIN attempt a ON a.release_id = r.id WHERE r.project_id = ?1)
            OR EXISTS (SELECT 1 FROM release r JOIN wheel w ON w.release_id = r.id WHERE r.project_id = ?1)
        """,
        (project_id,),
    ).fetchone()
    return bool(tried)


def _known_releases(db: sqlite3.Connection, project_id: int) -> dict[str, int]:
    """The IDs of a project's releases by version."""
    rows = db.execute("SELECT id, version FROM release WHERE project_id = ?", (project_id,))
    return {row["version"]: row["id"] for row in rows}


def _record_files(
    db: sqlite3.Connection, project_id: int, known_releases: dict[str, int], files: Sequence[UpstreamFile], now: float
) -> dict[int, float]:
    """Bring the rows of a project's files in line with its page.

    Returns the releases that the page no longer lists, each with when its oldest file was uploaded, else first seen
    (epoch seconds).
    """
    known: dict[tuple[str, str], sqlite3.Row] = {}
    if known_releases:
        for row in db.execute(
            "SELECT r.version, f.* FROM release r JOIN upstream_file f ON f.release_id = r.id WHERE r.project_id = ?",
            (project_id,),
        ):
            known[row["version"], row["filename"]] = row
    new = []
    for file in files:
        if file.version not in known_releases:
            known_releases[file.version] = releases.add(db, project_id, file.version)
        row = {**file._asdict(), "release_id": known_releases[file.version], "now": now}
        old = known.pop((file.version, file.filename), None)
        if old is None:
            new.append(row)
        elif any(old[column] != row[column] for column in _COLUMNS):
            db.execute(
                """
                UPDATE upstream_file SET url = :url, sha256 = :sha256, size = :size, upload_time = :upload_time,
                    requires_python = :requires_python, yanked = :yanked, metadata_sha256 = :metadata_sha256,
                    provenance = :provenance, first_seen = CASE WHEN sha256 <> :sha256 THEN :now ELSE first_seen END
                WHERE release_id = :release_id AND filename = :filename
                """,
                row,
            )
    db.executemany(
        """
        INSERT INTO upstream_file
            (release_id, filename, kind, url, sha256, size, upload_time, requires_python, yanked, metadata_sha256,
             provenance, first_seen)
        VALUES
            (:release_id, :filename, :kind, :url, :sha256, :size, :upload_time, :requires_python, :yanked,
             :metadata_sha256, :provenance, :now)
        """,
        new,
    )
    # What is left of the known files is no longer on the page.
    db.executemany("DELETE FROM upstream_file WHERE id = ?", [(row["id"],) for row in known.values()])
    listed = {file.version for file in files}
    taken: dict[int, float] = {}
    for (version, _), row in known.items():
        if version not in listed:
            uploaded = epoch_seconds(row["upload_time"]) or row["first_seen"]
            taken[row["release_id"]] = min(uploaded, taken.get(row["release_id"], uploaded))
    return taken
