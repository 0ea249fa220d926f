"""What a visit does on the builder: hand work over. It may be repeated after a lost link, and waits for no worker.

To look, to acknowledge results and to take work back needs no Python there: see `engine/poll`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..atomic_files import write_json
from ..contract.assignment import Assignment, checked_assignment
from .folders import BuilderHome


def hand_over(home: Path | str, assignments: Iterable[Assignment]) -> list[str]:
    """Put assignments into the inbox; returns the attempts that are new to this builder.

    One that waits, is being built or lies in the outbox is left alone. Raises ContractError, before anything is
    written, when one of them is not an assignment that this builder reads.
    """
    here = BuilderHome(home)
    checked = [checked_assignment(assignment) for assignment in assignments]
    here.create()
    # In this order, for an attempt only moves from left to right while this looks.
    fresh = [
        assignment
        for assignment in checked
        if not here.waiting(assignment["attempt"]).exists()
        and not here.work_dir(assignment["attempt"]).assignment.exists()
        and not here.work_dir(assignment["attempt"]).finished.exists()
        and not here.delivered(assignment["attempt"]).exists()
    ]
    for assignment in fresh:
        # The index's URL may carry a password.
        write_json(here.waiting(assignment["attempt"]), assignment, mode=0o600)
    return [assignment["attempt"] for assignment in fresh]
