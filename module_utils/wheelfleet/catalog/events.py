"""Events of the fleet, as sentences for the report, the status file and the end of a run."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

#: Seconds after which an event is deleted.
KEPT_SECONDS = 30 * 24 * 3600.0


@dataclass(frozen=True)
class Event:
    """An event; `at` is in epoch seconds. "It" in the sentence is the host.

    `who` is the operator who ordered it, `why` the operator's reason; None if nobody did.
    """

    at: float
    run: str
    host: str
    sentence: str
    who: str | None = None
    why: str | None = None


def note(
    db: sqlite3.Connection,
    *,
    run: str,
    host: str,
    sentence: str,
    now: float,
    who: str | None = None,
    why: str | None = None,
) -> bool:
    """Keep an event, once in a run unless somebody ordered it; returns whether it is new.

    Deletes events older than KEPT_SECONDS.
    """
    known = (
        who is None
        and db.execute(
            "SELECT 1 FROM event WHERE run = ? AND host = ? AND sentence = ? LIMIT 1", (run, host, sentence)
        ).fetchone()
    )
    if known:
        return False
    db.execute("DELETE FROM event WHERE at < ?", (now - KEPT_SECONDS,))
    db.execute(
        "INSERT INTO event (at, run, host, sentence, who, why) VALUES (?, ?, ?, ?, ?, ?)",
        (now, run, host, sentence, who, why),
    )
    return True


def events(db: sqlite3.Connection, run: str | None = None, most: int = 100) -> list[Event]:
    """The newest events, of one run or of all, the latest last."""
    rows = db.execute(
        """
        SELECT at, run, host, sentence, who, why FROM event WHERE :run IS NULL OR run = :run
        ORDER BY id DESC LIMIT :most
        """,
        {"run": run, "most": most},
    ).fetchall()
    return [Event(*row) for row in reversed(rows)]
