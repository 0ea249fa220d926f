"""The ends of the logs of failed attempts, as the catalog knows them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contract.log_lines import PHASE
from ..text import last_lines
from .result import log_tail

#: Failures whose cause is known that are read for comparison.
_MOST_KNOWN = 300


@dataclass(frozen=True)
class FailedLog:
    """One failed attempt; `log` is its path below logs/, or None if it is lost. `lines` are the last of its phase."""

    project: str
    version: str
    host: str
    failure_class: str
    log: str | None
    lines: Sequence[str]


def failed_logs(db: sqlite3.Connection, logs: Path, classes: Sequence[str], most: int) -> list[FailedLog]:
    """The newest failed attempts of these classes that still count."""
    return list(_read(db, logs, f"a.failure_class IN ({_marks(classes)})", classes, most))


def known_logs(db: sqlite3.Connection, logs: Path, classes: Sequence[str]) -> list[FailedLog]:
    """The newest failed attempts of all other classes whose builds came to an end by themselves."""
    return list(
        _read(db, logs, f"a.blocks IS NOT NULL AND a.failure_class NOT IN ({_marks(classes)})", classes, _MOST_KNOWN)
    )


def class_counts(db: sqlite3.Connection, classes: Sequence[str]) -> Counter[str]:
    """How many failed attempts that still count each class has."""
    rows = db.execute(
        f"""
        SELECT failure_class, count(*) AS many FROM attempt
        WHERE state = 'done' AND outcome = 'failed' AND NOT superseded AND failure_class IN ({_marks(classes)})
        GROUP BY failure_class
        """,
        list(classes),
    )
    return Counter({row["failure_class"]: row["many"] for row in rows})


def _read(db: sqlite3.Connection, logs: Path, condition: str, classes: Sequence[str], most: int) -> Iterator[FailedLog]:
    rows = db.execute(
        f"""
        SELECT p.name, r.version, a.host, a.failure_class, a.log, a.evidence FROM attempt a
        JOIN release r ON r.id = a.release_id JOIN project p ON p.id = r.project_id
        WHERE a.state = 'done' AND a.outcome = 'failed' AND NOT a.superseded AND {condition}
        ORDER BY a.finished_at DESC, a.id LIMIT ?
        """,
        [*classes, most],
    ).fetchall()
    for row in rows:
        text = log_tail(logs, row["log"])
        lines = last_lines(text.encode(), begins_within=False).splitlines()
        begin = max((index + 1 for index, line in enumerate(lines) if line.startswith(PHASE)), default=0)
        found = lines[begin:] or (row["evidence"] or "").splitlines()
        yield FailedLog(
            row["name"], row["version"], row["host"], row["failure_class"], row["log"] if text else None, found
        )


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
