"""How much of a host one build may have: builds at once, compiler jobs and memory for each."""

from __future__ import annotations

import os
from dataclasses import dataclass

#: What a compiler needs for ordinary C and C++; with less memory for each, fewer builds run at once.
COMFORTABLE_BUILD_BYTES = 1 << 30
#: The rest is the operating system's, the worker's and the page cache's.
SHARE_FOR_BUILDS = 0.8


#: A build needs more memory than it was once seen to use by as much at most.
MARGIN = 1.2


@dataclass(frozen=True)
class Capacity:
    """`parallel` builds at once, each with `jobs` compiler processes and `memory` bytes."""

    parallel: int
    jobs: int
    memory: int


def capacity(parallel: int = 0, memory: int = 0) -> Capacity:
    """What the operator asked for, and where that is 0 what the host can bear."""
    cores = len(os.sched_getaffinity(0))
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if parallel <= 0:
        parallel = max(1, min(cores, total // (memory or COMFORTABLE_BUILD_BYTES)))
    return Capacity(parallel, max(1, cores // parallel), memory or int(total * SHARE_FOR_BUILDS / parallel))


def whole_host(memory: int = 0) -> Capacity:
    """What a build may have that is alone on the host."""
    return capacity(1, memory)
