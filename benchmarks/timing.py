"""Wall seconds and CPU seconds of a command with all the children it waited for."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Cost:
    """Seconds; `cpu` counts the processes that were waited for, not those that detached."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def cost() -> Iterator[Cost]:
    """Measure what happens inside."""
    measured = Cost()
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    yield measured
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    measured.wall = time.monotonic() - began
    measured.cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def median(times: int, run: Callable[[], Cost]) -> Cost:
    """The run with the median wall time of several."""
    runs = sorted((run() for _ in range(times)), key=lambda c: c.wall)
    return runs[len(runs) // 2]
