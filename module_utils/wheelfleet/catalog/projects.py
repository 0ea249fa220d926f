"""The table `project`. Every write to it stands here, in the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping

from .states import ProjectState

#: Most characters by which the length of a suggested name differs.
_LENGTHS = 3

# ---------------------------------------------------------------- scope


def put_named(db: sqlite3.Connection, name: str, spelled: str) -> None:
    """Put a named project in scope; `spelled` is its display name until its page has another."""
    db.execute(
        """
        INSERT INTO project (name, display_name, in_scope) VALUES (:name, :spelled, 1)
        ON CONFLICT (name) DO UPDATE SET
            judged = judged AND in_scope, in_scope = 1,
            display_name = CASE display_name WHEN name THEN :spelled ELSE display_name END
        WHERE NOT in_scope OR (display_name = name AND display_name <> :spelled)
        """,
        {"name": name, "spelled": spelled},
    )
    db.execute(f"UPDATE project SET {_READ_AGAIN} WHERE name = ? AND trimmed", (name,))


def leave_scope(db: sqlite3.Connection, project_id: int) -> None:
    """Take a project out of scope; its problem is forgotten."""
    db.execute("UPDATE project SET in_scope = 0, judged = 0, problem = NULL WHERE id = ?", (project_id,))


def put_listed(db: sqlite3.Connection, listed: Iterable[tuple[str, int | None]], serial: int | None) -> None:
    """Put projects of upstream's list in scope, each with its serial; `serial` is the list's own."""
    db.executemany(
        """
        INSERT INTO project (name, display_name, in_scope, listed, want_serial) VALUES (?1, ?1, 1, 1, ?2)
        ON CONFLICT (name) DO UPDATE SET
            judged = judged AND in_scope, in_scope = 1, listed = 1,
            -- The changelog may know of more than the list, but not of what happened before the list was made.
            want_serial = CASE WHEN want_serial > excluded.want_serial AND want_serial > ?3
                THEN want_serial ELSE excluded.want_serial END,
            -- A page newer than its project's last change by a newer list was of another past.
            have_serial = CASE WHEN have_serial > excluded.want_serial AND have_serial <= ?3
                THEN NULL ELSE have_serial END
        WHERE NOT in_scope OR NOT listed OR want_serial IS NOT excluded.want_serial
            OR have_serial > excluded.want_serial
        """,
        ((name, stated, serial) for name, stated in listed),
    )


def put_unlisted(db: sqlite3.Connection, names: Iterable[str]) -> None:
    """Record that upstream's list has these projects no longer."""
    db.executemany("UPDATE project SET listed = 0 WHERE name = ? AND listed", ((name,) for name in names))


def names_listed(db: sqlite3.Connection) -> Iterator[str]:
    """The projects that upstream's list had when it was read last."""
    for row in db.execute("SELECT name FROM project WHERE listed"):
        yield row["name"]


def leave_with_list(db: sqlite3.Connection, named: Iterable[str]) -> list[str]:
    """Treat the projects in scope that are not on upstream's list; returns those that are probably deleted, which only
    a project's own page can confirm. `named` are in scope whether or not they are listed."""
    db.execute("CREATE TEMP TABLE named (name TEXT PRIMARY KEY) WITHOUT ROWID")
    try:
        db.executemany("INSERT INTO named VALUES (?)", ((name,) for name in named))
        db.execute(
            "UPDATE project SET want_serial = NULL "
            "WHERE in_scope AND NOT listed AND want_serial IS NOT NULL AND name IN (SELECT name FROM named)"
        )
        left = db.execute(
            """
            UPDATE project SET problem = 'left upstream''s list of all projects', retry_at = NULL
            WHERE in_scope AND NOT listed AND state <> 'deleted' AND name NOT IN (SELECT name FROM named) RETURNING name
            """
        ).fetchall()
        db.execute(
            "UPDATE project SET in_scope = 0, judged = 0 WHERE in_scope AND NOT listed "
            "AND state IN ('deleted', 'absent') AND name NOT IN (SELECT name FROM named)"
        )
    finally:
        db.execute("DROP TABLE named")
    return [row["name"] for row in left]


def put_changed(db: sqlite3.Connection, serials: Mapping[str, int]) -> None:
    """Take over the serials that upstream's changelog announces; unknown projects are added."""
    db.executemany(
        """
        INSERT INTO project (name, display_name, in_scope, want_serial) VALUES (?1, ?1, 1, ?2)
        ON CONFLICT (name) DO UPDATE SET want_serial = max(coalesce(want_serial, ?2), ?2)
        """,
        serials.items(),
    )


# ---------------------------------------------------------------- pages


def forget_serials(db: sqlite3.Connection) -> None:
    """Forget serials and ETags, so that all pages are requested again: they mean nothing to another index."""
    db.execute(
        """
        UPDATE project
        SET have_serial = NULL, want_serial = NULL, etag = NULL, last_modified = NULL, retry_at = NULL
        """
    )


def put_page(db: sqlite3.Connection, project_id: int, page: Mapping[str, object]) -> None:
    """Set the columns of a page; without a display_name the known one stays."""
    db.execute(
        """
        UPDATE project SET state = :state, display_name = coalesce(:display_name, display_name),
            page_digest = :page_digest, status = :status, status_reason = :status_reason,
            have_serial = :have_serial, want_serial = max(want_serial, coalesce(:have_serial, want_serial)),
            trimmed = :trimmed,
            etag = :etag, last_modified = :last_modified, read_at = :read_at, problem = NULL, retry_at = NULL
        WHERE id = :id
        """,
        {**page, "id": project_id},
    )


#: Sets the columns so that the page is requested, and then read whatever it states.
_READ_AGAIN = "trimmed = 0, have_serial = NULL, etag = NULL, last_modified = NULL, page_digest = NULL"


def read_again(db: sqlite3.Connection, project_id: int) -> None:
    """Have the page of a project read again as a whole, because releases that were not kept are needed now."""
    db.execute(f"UPDATE project SET {_READ_AGAIN} WHERE id = ?", (project_id,))


def any_to_read_again(db: sqlite3.Connection) -> bool:
    """Whether the page of a project in scope is to be read again (`read_again`)."""
    (found,) = db.execute(
        """
        SELECT EXISTS (
            SELECT 1 FROM project
            WHERE in_scope AND have_serial IS NULL AND state = 'present' AND page_digest IS NULL)
        """
    ).fetchone()
    return bool(found)


def put_absent(db: sqlite3.Connection, project_id: int, state: ProjectState) -> None:
    """Record that upstream has no page of the project."""
    db.execute(
        """
        UPDATE project SET state = ?, etag = NULL, last_modified = NULL, page_digest = NULL, problem = NULL,
            retry_at = NULL
        WHERE id = ?
        """,
        (state, project_id),
    )


def put_unchanged(db: sqlite3.Connection, project_id: int, page: Mapping[str, object]) -> None:
    """Record that the page did not change; `page` has have_serial, etag and last_modified."""
    db.execute(
        """
        UPDATE project SET have_serial = :have_serial, etag = :etag, last_modified = :last_modified,
            problem = NULL, retry_at = NULL
        WHERE id = :id
        """,
        {**page, "id": project_id},
    )


def put_problem(db: sqlite3.Connection, project_id: int, problem: str, retry_at: float | None) -> None:
    """Record why the page could not be read, and when to try again (epoch seconds). Written only if it differs."""
    db.execute(
        "UPDATE project SET problem = ?, retry_at = ? WHERE id = ? AND (problem IS NOT ? OR retry_at IS NOT ?)",
        (problem, retry_at, project_id, problem, retry_at),
    )


# ---------------------------------------------------------------- verdicts


def rejudge(db: sqlite3.Connection, project_id: int) -> None:
    """Mark the verdicts of a project as out of date."""
    db.execute("UPDATE project SET judged = 0 WHERE id = ? AND judged", (project_id,))


def rejudge_named(db: sqlite3.Connection, name: str) -> None:
    """Mark the verdicts of a project as out of date, by its name."""
    db.execute("UPDATE project SET judged = 0 WHERE name = ?", (name,))


def rejudge_release(db: sqlite3.Connection, release_id: int) -> None:
    """Mark the verdicts of a release's project as out of date if an attempt at the release found a Requires-Python."""
    db.execute(
        """
        UPDATE project SET judged = 0 WHERE id = (SELECT project_id FROM release WHERE id = :release)
          AND EXISTS (SELECT 1 FROM attempt WHERE release_id = :release AND requires_python IS NOT NULL)
        """,
        {"release": release_id},
    )


def rejudge_all(db: sqlite3.Connection) -> None:
    """Mark all verdicts as out of date, because scope, targets or policy changed."""
    db.execute("UPDATE project SET judged = 0 WHERE judged")


def put_judged(db: sqlite3.Connection, project_id: int, judge_at: float | None) -> None:
    """Mark the verdicts of a project as up to date, until `judge_at` (epoch seconds) if that is given."""
    db.execute("UPDATE project SET judged = 1, judge_at = ? WHERE id = ?", (judge_at, project_id))


def put_remedies(db: sqlite3.Connection, project_id: int, remedies: str | None) -> None:
    """Set the remedies of the project's last wheel, as JSON."""
    db.execute(
        "UPDATE project SET remedies = :remedies WHERE id = :id AND remedies IS NOT :remedies",
        {"remedies": remedies, "id": project_id},
    )


# ---------------------------------------------------------------- rendering


def mark_stale(db: sqlite3.Connection, name: str) -> None:
    """Mark the pages of a project as stale, so that they are rendered."""
    db.execute("UPDATE project SET pages_stale = 1 WHERE name = ?", (name,))


def begin_rendering(db: sqlite3.Connection, project_ids: Iterable[int]) -> None:
    """Mark pages as being rendered; a change meanwhile marks the project as stale again."""
    db.executemany("UPDATE project SET pages_stale = 2 WHERE id = ?", [(each,) for each in project_ids])


def end_rendering(db: sqlite3.Connection, project_ids: Iterable[int]) -> None:
    """Mark rendered pages as up to date, unless the project changed meanwhile."""
    db.executemany("UPDATE project SET pages_stale = 0 WHERE id = ? AND pages_stale = 2", [(i,) for i in project_ids])


def known_names(db: sqlite3.Connection, name: str) -> list[str]:
    """Projects of upstream that `name` may be a misspelling of: of similar length, with the same first or last two
    letters. A comparison with all projects would take seconds in everything mode."""
    rows = db.execute(
        """
        SELECT name FROM project WHERE state = 'present' AND length(name) BETWEEN :least AND :most
          AND (substr(name, 1, 2) = substr(:name, 1, 2) OR substr(name, -2) = substr(:name, -2))
        """,
        {"name": name, "least": len(name) - _LENGTHS, "most": len(name) + _LENGTHS},
    )
    return [row["name"] for row in rows]
