"""The status file: what the terminal shows of a run, for everybody else.

One small JSON file at the root of the site. The terminal's live view writes it on the controller, M(wheelfleet_status)
on each web node. Times are seconds since the epoch by the controller's clock. A run that is killed cannot say that it
ended: who reads `running` with an `at` of some minutes ago should doubt it, for a living run says something more often.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from ..plan.events import Event
from .board import CONTROLLER, HostBoard, expected_end_seconds

STATUS = "status.json"
SCHEMA = 1
#: The newest events of the run that are shown.
MOST_EVENTS = 20
#: Seconds after which a document without news is worth writing again, as a sign of life.
HEARTBEAT = 30.0

#: The options of M(wheelfleet_status), which its two halves (library/ and action_plugins/) both have to accept.
STATUS_OPTIONS: dict[str, dict[str, Any]] = {
    "state_dir": {"type": "path", "required": True},
    "site_dir": {"type": "path", "required": True},
    "root": {"type": "str", "required": True},
    "run": {"type": "str", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "interval": {"type": "float", "default": 5.0},
    "silence": {"type": "float", "default": 900.0},
}


def status_document(
    boards: Sequence[HostBoard], *, run: str, now: float, ended: bool, events: Sequence[Event] = ()
) -> dict[str, Any]:
    """What the status file says. `ended`: nothing more will be built in this run."""
    builders = [board for board in boards if board.host != CONTROLLER]
    seconds = None if ended else expected_end_seconds(builders, now)
    return {
        "schema": SCHEMA,
        "run": run,
        "at": round(now),
        "state": "ended" if ended else "running",
        "built": sum(board.built for board in builders),
        "failed": sum(board.failed for board in builders),
        "left": max(builders, key=lambda board: board.at).left if builders else 0,
        "expected_end": None if seconds is None else round(now + seconds),
        "hosts": [_host(board) for board in builders],
        "events": [
            {"at": round(event.at), "host": event.host, "sentence": event.sentence} for event in events[-MOST_EVENTS:]
        ],
    }


def _host(board: HostBoard) -> dict[str, Any]:
    return {
        "host": board.host,
        "state": board.state,
        "note": board.note,
        "building": [
            {"name": b.name, "version": b.version, "target": b.target, "since": round(b.since)} for b in board.building
        ],
        "built": board.built,
        "failed": board.failed,
    }


def is_news(document: dict[str, Any], before: dict[str, Any] | None) -> bool:
    """Whether it is worth writing: something happened, or the last one is getting old."""
    if before is None or document["at"] - before["at"] >= HEARTBEAT:
        return True
    passing = dict.fromkeys(("at", "expected_end"))
    return {**document, **passing} != {**before, **passing}


def all_final(boards: Sequence[HostBoard], hosts: Collection[str]) -> bool:
    """Whether each of these builders does nothing more in this run."""
    return set(hosts) <= {board.host for board in boards if board.final}


def as_bytes(document: dict[str, Any]) -> bytes:
    """The file."""
    return (json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def write_status(site: Path, document: dict[str, Any]) -> bool:
    """Put it in place on the site; whether it is.

    A full disk, or a site that is not there yet, costs the view and never the run.
    """
    try:
        temporary = site / f".{STATUS}.new"
        temporary.write_bytes(as_bytes(document))
        temporary.chmod(0o644)
        temporary.replace(site / STATUS)
    except OSError:
        return False
    return True
