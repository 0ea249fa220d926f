"""The board: one small file a host, rewritten by the process that visits it and read by whoever shows the run.

The controller's workers are processes of their own; files renamed into place are the simplest thing they and the
terminal's live view (and later a status page) can share.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .host_metrics import Vitals

#: The board on which the controller says how far it has read upstream; no inventory host may have such a name.
CONTROLLER = "(controller)"


@dataclass
class Building:
    """A build going on: `since` is the controller's clock when it was first seen, epoch seconds."""

    name: str
    version: str
    target: str
    since: float


@dataclass
class HostBoard:
    """What one host is doing: state is a word for people, counts are of this run, seconds are predicted."""

    host: str
    run: str
    state: str = "starting"
    building: list[Building] = field(default_factory=list)
    built: int = 0
    failed: int = 0
    left: int = 0
    seconds_left: float = 0.0
    at: float = 0.0
    #: More about the state, for people: why it gets no work, what it waits for.
    note: str = ""
    #: Whether the host does nothing more in this run.
    final: bool = False
    vitals: Vitals = field(default_factory=Vitals)


def post(folder: Path, board: HostBoard) -> None:
    """Put the host's file in place. A full disk costs the view, never the run."""
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        board.at = time.time()
        path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', board.host)}.json"
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(board)))
        temporary.replace(path)


def read_boards(folder: Path, run: str) -> list[HostBoard]:
    """All hosts' boards of a run, by host name."""
    boards = []
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            data: Mapping[str, Any] = json.loads(path.read_text())
            if data["run"] == run:
                boards.append(HostBoard(**{**data, "building": [Building(**b) for b in data["building"]]}))
    return boards


def expected_end_seconds(boards: list[HostBoard], now: float) -> float | None:
    """Seconds until everything is done if predictions hold; None when nothing is left or nobody works.

    `seconds_left` is fleet-wide and newest on the board posted last; the hosts share it evenly.
    """
    working = [board for board in boards if board.state == "building"]
    if not working:
        return None
    newest = max(boards, key=lambda board: board.at)
    running = sum(max(len(board.building), 1) for board in working)
    elapsed = now - newest.at
    return max(newest.seconds_left / running - elapsed, 0.0)
