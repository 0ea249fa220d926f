"""The status file: the live view of a run as one small JSON file at the root of the site.

The terminal's live view writes it on the controller, M(wheelfleet_status) on each web node. Times are epoch seconds by
the controller's clock. A killed run cannot write that it ended. If `running` has an `at` of some minutes ago, the run
is probably dead, because a living run writes the file at least every HEARTBEAT seconds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

from ..catalog.database import Catalog, CatalogError
from ..catalog.events import Event, events
from ..site.layout import STATUS
from .host_metrics import HostMetrics
from .host_status import CONTROLLER, HostState, HostStatus, expected_end_seconds, latest_count

SCHEMA = 1
#: Most events of the run that are shown.
MOST_EVENTS = 20
#: Seconds after which the document is written again without news.
HEARTBEAT = 30.0
#: Seconds over which `per_hour` is counted.
HOUR = 3600.0


class BuildingEntry(TypedDict):
    name: str
    version: str
    target: str
    #: Epoch seconds.
    since: int


class HostEntry(TypedDict):
    host: str
    state: HostState
    note: str
    building: list[BuildingEntry]
    built: int
    failed: int
    per_hour: int | None
    metrics: HostMetrics | None


class EventEntry(TypedDict):
    #: Epoch seconds.
    at: int
    host: str
    sentence: str


class StatusDocument(TypedDict):
    """The content of the status file; docs/index-format.md explains it."""

    schema: int
    run: str
    at: int
    state: Literal["running", "ended"]
    built: int
    failed: int
    left: int
    expected_end: int | None
    hosts: list[HostEntry]
    events: list[EventEntry]


@dataclass(frozen=True)
class Lately:
    """The catalog's part of the status: the newest events of the run, and the builds that each host finished within
    the last hour, in any run."""

    events: Sequence[Event] = ()
    per_hour: Mapping[str, int] = field(default_factory=dict)


def read_catalog(catalog: Path, run: str, now: float) -> Lately:
    """The catalog's part of the status; empty if the catalog cannot be read, because the builds report that anyway."""
    with suppress(CatalogError, sqlite3.Error), Catalog(catalog) as opened:
        finished = opened.db.execute(
            """
            SELECT host, (SELECT count(*) FROM attempt a
                          WHERE a.host = b.host AND a.state = 'done' AND a.finished_at > ?) AS builds
            FROM builder b
            """,
            (now - HOUR,),
        )
        per_hour = {row["host"]: row["builds"] for row in finished}
        return Lately(events(opened.db, run, MOST_EVENTS), per_hour)
    return Lately()


def status_document(
    statuses: Sequence[HostStatus], *, run: str, now: float, ended: bool, lately: Lately | None = None
) -> StatusDocument:
    """The content of the status file. `ended`: nothing more will be built in this run."""
    lately = lately or Lately()
    builders = [status for status in statuses if status.host != CONTROLLER]
    seconds = None if ended else expected_end_seconds(builders, now)
    newest = latest_count(builders)
    return {
        "schema": SCHEMA,
        "run": run,
        "at": round(now),
        "state": "ended" if ended else "running",
        "built": sum(status.built for status in builders),
        "failed": sum(status.failed for status in builders),
        "left": newest.left if newest else 0,
        "expected_end": None if seconds is None else round(now + seconds),
        "hosts": [_host(status, lately.per_hour.get(status.host)) for status in builders],
        "events": [
            {"at": round(event.at), "host": event.host, "sentence": event.sentence}
            for event in lately.events[-MOST_EVENTS:]
        ],
    }


def _host(status: HostStatus, per_hour: int | None) -> HostEntry:
    return {
        "host": status.host,
        "state": status.state,
        "note": status.note,
        "building": [
            {"name": b.name, "version": b.version, "target": b.target, "since": round(b.since)} for b in status.building
        ],
        "built": status.built,
        "failed": status.failed,
        "per_hour": per_hour,
        "metrics": status.metrics,
    }


def is_worth_writing(document: StatusDocument, before: StatusDocument | None) -> bool:
    """Whether the document must be written: it has news, or the last one is HEARTBEAT seconds old."""
    if before is None or document["at"] - before["at"] >= HEARTBEAT:
        return True
    return _lasting(document) != _lasting(before)


def _lasting(document: StatusDocument) -> dict[str, Any]:
    """The document without values that change all the time."""
    hosts = [{**host, "per_hour": None, "metrics": None} for host in document["hosts"]]
    return {**document, "at": None, "expected_end": None, "hosts": hosts}


def all_final(statuses: Sequence[HostStatus], hosts: Collection[str]) -> bool:
    """Whether all of these builders do nothing more in this run."""
    return set(hosts) <= {status.host for status in statuses if status.final}


def as_bytes(document: StatusDocument) -> bytes:
    """The document as bytes of the file: compact JSON and a newline."""
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def write_status(site: Path, document: StatusDocument) -> bool:
    """Put the file in place on the site; returns whether it succeeded.

    A full disk, or a missing site, must not end the run.
    """
    try:
        temporary = site / f".{STATUS}.new"
        temporary.write_bytes(as_bytes(document))
        temporary.chmod(0o644)
        temporary.replace(site / STATUS)
    except OSError:
        return False
    return True
