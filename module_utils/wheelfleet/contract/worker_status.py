"""The status of a builder's worker: `status.json` in the builder's folder, written while the worker lives."""

# The types are read at run time (see `shape`).

from typing import TypedDict


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
