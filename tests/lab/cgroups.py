"""A node's control groups: one subtree in every cgroup-v1 hierarchy.

Without subtrees of their own, the systemds of all nodes would use the machine's root group.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

TOP = Path("/sys/fs/cgroup")

#: Root on a node may make all device nodes, as on a Pi, but use only harmless ones, never the machine's disks.
DEVICES = (
    *("c *:* m", "b *:* m"),
    *(f"c {device} rwm" for device in ("1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:2", "136:*", "10:200")),
)


def supported() -> bool:
    """Whether this machine has the cgroup-v1 controllers that the lab needs."""
    return all((TOP / controller).is_dir() for controller in ("memory", "cpu", "freezer", "devices"))


class ControlGroups:
    """The groups of one node, below `name`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def _folders(self) -> list[tuple[Path, list[str]]]:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
        return [
            (Path(point) / self.name, options.split(","))
            for _, point, kind, options, *_ in mounts
            if kind in ("cgroup", "cgroup2") and point.startswith(str(TOP))
        ]

    def up(self, memory: str) -> None:
        """Make the groups, with a memory limit (bytes, or with K, M, G)."""
        for folder, options in self._folders():
            if "cpuset" not in options:  # it would need a list of processors first
                folder.mkdir(parents=True, exist_ok=True)
        (TOP / "devices" / self.name / "devices.deny").write_text("a")
        for device in DEVICES:
            (TOP / "devices" / self.name / "devices.allow").write_text(device)
        self.limit_memory(memory)

    def down(self) -> None:
        """Remove the groups, which must have no processes, and the lab's group if it is empty."""
        for folder, _ in self._folders():
            for group, _, _ in os.walk(folder, topdown=False):
                with contextlib.suppress(OSError):
                    Path(group).rmdir()
            with contextlib.suppress(OSError):
                folder.parent.rmdir()

    def enter(self) -> None:
        """Move this process into the groups."""
        for folder, _ in self._folders():
            if folder.exists():
                (folder / "cgroup.procs").write_text(str(os.getpid()))

    def limit_memory(self, size: str) -> None:
        """Limit the memory of all its processes together. Raises OSError while they use more."""
        (TOP / "memory" / self.name / "memory.limit_in_bytes").write_text(size)

    def limit_cpu(self, percent: float | None) -> None:
        """Limit processor time, 100 being one core; None: no limit."""
        quota = -1 if percent is None else int(percent * 1000)
        (TOP / "cpu" / self.name / "cpu.cfs_quota_us").write_text(str(quota))

    def freeze(self, frozen: bool) -> None:
        """Stop or continue all processes at once."""
        file = TOP / "freezer" / self.name / "freezer.state"
        if file.exists():
            file.write_text("FROZEN" if frozen else "THAWED")

    def pids(self) -> list[int]:
        """All processes, by their PIDs on this machine."""
        found = set()
        for folder, options in self._folders():
            if "name=systemd" in options:
                # os.walk passes over groups that end meanwhile; Path.glob does not.
                for group, _, _ in os.walk(folder):
                    with contextlib.suppress(OSError):
                        found |= {int(pid) for pid in Path(group, "cgroup.procs").read_text().split()}
        return sorted(found)

    def leader(self) -> int | None:
        """The PID of the node's first process on this machine; None while there is none."""
        for pid in self.pids():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                namespaces = re.search(r"NSpid:\s+(.*)", status)
                if namespaces and len(namespaces[1].split()) > 1 and namespaces[1].split()[-1] == "1":
                    return pid
        return None
