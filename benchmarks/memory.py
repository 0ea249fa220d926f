"""The memory of processes, in which what several share counts once (PSS)."""

from __future__ import annotations

from pathlib import Path

from tests.support.processes import children


def memory(process: int) -> int:
    """A process's memory in bytes; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))


def memory_with_children(process: int) -> int:
    """The memory in bytes of a process and all that it started."""
    return memory(process) + sum(memory_with_children(child) for child in children(process))
