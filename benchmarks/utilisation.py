"""How busy builders are in a run that follows upstream and publishes, compared with a batch run.

Both build the same queue with five builders: a batch run, which publishes nothing meanwhile, and a run that follows
upstream and brings each publication to a web node. They take turns, so that other work on the machine hits both.
Utilisation is the time of the builds as a part of the builders' time, from the first claim to the last result. It is
below one also because a builder proves itself by a single build first, and because the last builds do not end together.
"""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
from pathlib import Path

from benchmarks.fleet import BUILDERS, fleet_with_node, following, sleeping_sdist, wait_for
from tests.support import sdists
from tests.support.operator import Operator
from tests.support.upstream import Upstream

#: Builds of a run; the shortest and the longest, in seconds; how often each kind of run is repeated.
BUILDS, SECONDS, TIMES = 60, (2.0, 10.0), 3
#: Seconds between two readings of upstream in the run that follows.
INTERVAL = 10


def measure() -> None:
    """Print the table."""
    draw = random.Random(13)
    names = [f"use{number}" for number in range(BUILDS)]
    batch, follow = [], []
    with tempfile.TemporaryDirectory() as scratch, Upstream() as upstream:
        root = Path(scratch)
        for name in names:
            upstream.add_release(sleeping_sdist(name, "1.0", draw.uniform(*SECONDS)))
        upstream.add_release(sdists.pure_sdist("first", "1.0"))
        warm = fleet_with_node(root / "warm", upstream, ["first"], None)
        warm.build()
        print(f"\nUtilisation of {BUILDERS} builders, {BUILDS} builds:", flush=True)
        print(f"{'':10}{'batch':>8}{'following':>11}{'ratio':>8}", flush=True)
        for turn in range(TIMES):
            batch.append(_batch(fleet_with_node(root / f"batch{turn}", upstream, names, warm)))
            follow.append(_following(fleet_with_node(root / f"following{turn}", upstream, names, warm)))
            _print(f"turn {turn + 1}", batch[-1], follow[-1])
    _print("median", statistics.median(batch), statistics.median(follow))


def _print(title: str, batch: float, following: float) -> None:
    print(f"{title:10}{batch:8.3f}{following:11.3f}{following / batch:8.3f}", flush=True)


def _batch(operator: Operator) -> float:
    operator.build("--forks", "10", "--skip-tags", "publish")
    return _utilisation(operator)


def _following(operator: Operator) -> float:
    with following(operator, "-e", f"controller_follow_interval={INTERVAL}") as run:
        wait_for(lambda: _done(operator) == BUILDS, "last build", run)
    return _utilisation(operator)


def _done(operator: Operator) -> int:
    try:
        return int(operator.query("SELECT count(*) FROM attempt WHERE outcome = 'built'")[0][0])
    except sqlite3.OperationalError:
        # The run has not made its catalog yet.
        return 0


def _utilisation(operator: Operator) -> float:
    ((builds, seconds, begun, ended),) = operator.query(
        "SELECT count(*), sum(seconds), min(claimed_at), max(finished_at) FROM attempt WHERE outcome = 'built'"
    )
    assert builds == BUILDS, builds
    return float(seconds / (BUILDERS * (ended - begun)))
