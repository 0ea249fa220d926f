"""Puts assignments into a builder's inbox. It may be repeated after a lost connection, and waits for no worker.

Polling, acknowledging results and taking work back need no Python on the builder: see `engine.poll`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..atomic_files import write_json
from ..contract.assignment import Assignment, checked_assignment
from .folders import BuilderHome


def hand_over(home: Path | str, assignments: Iterable[Assignment]) -> list[str]:
    """Put assignments into the inbox; returns the attempts that are new to this builder.

    An attempt that waits, is being built or is in the outbox stays unchanged. Raises ContractError, before it writes
    anything, if one of them is not an assignment that this builder can read.
    """
    here = BuilderHome(home)
    checked = [checked_assignment(assignment) for assignment in assignments]
    here.create()
    # In this order, because attempts move from left to right in the meantime.
    fresh = [
        assignment
        for assignment in checked
        if not here.waiting(assignment["attempt"]).exists()
        and not here.work_dir(assignment["attempt"]).assignment.exists()
        and not here.work_dir(assignment["attempt"]).finished.exists()
        and not here.delivered(assignment["attempt"]).exists()
    ]
    for assignment in fresh:
        # The index's URL may contain a password.
        write_json(here.waiting(assignment["attempt"]), assignment, mode=0o600)
    return [assignment["attempt"] for assignment in fresh]
