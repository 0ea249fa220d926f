"""The duration of a run compared with the lower bound, with the real planner and simulated hosts.

Build durations are log-normal: half of the builds take less than 15 s, one in twenty more than ten minutes, none longer
than the longest that piwheels reports (6 h 46). Predictions are right, or off by a factor of up to two either way. The
bound is the larger of the work shared evenly and the longest build alone. For comparison, the same builds with the same
latencies by piwheels' method: each slot pulls the oldest release, one at a time. Age does not predict duration, so
oldest first is a random order here.
"""

from __future__ import annotations

import math
import random
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.simulation import Build, Host, Simulation, lower_bound, pull_oldest_first

BUILDS = 5_000
MEDIAN_SECONDS, SPREAD, LONGEST_SECONDS = 15.0, 2.24, 24_360.0
SEED = 1
#: Predictions are off by a factor of at most this, either way, log-uniformly.
NOISE = 2.0


@dataclass(frozen=True)
class Fleet:
    """A line of the table."""

    title: str
    hosts: Sequence[Host]
    builds: int = BUILDS


FLEETS = (
    Fleet("1 builder", [Host()]),
    Fleet("4 builders", [Host()] * 4),
    Fleet("20 builders", [Host()] * 20),
    Fleet("100 builders", [Host()] * 100),
    Fleet("20 builders, 4 builds at once each", [Host(slots=4)] * 20),
    Fleet("20, one ten times slower, unknown", [Host(speed=0.1), *[Host()] * 19]),
    Fleet("20 of speeds 2, 1 and 0.5", [*[Host(speed=2.0)] * 5, *[Host()] * 10, *[Host(speed=0.5)] * 5]),
    Fleet("20 builders, 300 builds only", [Host()] * 20, 300),
)


@dataclass(frozen=True)
class Row:
    """One simulated run. `bound` and `seconds` (CPU time) are in seconds; `planner` and `pulled` are the durations as
    ratios to the bound."""

    fleet: Fleet
    noisy: bool
    bound: float
    planner: float
    pulled: float
    visits: int
    seconds: float


def draw(builds: int, *, noisy: bool, seed: int = SEED) -> list[Build]:
    """The builds, the oldest first; `noisy` changes only their predictions."""
    durations, errors = random.Random(seed), random.Random(seed + 1)
    drawn = []
    for _ in range(builds):
        seconds = min(durations.lognormvariate(math.log(MEDIAN_SECONDS), SPREAD), LONGEST_SECONDS)
        factor = NOISE ** errors.uniform(-1, 1) if noisy else 1.0
        drawn.append(Build(seconds, seconds * factor))
    return drawn


def simulate(fleet: Fleet, noisy: bool) -> Row:
    """Simulate one fleet until its queue is empty."""
    builds = draw(fleet.builds, noisy=noisy)
    bound = lower_bound(builds, fleet.hosts)
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        simulation = Simulation(Path(folder), builds, fleet.hosts, SEED)
        end = simulation.run()
    pulled = pull_oldest_first(builds, fleet.hosts, SEED)
    spent = time.process_time() - began
    return Row(fleet, noisy, bound, end / bound, pulled / bound, simulation.visits, spent)


def measure() -> None:
    """Print the table."""
    print(f"\nThe end of a run of {BUILDS} builds as a ratio to the soonest possible:")
    print(f"{'':36}{'bound':>9}{'predictions':>13}{'oldest first,':>15}{'visits':>8}{'planner CPU':>13}")
    print(f"{'':36}{'':>9}{'right':>6}{'noisy':>7}{'one at a time':>15}{'a host':>8}{'a build':>13}", flush=True)
    with ProcessPoolExecutor() as pool:
        cases = [(fleet, noisy) for fleet in FLEETS for noisy in (False, True)]
        rows = pool.map(simulate, *zip(*cases, strict=True))
        for right, noisy in zip(rows, rows, strict=True):
            _print(right, noisy)


def _print(right: Row, noisy: Row) -> None:
    visits = noisy.visits / len(noisy.fleet.hosts)
    cpu = 1000 * noisy.seconds / noisy.fleet.builds
    print(
        f"{right.fleet.title:36}{right.bound / 3600:7.1f} h{right.planner:6.3f}{noisy.planner:7.3f}"
        f"{right.pulled:15.3f}{visits:8.0f}{cpu:10.1f} ms",
        flush=True,
    )
