"""The table `notification`: troubles that an operator is told of, and which channels were told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Notification:
    """A trouble; `subject` is `KIND:WHAT`. Times are in epoch seconds. `told` are the channels that know of it."""

    subject: str
    kind: str
    sentence: str
    since: float
    cleared_at: float | None
    told: frozenset[str]

    @property
    def what(self) -> str:
        """What it is about: a host, a release, or empty."""
        return self.subject.partition(":")[2]


def notifications(db: sqlite3.Connection) -> list[Notification]:
    """All troubles, the oldest first."""
    return [
        Notification(
            row["subject"],
            row["kind"],
            row["sentence"],
            row["since"],
            row["cleared_at"],
            frozenset(json.loads(row["told"])),
        )
        for row in db.execute("SELECT * FROM notification ORDER BY since, subject")
    ]


def raise_trouble(db: sqlite3.Connection, kind: str, what: str, sentence: str, now: float) -> None:
    """Note that there is a trouble. If it was there already, or was over only for a short time, nobody hears again."""
    db.execute(
        """
        INSERT INTO notification (subject, kind, sentence, since) VALUES (?, ?, ?, ?)
        ON CONFLICT (subject) DO UPDATE SET sentence = excluded.sentence, cleared_at = NULL
        """,
        (f"{kind}:{what}", kind, sentence, now),
    )


def clear_trouble(db: sqlite3.Connection, subject: str, now: float) -> None:
    """Note that a trouble is over. One that nobody was told of is forgotten."""
    db.execute("DELETE FROM notification WHERE subject = ? AND told = '[]'", (subject,))
    db.execute("UPDATE notification SET cleared_at = ? WHERE subject = ? AND cleared_at IS NULL", (now, subject))


def forget_trouble(db: sqlite3.Connection, subject: str) -> None:
    """Forget a trouble without telling anybody that it is over."""
    db.execute("DELETE FROM notification WHERE subject = ?", (subject,))


def mark_told(db: sqlite3.Connection, subject: str, channels: Collection[str], now: float) -> None:
    """Note which channels know of the trouble; those of a trouble that is over have still to be told so."""
    db.execute(
        "UPDATE notification SET told = ?, told_at = ? WHERE subject = ?",
        (json.dumps(sorted(channels)), now, subject),
    )
