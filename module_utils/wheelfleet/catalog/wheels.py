"""The tables `wheel` and `wheel_target`. Every write to them stands here, in the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping


def put(db: sqlite3.Connection, wheel: Mapping[str, object]) -> None:
    """Add a wheel by its columns, or bring a removed one back; a wheel that is there stays as it is."""
    columns = ", ".join(wheel)
    db.execute(
        f"""
        INSERT INTO wheel ({columns}) VALUES ({", ".join(f":{column}" for column in wheel)})
        ON CONFLICT (filename) DO UPDATE SET removed_at = NULL, added_at = excluded.added_at,
            attempt_id = excluded.attempt_id, repaired = excluded.repaired, apt_packages = excluded.apt_packages,
            imports = excluded.imports, import_facts = excluded.import_facts, built_as = excluded.built_as,
            imported = excluded.imported, libc = excluded.libc, copied = excluded.copied,
            withdrawn_at = NULL, withdrawn = NULL
            WHERE removed_at IS NOT NULL
        """,
        wheel,
    )


def note_sdist(db: sqlite3.Connection, filename: str, sdist_filename: str, sdist_sha256: str | None) -> None:
    """Set the sdist that gave the wheel's bytes last; a requested rebuild is done."""
    db.execute(
        "UPDATE wheel SET sdist_filename = ?, sdist_sha256 = ?, rebuild_requested = 0 WHERE filename = ?",
        (sdist_filename, sdist_sha256, filename),
    )


def note_copies(db: sqlite3.Connection, wheel_id: int, copied: str) -> None:
    """Set the packages of the libraries that were copied into a wheel (JSON, by name their versions)."""
    db.execute("UPDATE wheel SET copied = ? WHERE id = ?", (copied, wheel_id))


def is_rebuilt_the_same(db: sqlite3.Connection, filename: str, sha256: str) -> bool:
    """Whether a published wheel of which a rebuild is requested has these bytes already."""
    question = "SELECT 1 FROM wheel WHERE filename = ? AND sha256 = ? AND rebuild_requested AND removed_at IS NULL"
    return db.execute(question, (filename, sha256)).fetchone() is not None


def request_rebuild(db: sqlite3.Connection, wheels: Iterable[int]) -> None:
    """Mark wheels that the operator wants built again."""
    db.executemany("UPDATE wheel SET rebuild_requested = 1 WHERE id = ?", [(each,) for each in wheels])


def end_rebuild_requests(db: sqlite3.Connection, release_id: int) -> None:
    """End the requests for wheels of a release whose targets are all served by a wheel without one."""
    db.execute(
        """
        UPDATE wheel SET rebuild_requested = 0 WHERE release_id = ? AND rebuild_requested AND NOT EXISTS (
            SELECT 1 FROM wheel_target s WHERE s.release_id = wheel.release_id AND s.wheel_id = wheel.id
              AND NOT EXISTS (
                  SELECT 1 FROM wheel_target o JOIN wheel n ON n.id = o.wheel_id
                  WHERE o.release_id = s.release_id AND o.target_id = s.target_id AND NOT n.rebuild_requested))
        """,
        (release_id,),
    )


def serve(db: sqlite3.Connection, release_id: int, target_id: int, wheel_id: int) -> None:
    """Set that a wheel can be installed on a target."""
    db.execute(
        "INSERT INTO wheel_target (release_id, target_id, wheel_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (release_id, target_id, wheel_id),
    )


def stop_serving(db: sqlite3.Connection, release_id: int, target_id: int, wheel_id: int) -> None:
    """Set that a wheel cannot be installed on a target."""
    db.execute(
        "DELETE FROM wheel_target WHERE release_id = ? AND target_id = ? AND wheel_id = ?",
        (release_id, target_id, wheel_id),
    )


def withdraw(db: sqlite3.Connection, wheel_id: int, reason: str, now: float) -> None:
    """Take a wheel off the index: it serves no target then; the controller keeps its bytes (docs/decisions/0063)."""
    db.execute("DELETE FROM wheel_target WHERE wheel_id = ?", (wheel_id,))
    db.execute(
        "UPDATE wheel SET withdrawn_at = coalesce(withdrawn_at, ?), withdrawn = ?, rebuild_requested = 0 WHERE id = ?",
        (now, reason, wheel_id),
    )


def restore(db: sqlite3.Connection, wheel_id: int) -> None:
    """Undo a withdrawal; the caller serves targets again (`planner.verdicts.serve_targets`)."""
    db.execute("UPDATE wheel SET withdrawn_at = NULL, withdrawn = NULL WHERE id = ?", (wheel_id,))


def yank(db: sqlite3.Connection, wheel_id: int, reason: str | None) -> None:
    """Set the operator's reason for a yank, which may be empty (PEP 592); None: it is not yanked."""
    db.execute("UPDATE wheel SET yanked = ? WHERE id = ?", (reason, wheel_id))


def mark_removed(db: sqlite3.Connection, wheels: Iterable[int], now: float) -> None:
    """Mark wheels as removed, and let them serve no target; their names stay given (`given_names`)."""
    for each in wheels:
        db.execute("DELETE FROM wheel_target WHERE wheel_id = ?", (each,))
        db.execute("UPDATE wheel SET removed_at = ? WHERE id = ?", (now, each))


def forget(db: sqlite3.Connection, wheel_id: int) -> None:
    """Delete a wheel whose bytes are lost; it is built again if it is in scope."""
    db.execute("DELETE FROM wheel WHERE id = ?", (wheel_id,))
