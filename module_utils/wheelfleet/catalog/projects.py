"""The table `project`. Every write to it stands here, in the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from .states import ProjectState

# ---------------------------------------------------------------- scope


def put_named(db: sqlite3.Connection, name: str, spelled: str) -> None:
    """A project that the operator names is in scope; `spelled` is its name until its page says another."""
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


def leave_scope(db: sqlite3.Connection, project_id: int) -> None:
    """The operator does not want it any longer."""
    db.execute("UPDATE project SET in_scope = 0, judged = 0, problem = NULL WHERE id = ?", (project_id,))


def put_listed(db: sqlite3.Connection, serial: int | None) -> list[str]:
    """Upstream's list, which the caller has put into the temporary table `listed` (name, serial), is the scope.

    `serial` is the list's own. Returns the projects that are not listed any longer: most likely deleted, but only a
    project's own page says so.
    """
    db.execute(
        """
        INSERT INTO project (name, display_name, in_scope, want_serial)
        SELECT name, name, 1, serial FROM listed WHERE true
        ON CONFLICT (name) DO UPDATE SET
            judged = judged AND in_scope, in_scope = 1,
            -- The changelog may know of more than the list, but not of what happened before the list was made.
            want_serial = CASE WHEN want_serial > excluded.want_serial AND want_serial > :serial
                THEN want_serial ELSE excluded.want_serial END,
            -- A page newer than its project's last change by a newer list was of another past.
            have_serial = CASE WHEN have_serial > excluded.want_serial AND have_serial <= :serial
                THEN NULL ELSE have_serial END
        WHERE NOT in_scope OR want_serial IS NOT excluded.want_serial OR have_serial > excluded.want_serial
        """,
        {"serial": serial},
    )
    left = db.execute(
        """
        UPDATE project SET problem = 'left upstream''s list of all projects', retry_at = NULL
        WHERE in_scope AND state <> 'deleted' AND name NOT IN (SELECT name FROM listed) RETURNING name
        """
    ).fetchall()
    db.execute(
        "UPDATE project SET in_scope = 0, judged = 0 "
        "WHERE in_scope AND state IN ('deleted', 'absent') AND name NOT IN (SELECT name FROM listed)"
    )
    return [row["name"] for row in left]


def put_changed(db: sqlite3.Connection, serials: Mapping[str, int]) -> None:
    """Upstream's changelog announces these serials, also of projects that were not known."""
    db.executemany(
        """
        INSERT INTO project (name, display_name, in_scope, want_serial) VALUES (?1, ?1, 1, ?2)
        ON CONFLICT (name) DO UPDATE SET want_serial = max(coalesce(want_serial, ?2), ?2)
        """,
        serials.items(),
    )


# ---------------------------------------------------------------- pages


def forget_serials(db: sqlite3.Connection) -> None:
    """All pages are requested again, because serials and tags mean something only to the index that gave them."""
    db.execute(
        """
        UPDATE project
        SET have_serial = NULL, want_serial = NULL, etag = NULL, last_modified = NULL, retry_at = NULL
        """
    )


def put_page(db: sqlite3.Connection, project_id: int, page: Mapping[str, object]) -> None:
    """Set what a page says, by column; without a display_name or have_serial of its own the known one stays."""
    db.execute(
        """
        UPDATE project SET state = :state, display_name = coalesce(:display_name, display_name),
            page_digest = :page_digest, status = :status, status_reason = :status_reason,
            have_serial = :have_serial, want_serial = max(want_serial, coalesce(:have_serial, want_serial)),
            etag = :etag, last_modified = :last_modified, read_at = :read_at, problem = NULL, retry_at = NULL
        WHERE id = :id
        """,
        {**page, "id": project_id},
    )


def put_absent(db: sqlite3.Connection, project_id: int, state: ProjectState) -> None:
    """Upstream has no page of it."""
    db.execute(
        """
        UPDATE project SET state = ?, etag = NULL, last_modified = NULL, page_digest = NULL, problem = NULL,
            retry_at = NULL
        WHERE id = ?
        """,
        (state, project_id),
    )


def put_unchanged(db: sqlite3.Connection, project_id: int, page: Mapping[str, object]) -> None:
    """The page is the known one; `page` has have_serial, etag and last_modified."""
    db.execute(
        """
        UPDATE project SET have_serial = :have_serial, etag = :etag, last_modified = :last_modified,
            problem = NULL, retry_at = NULL
        WHERE id = :id
        """,
        {**page, "id": project_id},
    )


def put_problem(db: sqlite3.Connection, project_id: int, problem: str, retry_at: float | None) -> None:
    """The page could not be read. Written only where that is news."""
    db.execute(
        "UPDATE project SET problem = ?, retry_at = ? WHERE id = ? AND (problem IS NOT ? OR retry_at IS NOT ?)",
        (problem, retry_at, project_id, problem, retry_at),
    )


# ---------------------------------------------------------------- verdicts


def rejudge(db: sqlite3.Connection, project_id: int) -> None:
    """The verdicts of the project do not follow from its rows any longer."""
    db.execute("UPDATE project SET judged = 0 WHERE id = ?", (project_id,))


def rejudge_release(db: sqlite3.Connection, release_id: int) -> None:
    """Judge the project of a release again if an attempt at it said which Pythons it is for."""
    db.execute(
        """
        UPDATE project SET judged = 0 WHERE id = (SELECT project_id FROM release WHERE id = :release)
          AND EXISTS (SELECT 1 FROM attempt WHERE release_id = :release AND requires_python IS NOT NULL)
        """,
        {"release": release_id},
    )


def rejudge_all(db: sqlite3.Connection) -> None:
    """Scope, targets or policy changed."""
    db.execute("UPDATE project SET judged = 0 WHERE judged")


def put_judged(db: sqlite3.Connection, project_id: int, judge_at: float | None) -> None:
    """The verdicts follow from the rows, until `judge_at` if that is given."""
    db.execute("UPDATE project SET judged = 1, judge_at = ? WHERE id = ?", (judge_at, project_id))


def put_remedies(db: sqlite3.Connection, project_id: int, remedies: str | None) -> None:
    """Set with which remedies its last wheel was built, as JSON."""
    db.execute(
        "UPDATE project SET remedies = :remedies WHERE id = :id AND remedies IS NOT :remedies",
        {"remedies": remedies, "id": project_id},
    )


# ---------------------------------------------------------------- rendering


def mark_stale(db: sqlite3.Connection, name: str) -> None:
    """The pages of the project must be rendered."""
    db.execute("UPDATE project SET pages_stale = 1 WHERE name = ?", (name,))


def begin_rendering(db: sqlite3.Connection, project_ids: Iterable[int]) -> None:
    """The pages of these projects are being rendered; who changes such a project meanwhile marks it as stale again."""
    db.executemany("UPDATE project SET pages_stale = 2 WHERE id = ?", [(each,) for each in project_ids])


def end_rendering(db: sqlite3.Connection, project_ids: Iterable[int]) -> None:
    """The pages of these projects are true, unless something changed meanwhile."""
    db.executemany("UPDATE project SET pages_stale = 0 WHERE id = ? AND pages_stale = 2", [(i,) for i in project_ids])
