"""Rules for exhausted resources of the machine."""

from __future__ import annotations

from .rule import rule

RAN_OUT = (
    rule(
        "out-of-disk", r"No space left on device|Disk quota exceeded", "The builder's disk is full.", settles="nothing"
    ),
    rule(
        "killed",
        r"Killed signal terminated program|internal compiler error: Killed|\(signal: 9, SIGKILL",
        "The compiler was killed, most likely by the kernel because the machine's memory ran out.",
    ),
    rule(
        "out-of-memory",
        r"^[\s|│]*MemoryError\b|virtual memory exhausted|out of memory allocating|Cannot allocate memory|std::bad_alloc"
        r"|LLVM ERROR: out of memory|heap out of memory",
        "The build ran out of memory.",
    ),
    rule(
        "too-many-processes",
        r"fork: (?:retry: )?Resource temporarily unavailable|BlockingIOError: \[Errno 11\]|can't start new thread"
        r"|[Cc]annot fork|pthread_create failed|failed to spawn thread",
        "The build could not start another process.",
    ),
)
