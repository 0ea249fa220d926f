"""What the order of the queue costs and gains, with the real planner and simulated hosts.

One fill of an empty fleet, twice: in the queue's order, and longest first, which was the order before there were
priorities. Durations and predictions are those of `planner`. Of the builds 5 % were asked for in vain, 5 % are new
releases that arrive during the first four fifths of the run, 40 % are the newest release of their project, and the rest
is depth. No build arrives so late that it alone would put off the end.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.planner import SEED, draw
from benchmarks.simulation import Build, Host, Simulation, lower_bound

BUILDS = 1_000
#: Shares of the builds.
ASKED, NEW, BREADTH = 0.05, 0.05, 0.4
#: New releases arrive within this part of the shortest possible run.
ARRIVALS = 0.8

FLEETS: dict[str, Sequence[Host]] = {
    "4 builders": [Host()] * 4,
    "20 builders": [Host()] * 20,
    "100 builders": [Host()] * 100,
    "20 of speeds 2, 1 and 0.5": [*[Host(speed=2.0)] * 5, *[Host()] * 10, *[Host(speed=0.5)] * 5],
}


@dataclass(frozen=True)
class Row:
    """One fleet: each figure of the order as a ratio to longest first; the waits of the order in seconds."""

    end: float
    bound: float
    asked: float
    new: float
    asked_seconds: float
    new_seconds: float


def mixed(builds: int, hosts: Sequence[Host], *, noisy: bool = True, seed: int = SEED) -> list[Build]:
    """The builds of a fill, with what decides their priority and when they arrive."""
    drawn, chance = draw(builds, noisy=noisy, seed=seed), random.Random(seed + 2)
    bound = lower_bound(drawn, hosts)
    mix: list[Build] = []
    for build in drawn:
        kind = chance.random()
        if kind < ASKED:
            build = replace(build, recency="newest", lookups=int(10 ** chance.uniform(0, 4)))
        elif kind < ASKED + NEW:
            latest = min(ARRIVALS * bound, bound - 2 * build.seconds)
            build = replace(build, recency="new", arrives=chance.uniform(0.0, max(latest, 0.0)))
        elif kind < ASKED + NEW + BREADTH:
            build = replace(build, recency="newest")
        mix.append(build)
    return mix


def compare(builds: Sequence[Build], hosts: Sequence[Host]) -> Row:
    """Run the same builds in both orders."""
    runs: list[tuple[float, float, float]] = []
    for longest_first in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            simulation = Simulation(Path(folder), builds, hosts, SEED, longest_first=longest_first)
            end = simulation.run()
        asked = simulation.wait(lambda build: build.lookups > 0)
        new = simulation.wait(lambda build: build.recency == "new")
        runs.append((end, asked, new))
    (end, asked, new), (other_end, other_asked, other_new) = runs
    return Row(end / other_end, end / lower_bound(builds, hosts), asked / other_asked, new / other_new, asked, new)


def end_of_all(builds: Sequence[Build], hosts: Sequence[Host]) -> float:
    """The end of a run with all builds in the queue from its beginning, as a ratio to longest first."""
    builds = [replace(build, arrives=0.0) for build in builds]
    ends = []
    for longest_first in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            ends.append(Simulation(Path(folder), builds, hosts, SEED, longest_first=longest_first).run())
    return ends[0] / ends[1]


def _compare(hosts: Sequence[Host]) -> tuple[float, Row]:
    builds = mixed(BUILDS, hosts)
    return end_of_all(builds, hosts), compare(builds, hosts)


def measure() -> None:
    """Print the table."""
    print(f"\nA run of {BUILDS} builds in the order of the queue, as a ratio to longest first:")
    print(f"{'':28}{'end, all builds there':>23}{'end':>8}{'median wait until there is a wheel':>44}")
    print(f"{'':28}{'from the beginning':>23}{'':>8}{'asked for in vain':>24}{'new release':>20}", flush=True)
    with ProcessPoolExecutor() as pool:
        for title, (end, row) in zip(FLEETS, pool.map(_compare, FLEETS.values()), strict=True):
            print(
                f"{title:28}{end:23.3f}{row.end:8.3f}{row.asked:12.3f} ({row.asked_seconds:7.0f} s)"
                f"{row.new:10.3f} ({row.new_seconds:5.0f} s)",
                flush=True,
            )
