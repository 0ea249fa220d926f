"""Where a build stands in the queue, for the pages of projects: `fleet/queue.json`, made in each publication.

A build moves up whenever another one ends. To write its place into its project's page would render every project that
waits with each build. So a page has only what its place follows from (`own_place`), and its script compares that with
the places listed here.

Builders and targets that have to do with each other share a queue: those of 64-bit boards, for example, and those of
32-bit boards. How long a build waits is the predicted time of what comes before it, divided by what the builders do at
once. Which builder takes which build, and what has begun already, is left out: it is no promise.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from ..catalog.counters import totals
from .queue_head import Place, first_places
from .status_rows import StatusRow

SCHEMA = 1
#: Places are known up to this one.
FURTHEST = 1000
#: Each place is listed up to the first number, then each tenth, then each hundredth.
EXACT, TENTHS = 50, 200


def own_place(row: StatusRow) -> str:
    """What the place of a build in the queue follows from, for the script; empty if it is in no queue."""
    if row.priority is None or row.expected_seconds is None:
        return ""
    return f"{row.priority} {row.expected_seconds} {row.release_id} {row.target_id}"


def queue_places(db: sqlite3.Connection, power: Mapping[str, float]) -> dict[str, Any]:
    """The document. A place is [its number, predicted seconds before it or null, and the numbers of `own_place`].

    `power` is builds at once times speed, of each builder that may begin builds.
    """
    return {"schema": SCHEMA, "queues": [_queue(db, targets, hosts, power) for targets, hosts in _shared(db)]}


def _queue(db: sqlite3.Connection, targets: list[int], hosts: set[str], power: Mapping[str, float]) -> dict[str, Any]:
    at_once = sum(power.get(host, 0.0) for host in sorted(hosts))
    waiting = totals(db, "queue-builds")
    begun = db.execute(
        "SELECT a.target_id FROM attempt a JOIN release_target w USING (release_id, target_id) "
        "WHERE a.state = 'open' AND a.begun_at IS NOT NULL AND w.need = 'now'"
    )
    builds = sum(int(waiting.get(str(target), 0)) for target in targets) - sum(row[0] in targets for row in begun)
    return {
        "targets": targets,
        "builds": max(builds, 0),
        "places": list(_listed(first_places(db, targets, FURTHEST), at_once)),
    }


def _listed(places: list[Place], at_once: float) -> Iterator[list[float | int | None]]:
    before = 0.0
    for number, place in enumerate(places, start=1):
        if number <= EXACT or number % (10 if number <= TENTHS else 100) == 0:
            wait = round(before / at_once) if at_once else None
            seconds = round(-place.negative_seconds, 3)
            yield [number, wait, place.priority, seconds, place.release_id, place.target_id]
        before -= place.negative_seconds


def _shared(db: sqlite3.Connection) -> list[tuple[list[int], set[str]]]:
    """The targets (their IDs) and builders of each queue: builders that offer a target in common share one."""
    found: list[tuple[set[int], set[str]]] = []
    for host, target in db.execute("SELECT host, target_id FROM builder_target ORDER BY host, target_id"):
        targets, hosts = {target}, {host}
        apart = []
        for each in found:
            if target in each[0] or host in each[1]:
                targets |= each[0]
                hosts |= each[1]
            else:
                apart.append(each)
        found = [*apart, (targets, hosts)]
    return sorted((sorted(targets), hosts) for targets, hosts in found)
