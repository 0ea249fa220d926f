"""One project's page of upstream as rows of the catalog. Rows change only if the page did."""

from __future__ import annotations

import sqlite3

from ..catalog import projects, releases
from ..catalog.meta import get_meta, set_meta
from ..catalog.states import ProjectState
from ..upstream.pages import ProjectPage

#: If this many projects and more than half of all, or simply all, are gone in one run, they are doubted for so long
#: (seconds).
MASS_ABSENCE = 10
MASS_ABSENCE_SECONDS = 24 * 3600.0


def record_page(
    db: sqlite3.Connection,
    project_id: int,
    page: ProjectPage,
    *,
    etag: str | None,
    last_modified: str | None,
    now: float,
) -> bool:
    """Bring the rows of a project in line with its page; returns whether its content or state changed.

    The page's serial may be smaller than the known one, because the client has already refused outdated pages.
    """
    before = db.execute("SELECT state, page_digest FROM project WHERE id = ?", (project_id,)).fetchone()
    state = "quarantined" if page.status == "quarantined" else "present"
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
        },
    )
    if before["page_digest"] == page.digest and before["state"] == state:
        return False
    _record_files(db, project_id, page if state == "present" else None, now)
    mark_changed(db, project_id)
    return True


def record_absence(db: sqlite3.Connection, project_id: int) -> bool:
    """Record that upstream has no such project (`absent`), or no longer (`deleted`); returns whether that is new."""
    (state,) = db.execute("SELECT state FROM project WHERE id = ?", (project_id,)).fetchone()
    new_state: ProjectState = "absent" if state in ("new", "absent") else "deleted"
    projects.put_absent(db, project_id, new_state)
    if state == new_state:
        return False
    _record_files(db, project_id, None, 0.0)
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


def _record_files(db: sqlite3.Connection, project_id: int, page: ProjectPage | None, now: float) -> None:
    known = {
        (row["version"], row["filename"]): row
        for row in db.execute(
            "SELECT r.version, f.* FROM release r JOIN upstream_file f ON f.release_id = r.id WHERE r.project_id = ?",
            (project_id,),
        )
    }
    known_releases = {
        row["version"]: row["id"]
        for row in db.execute("SELECT id, version FROM release WHERE project_id = ?", (project_id,))
    }
    listed = set()
    for file in page.files if page else ():
        key = (file.version, file.filename)
        listed.add(key)
        if file.version not in known_releases:
            known_releases[file.version] = releases.add(db, project_id, file.version)
        row = {
            "release_id": known_releases[file.version],
            "filename": file.filename,
            "kind": file.kind,
            "url": file.url,
            "sha256": file.sha256,
            "size": file.size,
            "upload_time": file.upload_time,
            "requires_python": file.requires_python,
            "yanked": file.yanked,
            "metadata_sha256": file.metadata_sha256,
            "provenance": file.provenance,
        }
        old = known.get(key)
        if old is None:
            db.execute(
                """
                INSERT INTO upstream_file
                    (release_id, filename, kind, url, sha256, size, upload_time, requires_python, yanked,
                     metadata_sha256, provenance, first_seen)
                VALUES
                    (:release_id, :filename, :kind, :url, :sha256, :size, :upload_time, :requires_python, :yanked,
                     :metadata_sha256, :provenance, :now)
                """,
                {**row, "now": now},
            )
        elif any(old[column] != value for column, value in row.items()):
            db.execute(
                """
                UPDATE upstream_file SET url = :url, sha256 = :sha256, size = :size, upload_time = :upload_time,
                    requires_python = :requires_python, yanked = :yanked, metadata_sha256 = :metadata_sha256,
                    provenance = :provenance, first_seen = CASE WHEN sha256 <> :sha256 THEN :now ELSE first_seen END
                WHERE release_id = :release_id AND filename = :filename
                """,
                {**row, "now": now},
            )
    db.executemany(
        "DELETE FROM upstream_file WHERE id = ?", [(row["id"],) for key, row in known.items() if key not in listed]
    )
