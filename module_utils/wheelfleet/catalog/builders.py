"""The tables `builder` and `builder_target`. Every write to them stands here, in the caller's transaction."""

from __future__ import annotations

import sqlite3


def put(db: sqlite3.Connection, host: str, facts: str, packages: str | None, now: float) -> None:
    """Set what a builder reported, as JSON; without packages the known ones stay. Written only where it differs."""
    db.execute(
        """
        INSERT INTO builder (host, facts, packages, seen_at) VALUES (:host, :facts, :packages, :now)
        ON CONFLICT (host) DO UPDATE SET facts = :facts, packages = coalesce(:packages, packages), seen_at = :now
        WHERE facts <> :facts OR packages IS NOT coalesce(:packages, packages)
        """,
        {"host": host, "facts": facts, "packages": packages, "now": now},
    )


def put_target(db: sqlite3.Connection, host: str, target_id: int, tools: str, interpreter: str) -> None:
    """The builder builds for the target."""
    db.execute(
        "INSERT OR REPLACE INTO builder_target (host, target_id, tools, interpreter) VALUES (?, ?, ?, ?)",
        (host, target_id, tools, interpreter),
    )


def remove_target(db: sqlite3.Connection, host: str, target_id: int) -> None:
    """The builder does not build for the target any longer."""
    db.execute("DELETE FROM builder_target WHERE host = ? AND target_id = ?", (host, target_id))


def remove_targets(db: sqlite3.Connection, host: str) -> None:
    """The builder is lost to this run."""
    db.execute("DELETE FROM builder_target WHERE host = ?", (host,))


def set_speed(db: sqlite3.Connection, host: str, speed: float) -> None:
    """Set predicted by measured seconds of its latest builds."""
    db.execute("UPDATE builder SET speed = ? WHERE host = ?", (speed, host))


def mark_idle(db: sqlite3.Connection, host: str, now: float) -> None:
    """The builder could take more work, and the queue has none for it."""
    db.execute("UPDATE builder SET idle_since = ? WHERE host = ?", (now, host))


def count_success(db: sqlite3.Connection, host: str, suspect_after: int) -> None:
    """A wheel ends the failures in a row."""
    db.execute(
        "UPDATE builder SET failures = 0, cleared_failures = 0, suspect_after = ? WHERE host = ? AND failures > 0",
        (suspect_after, host),
    )


def count_failure(db: sqlite3.Connection, host: str, now: float) -> None:
    """One more failure that may be the builder's own; the others wait for a canary."""
    db.execute("UPDATE builder SET failures = failures + 1, canary_since = ? WHERE host = ?", (now, host))


def await_canary(db: sqlite3.Connection, host: str, now: float) -> None:
    """The others wait for the builder's canary."""
    db.execute("UPDATE builder SET canary_since = ? WHERE host = ?", (now, host))


def clear(db: sqlite3.Connection, host: str) -> None:
    """The builder has built its canary: its failures so far are not its own, and twice as many make it suspect."""
    db.execute(
        """
        UPDATE builder SET suspect_after = max(2 * failures, suspect_after), cleared_failures = failures,
            suspended = NULL
        WHERE host = ?
        """,
        (host,),
    )


def suspend(db: sqlite3.Connection, host: str, sentence: str) -> None:
    """The builder gets no work until it has built a canary; its failures are forgotten."""
    db.execute("UPDATE builder SET suspended = ?, failures = 0, cleared_failures = 0 WHERE host = ?", (sentence, host))
