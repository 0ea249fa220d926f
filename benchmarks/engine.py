"""The engine's cost for the controller: CPU and memory of Ansible's own processes, by number of hosts and builds.

These are real runs of build.yml with local connections. Every host builds tiny pure packages in a home of its own.
Modules, workers and builds are the hosts' cost and are not counted. The processes are sampled, so processes shorter
than a sample are missed. Memory is PSS: private memory and a share of shared memory.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet import fleet
from benchmarks.memory import memory
from tests.support import sdists
from tests.support.operator import Operator
from tests.support.upstream import Upstream

#: (hosts, builds of each host in each run). A hundred hosts on one machine have only one run.
RUNS = ((5, (1, 8)), (20, (1, 4)), (100, (1,)))
SAMPLE_SECONDS, MEMORY_SAMPLE_SECONDS = 0.1, 2.0
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class EngineCost:
    """The cost of one run: wall and CPU time in seconds, peak memory in bytes, and its batches."""

    hosts: int
    builds: int
    wall: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    batches: int = 0


def measure() -> None:
    """Print the table."""
    print("\nWhat Ansible's own processes cost the controller, local connections:")
    titles = {
        "hosts": 6,
        "builds": 8,
        "batches": 9,
        "wall": 9,
        "CPU": 9,
        "a host": 9,
        "a further build": 17,
        "memory": 11,
    }
    print("".join(f"{title:>{width}}" for title, width in titles.items()) + f"{'a host':>10}", flush=True)
    with tempfile.TemporaryDirectory() as scratch, Upstream() as upstream:
        root = Path(scratch)
        names = [f"engine{number}" for number in range(max(hosts * max(amounts) for hosts, amounts in RUNS))]
        for name in names:
            upstream.add_release(sdists.pure_sdist(name, "1.0"))
        warm = fleet(root / "warm", upstream, names[:1], None, hosts=1)
        warm.build()
        for hosts, amounts in RUNS:
            before: EngineCost | None = None
            for each in amounts:
                cost = _run(fleet(root / f"{hosts}x{each}", upstream, names[: hosts * each], warm, hosts=hosts))
                _print(cost, before)
                before = cost


def _print(cost: EngineCost, before: EngineCost | None) -> None:
    further = f"{1000 * (cost.cpu - before.cpu) / (cost.builds - before.builds):.0f} ms" if before else ""
    print(
        f"{cost.hosts:6}{cost.builds:8}{cost.batches:9}{cost.wall:7.1f} s"
        f"{cost.cpu:7.1f} s{cost.cpu / cost.hosts:7.2f} s{further:>17}"
        f"{cost.memory >> 20:7} MiB{(cost.memory >> 20) / cost.hosts:6.1f} MiB",
        flush=True,
    )


def _run(operator: Operator) -> EngineCost:
    cost = EngineCost(len(operator.builders), len(operator.variables["controller_packages"]))
    began = time.monotonic()
    with operator.start("--forks", str(cost.hosts)) as process, _watch(process.pid, cost):
        try:
            output, _ = process.communicate(timeout=600)
        except BaseException:
            process.kill()
            raise
    cost.wall = time.monotonic() - began
    assert process.returncode == 0, output
    built = {name for name, outcome in operator.attempts() if outcome == "built"}
    assert built == set(operator.variables["controller_packages"]), output
    cost.batches = operator.query("SELECT count(*) AS n FROM batch")[0]["n"]
    return cost


@contextmanager
def _watch(process: int, cost: EngineCost) -> Iterator[None]:
    """Add up CPU time and peak memory of a process and its forks until the end of the block."""
    over = threading.Event()
    spent: dict[tuple[int, str], int] = {}

    def sample() -> None:
        weigh_at = 0.0
        while not over.wait(SAMPLE_SECONDS):
            family = _forks(process)
            spent.update(family)
            if time.monotonic() >= weigh_at:
                cost.memory = max(cost.memory, sum(memory(pid) for pid, _ in family))
                weigh_at = time.monotonic() + MEMORY_SAMPLE_SECONDS

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield
    finally:
        over.set()
        sampler.join()
        cost.cpu = sum(spent.values()) / _TICKS


def _forks(root: int) -> dict[tuple[int, str], int]:
    """The clock ticks used so far by a process and those of its descendants that run the same program.

    The key is PID and start time, because PIDs are reused.
    """
    try:
        program = Path(f"/proc/{root}/cmdline").read_bytes()
    except OSError:
        return {}
    parents: dict[int, int] = {}
    ticks: dict[int, tuple[str, int]] = {}
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            fields = Path(entry.path, "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.name)
        parents[pid] = int(fields[1])
        ticks[pid] = (fields[19], int(fields[11]) + int(fields[12]))

    def belongs(pid: int) -> bool:
        while pid > 1 and pid != root:
            pid = parents.get(pid, 0)
        return pid == root

    found = {}
    for pid, (began, used) in ticks.items():
        try:
            if belongs(pid) and Path(f"/proc/{pid}/cmdline").read_bytes() == program:
                found[pid, began] = used
        except OSError:
            continue
    return found
