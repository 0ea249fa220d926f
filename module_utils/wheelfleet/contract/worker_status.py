"""What a builder's worker says of itself while it lives: `status.json` in the builder's home."""

# The types are read at run time (see `shape`).

from typing import TypedDict


class Building(TypedDict):
    attempt: str
    #: Since it was begun. Clocks of builders are never compared with the controller's.
    seconds: float


class WorkerStatus(TypedDict):
    schema: int
    #: The worker's process.
    pid: int
    #: Counts up while the worker lives.
    beat: int
    building: list[Building]
    #: Assignments in the inbox.
    queued: int
