"""The status of a builder's worker: `status.json` in the builder's folder, written while the worker lives."""

# The types are read at run time (see `shape`).

import json
from typing import TypedDict

from .shape import ContractError, check_shape


class Building(TypedDict):
    attempt: str
    #: Since it began: a duration, because the clocks of builders and controller may differ.
    seconds: float


class WorkerStatus(TypedDict):
    schema: int
    pid: int
    #: Counts up while the worker lives.
    beat: int
    building: list[Building]
    #: Assignments in the inbox.
    queued: int


def read_building(text: str) -> dict[str, float]:
    """The seconds so far by attempt, from the file's text; empty if it is malformed, because builds may change it."""
    try:
        status = json.loads(text)
        check_shape(status, WorkerStatus, "the worker's status")
    except (ValueError, ContractError, RecursionError):
        return {}
    return {building["attempt"]: float(building["seconds"]) for building in status["building"]}
