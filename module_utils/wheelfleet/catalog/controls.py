"""The table `control`, orders of operators. Every write to it stands here, in the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_COLUMNS = "id, at, who, verb, noun, subject, target, reason, until, done_at, answer"


@dataclass(frozen=True)
class Control:
    """An order; the fields are the columns of the table (catalog/schema.sql). Times are in epoch seconds."""

    id: int
    at: float
    who: str
    verb: str
    noun: str
    subject: str
    target: str
    reason: str
    until: float | None
    done_at: float | None
    answer: str | None


def add(
    db: sqlite3.Connection,
    *,
    at: float,
    who: str,
    verb: str,
    noun: str,
    subject: str,
    target: str = "",
    reason: str = "",
    until: float | None = None,
    done_at: float | None = None,
    answer: str | None = None,
) -> Control:
    """Add an order and return it."""
    cursor = db.execute(
        """
        INSERT INTO control (at, who, verb, noun, subject, target, reason, until, done_at, answer)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (at, who, verb, noun, subject, target, reason, until, done_at, answer),
    )
    (row,) = _read(db, "id = ?", cursor.lastrowid)
    return row


def answer(db: sqlite3.Connection, control_id: int, sentence: str) -> None:
    """Record what came of an order that stays in force."""
    db.execute("UPDATE control SET answer = ? WHERE id = ?", (sentence, control_id))


def end(db: sqlite3.Connection, control_ids: Iterable[int], now: float, sentence: str | None = None) -> None:
    """End orders that are in force; `sentence` is what came of them, where that is new."""
    db.executemany(
        "UPDATE control SET done_at = ?, answer = coalesce(?, answer) WHERE id = ? AND done_at IS NULL",
        [(now, sentence, each) for each in control_ids],
    )


def overdue(db: sqlite3.Connection, now: float) -> list[Control]:
    """The orders in force whose time is over."""
    return _read(db, "done_at IS NULL AND until <= ?", now)


def in_force(db: sqlite3.Connection, verbs: Collection[str], subject: str | None = None) -> list[Control]:
    """The orders in force with one of the verbs, about one subject or about all, in the order of their giving."""
    found: list[Control] = []
    for verb in verbs:
        if subject is None:
            found += _read(db, "done_at IS NULL AND verb = ?", verb)
        else:
            found += _read(db, "done_at IS NULL AND verb = ? AND subject = ?", verb, subject)
    return sorted(found, key=lambda control: control.id)


def in_force_about(db: sqlite3.Connection, subject: str) -> list[Control]:
    """The orders in force about a subject, whatever their verbs."""
    return _read(db, "done_at IS NULL AND subject = ?", subject)


def in_force_from(db: sqlite3.Connection, verb: str, beginning: str) -> list[Control]:
    """The orders in force with a verb whose subjects begin so, in the order of their giving."""
    # As a range, so that the index serves it.
    return _read(
        db, "done_at IS NULL AND verb = ? AND subject >= ? AND subject < ?", verb, beginning, beginning + "\x7f"
    )


def unanswered(db: sqlite3.Connection, verbs: Collection[str]) -> list[Control]:
    """The orders in force with one of the verbs that nothing has obeyed yet, in the order of their giving."""
    found = [each for verb in verbs for each in _read(db, "done_at IS NULL AND answer IS NULL AND verb = ?", verb)]
    return sorted(found, key=lambda control: control.id)


def latest(db: sqlite3.Connection, verbs: Collection[str], subject: str, target: str = "") -> Control | None:
    """The newest order with one of the verbs about this subject and target, in force or not."""
    rows = _read(db, "subject = ? AND target = ?", subject, target)
    return next((row for row in reversed(rows) if row.verb in verbs), None)


def newest(db: sqlite3.Connection, most: int) -> list[Control]:
    """The newest orders, in force or not, the newest first."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM control ORDER BY id DESC LIMIT ?", (most,))
    return [Control(*row) for row in rows]


def _read(db: sqlite3.Connection, condition: str, *values: object) -> list[Control]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM control WHERE {condition} ORDER BY id", values)
    return [Control(*row) for row in rows]
