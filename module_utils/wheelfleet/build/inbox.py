"""The controller's side of a visit: hand work over, look, take results as received, take work back.

Every step may be repeated after a lost link, and none waits for the worker.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .protocol import (
    SCHEMA,
    Assignment,
    Home,
    checked_assignment,
    checked_attempt,
    remove,
    sync,
    visible,
    write_json,
)


def hand_over(home: Path | str, assignments: Iterable[Assignment]) -> list[str]:
    """Put assignments into the inbox; returns the attempts that are new to this builder.

    One that waits, is being built or lies in the outbox is left alone. Raises ProtocolError, before anything is
    written, when one of them is not an assignment that this builder reads.
    """
    here = Home(home)
    checked = [checked_assignment(assignment) for assignment in assignments]
    here.create()
    # In this order, for an attempt only moves from left to right while this looks.
    fresh = [
        assignment
        for assignment in checked
        if not here.waiting(assignment["attempt"]).exists()
        and not here.workshop(assignment["attempt"]).assignment.exists()
        and not here.workshop(assignment["attempt"]).finished.exists()
        and not here.delivered(assignment["attempt"]).exists()
    ]
    for assignment in fresh:
        # The index's URL may carry a password.
        write_json(here.waiting(assignment["attempt"]), assignment, mode=0o600)
    return [assignment["attempt"] for assignment in fresh]


def acknowledge(home: Path | str, attempts: Iterable[str]) -> None:
    """Remove results that the controller has taken in. One that is not there (any more) is no error."""
    here = Home(home)
    for attempt in attempts:
        # Hidden first by a rename: nobody must meet a result that lost half of its files.
        gone = here.outbox / f".{checked_attempt(attempt)}"
        remove(gone)
        try:
            here.delivered(attempt).rename(gone)
        except FileNotFoundError:
            continue
        remove(gone)


def take_back(home: Path | str, attempts: Iterable[str]) -> list[str]:
    """Withdraw attempts that nobody has begun; returns those. The others will have a result."""
    here = Home(home)
    taken = []
    for attempt in attempts:
        try:
            here.waiting(attempt).unlink()
        except FileNotFoundError:
            continue
        taken.append(attempt)
    if taken:
        sync(here.inbox)
    return taken


def state(home: Path | str) -> dict[str, Any]:
    """What is where on this builder:

    `worker` (does one live?), `status` (the worker's last words or None), `queued` and `building` (attempts),
    `outbox` (each delivered attempt's files and their sizes in bytes).
    """
    here = Home(home)
    return {
        "schema": SCHEMA,
        "worker": worker_lives(here),
        "status": _status(here),
        "queued": here.queued(),
        "building": [name for name in visible(here.work) if here.workshop(name).assignment.exists()],
        "outbox": {attempt: _sizes(here.outbox / attempt) for attempt in visible(here.outbox)},
    }


def worker_lives(home: Home) -> bool:
    """Whether a process holds the worker's lock."""
    try:
        lock = os.open(home.lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _status(home: Home) -> Any:
    try:
        return json.loads(home.status.read_bytes())
    except (FileNotFoundError, ValueError):
        return None


def _sizes(result: Path) -> dict[str, int]:
    try:
        return {name: (result / name).lstat().st_size for name in visible(result)}
    except FileNotFoundError:
        # Acknowledged while this looked.
        return {}
