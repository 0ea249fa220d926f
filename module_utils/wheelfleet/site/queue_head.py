"""The head of the queue: what is built next, with its prediction and the reason why it waits."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .status_rows import release_rows


@dataclass(frozen=True)
class Queued:
    """A build of the queue: with its predicted seconds on a normal host, and why it is there or waits."""

    name: str
    display_name: str
    version: str
    target: str
    seconds: float
    reason: str


class Place(NamedTuple):
    """What a build's place in the queue follows from; the lowest comes first."""

    priority: int
    #: The longest build comes first among equals.
    negative_seconds: float
    release_id: int
    target_id: int


def head_of_queue(db: sqlite3.Connection, most: int) -> list[Queued]:
    """The first builds of the queue, in its order, that builders offer and that have not begun; `most` of them.

    Reads that many rows of the queue's index for each target.
    """
    offered = db.execute("SELECT id FROM target WHERE id IN (SELECT target_id FROM builder_target)").fetchall()
    first = first_places(db, [target for (target,) in offered], most)
    known = {
        (row.release_id, row.target_id): row
        for row in release_rows(db, [(release, target) for _, _, release, target in first])
    }
    queue = []
    for _, negative, release, target in first:
        if row := known.get((release, target)):
            # A builder holds it, and what has begun is left out.
            reason = row.reason.replace("Being built on ", "Begins next on ")
            queue.append(Queued(row.project, row.display_name, row.version or "", row.target or "", -negative, reason))
    return queue


def first_places(db: sqlite3.Connection, targets: Sequence[int], most: int) -> list[Place]:
    """The first builds of the queue of these targets (their IDs) that have not begun, in order; at most `most`.

    Reads that many rows of the queue's index for each target.
    """
    keys: list[Place] = []
    for target in targets:
        rows = db.execute(
            """
            SELECT w.release_id, w.target_id, w.priority, w.predicted_seconds FROM release_target w
            WHERE w.need = 'now' AND w.target_id = ? AND NOT EXISTS (
                SELECT 1 FROM attempt a WHERE a.release_id = w.release_id AND a.target_id = w.target_id
                    AND a.state = 'open' AND a.begun_at IS NOT NULL)
            ORDER BY w.priority, w.predicted_seconds DESC, w.release_id LIMIT ?
            """,
            (target, most),
        )
        keys += [Place(row["priority"], -row["predicted_seconds"], row["release_id"], row["target_id"]) for row in rows]
    return sorted(keys)[:most]
