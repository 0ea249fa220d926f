"""A build's share of the host: number of builds at once, and compiler jobs and memory of each."""

from __future__ import annotations

import os
from dataclasses import dataclass

#: Bytes of memory that ordinary C and C++ need; with less for each, fewer builds run at once.
COMFORTABLE_BUILD_BYTES = 1 << 30
#: Part of the memory for builds; the rest is for the operating system, the worker and the page cache.
SHARE_FOR_BUILDS = 0.8


#: Factor by which a build may need more memory than measured before.
MARGIN = 1.2


@dataclass(frozen=True)
class Capacity:
    """`parallel` builds at once, each with `jobs` compiler processes and `memory` bytes."""

    parallel: int
    jobs: int
    memory: int


def capacity(parallel: int = 0, memory: int = 0) -> Capacity:
    """The operator's values; for each that is 0, a value by the host's processors and memory (bytes)."""
    cores = len(os.sched_getaffinity(0))
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if parallel <= 0:
        parallel = max(1, min(cores, total // (memory or COMFORTABLE_BUILD_BYTES)))
    return Capacity(parallel, max(1, cores // parallel), memory or int(total * SHARE_FOR_BUILDS / parallel))


def whole_host(memory: int = 0) -> Capacity:
    """The capacity of a build that is alone on the host."""
    return capacity(1, memory)
