"""Measures wall and CPU time of commands with their children."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Cost:
    """Times in seconds; `cpu` counts processes that were waited for, not detached ones."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def cost() -> Iterator[Cost]:
    """Measure the block's wall time, and the CPU time of child processes that end in it."""
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
