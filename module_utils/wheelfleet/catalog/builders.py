"""The tables `builder`, `builder_target` and `builder_metrics`.

Every write to them stands here, in the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

#: Seconds of a slot of `builder_metrics`, and the number of newest slots that are kept: a day.
METRICS_SLOT = 300
METRICS_SLOTS_KEPT = 288


def put(
    db: sqlite3.Connection, host: str, facts: str, packages: str | None, now: float, libraries: str | None = None
) -> None:
    """Set the facts, packages and libraries (JSON) of a builder; where it names none, the known ones stay.

    Written only if they differ, so `seen_at` is the time of the last change.
    """
    db.execute(
        """
        INSERT INTO builder (host, facts, packages, libraries, seen_at)
        VALUES (:host, :facts, :packages, :libraries, :now)
        ON CONFLICT (host) DO UPDATE SET facts = :facts, packages = coalesce(:packages, packages),
            libraries = coalesce(:libraries, libraries), seen_at = :now
        WHERE facts <> :facts OR packages IS NOT coalesce(:packages, packages)
            OR libraries IS NOT coalesce(:libraries, libraries)
        """,
        {"host": host, "facts": facts, "packages": packages, "libraries": libraries, "now": now},
    )


def put_target(db: sqlite3.Connection, host: str, target_id: int, tools: str, interpreter: str) -> None:
    """Set that a builder offers a target, with the interpreters of its tools and of the target."""
    db.execute(
        "INSERT OR REPLACE INTO builder_target (host, target_id, tools, interpreter) VALUES (?, ?, ?, ?)",
        (host, target_id, tools, interpreter),
    )


def remove_target(db: sqlite3.Connection, host: str, target_id: int) -> None:
    """Set that a builder does not offer a target any longer."""
    db.execute("DELETE FROM builder_target WHERE host = ? AND target_id = ?", (host, target_id))


def remove_targets(db: sqlite3.Connection, host: str) -> None:
    """Remove all targets of a builder that is lost to this run."""
    db.execute("DELETE FROM builder_target WHERE host = ?", (host,))


def set_speed(db: sqlite3.Connection, host: str, speed: float) -> None:
    """Set a builder's speed: predicted divided by measured seconds of its latest builds."""
    db.execute("UPDATE builder SET speed = ? WHERE host = ?", (speed, host))


def set_passed_over(db: sqlite3.Connection, host: str, seconds: float) -> None:
    """Set the work (predicted seconds) that a builder was given since it last got the build that waits longest."""
    db.execute("UPDATE builder SET passed_over_seconds = ? WHERE host = ?", (seconds, host))


def mark_idle(db: sqlite3.Connection, host: str, now: float) -> None:
    """Record that a builder is idle now: the queue has no work for it."""
    db.execute("UPDATE builder SET idle_since = ? WHERE host = ?", (now, host))


def count_success(db: sqlite3.Connection, host: str, suspect_after: int) -> None:
    """End a builder's failures in a row, because it built a wheel."""
    db.execute(
        "UPDATE builder SET failures = 0, cleared_failures = 0, suspect_after = ? WHERE host = ? AND failures > 0",
        (suspect_after, host),
    )


def count_failure(db: sqlite3.Connection, host: str, now: float) -> None:
    """Count a failure that may be the builder's own; the others wait for its canary."""
    db.execute("UPDATE builder SET failures = failures + 1, canary_since = ? WHERE host = ?", (now, host))


def await_canary(db: sqlite3.Connection, host: str, now: float) -> None:
    """Let the others go on waiting for the builder's canary."""
    db.execute("UPDATE builder SET canary_since = ? WHERE host = ?", (now, host))


def clear(db: sqlite3.Connection, host: str) -> None:
    """Clear a builder's failures, because it built its canary: it is suspect again after twice as many."""
    db.execute(
        """
        UPDATE builder SET suspect_after = max(2 * failures, suspect_after), cleared_failures = failures,
            suspended = NULL
        WHERE host = ?
        """,
        (host,),
    )


def suspend(db: sqlite3.Connection, host: str, sentence: str) -> None:
    """Suspend a builder until it has built a canary, and reset its failures."""
    db.execute("UPDATE builder SET suspended = ?, failures = 0, cleared_failures = 0 WHERE host = ?", (sentence, host))


@dataclass(frozen=True)
class Measured:
    """How warm (°C) and how busy (load average) a builder was in a slot; None: not known."""

    slot: int
    temperature: float | None
    load: float | None


def put_metrics(db: sqlite3.Connection, host: str, measured: Measured) -> None:
    """Keep a builder's metrics of a slot, unless it has some, and delete those that are older than a day."""
    db.execute(
        """
        INSERT OR IGNORE INTO builder_metrics (host, slot, temperature, load)
        SELECT host, :slot, :temperature, :load FROM builder WHERE host = :host
        """,
        {"host": host, **vars(measured)},
    )
    db.execute("DELETE FROM builder_metrics WHERE host = ? AND slot <= ?", (host, measured.slot - METRICS_SLOTS_KEPT))


def metrics_history(db: sqlite3.Connection) -> dict[str, list[Measured]]:
    """The kept metrics of each builder, the oldest first."""
    history: dict[str, list[Measured]] = {}
    for row in db.execute("SELECT host, slot, temperature, load FROM builder_metrics ORDER BY host, slot"):
        history.setdefault(row["host"], []).append(Measured(row["slot"], row["temperature"], row["load"]))
    return history


def forget(db: sqlite3.Connection, host: str) -> None:
    """Remove a builder with its targets and measurements. Its attempts, and the wheels of them, stay."""
    db.execute("DELETE FROM builder WHERE host = ?", (host,))
