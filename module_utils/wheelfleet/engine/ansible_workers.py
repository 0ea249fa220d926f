"""Finds killed worker processes of Ansible: these never answer, and the run would wait forever."""

from __future__ import annotations

import os
from pathlib import Path


def killed_children(parent: int) -> list[int]:
    """PIDs of the children that a signal ended and `parent` has not waited for yet (proc(5): state Z, exit_code)."""
    killed = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] == "Z" and int(fields[1]) == parent and int(fields[49]) & 0x7F:
            killed.append(int(entry.name))
    return killed
