"""The table `rebuild`. Every write to it stands here, in the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from .states import RebuildVerdict


def assign(db: sqlite3.Connection, wheel_id: int, rebuild: str, *, run: str, host: str, now: float) -> bool:
    """Give the rebuild of a wheel to a builder; False if the wheel has a rebuild already."""
    added = db.execute(
        "INSERT INTO rebuild (wheel_id, id, run, host, claimed_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (wheel_id, rebuild, run, host, now),
    )
    return added.rowcount == 1


def finish(
    db: sqlite3.Connection,
    rebuild: str,
    verdict: RebuildVerdict,
    *,
    sha256: str | None,
    sentence: str | None,
    differences: Sequence[str],
    now: float,
) -> None:
    """Set the verdict of a rebuild, unless it has one."""
    db.execute(
        """
        UPDATE rebuild SET verdict = ?, sha256 = ?, sentence = ?, differences = ?, finished_at = ?
        WHERE id = ? AND verdict IS NULL
        """,
        (verdict, sha256, sentence, json.dumps(differences), now, rebuild),
    )


def forget(db: sqlite3.Connection, rebuild: str) -> None:
    """Delete a rebuild without a verdict."""
    db.execute("DELETE FROM rebuild WHERE id = ? AND verdict IS NULL", (rebuild,))


def forget_unfinished(db: sqlite3.Connection, host: str, run: str) -> None:
    """Delete the unfinished rebuilds of a builder and of earlier runs."""
    db.execute("DELETE FROM rebuild WHERE verdict IS NULL AND (host = ? OR run <> ?)", (host, run))
