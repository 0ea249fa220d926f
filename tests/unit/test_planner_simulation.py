"""Even work: the real planner feeds a simulated fleet, and the end is close to the soonest one possible.

`make bench` does the same with 5,000 builds; these are small, and deterministic by their seed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from wheelfleet.catalog.database import Catalog

from benchmarks.planner import draw
from benchmarks.simulation import Build, Host, Simulation, lower_bound, pull_oldest_first

SEED = 1


def ratio(folder: Path, builds: list[Build], hosts: list[Host]) -> float:
    return Simulation(folder, builds, hosts, SEED).run() / lower_bound(builds, hosts)


@pytest.mark.parametrize(("noisy", "aim"), [(False, 1.05), (True, 1.15)])
@pytest.mark.parametrize("hosts", [[Host()], [Host()] * 4, [Host(slots=4)] * 2], ids=["one", "four", "slots"])
def test_the_fleet_ends_close_to_the_soonest_end_possible(tmp_path: Path, hosts: list[Host], noisy: bool, aim: float):
    assert ratio(tmp_path, draw(200, noisy=noisy), hosts) <= aim


def test_it_ends_sooner_than_pulling_the_oldest_one_at_a_time(tmp_path: Path):
    builds, hosts = draw(200, noisy=True), [Host()] * 8
    assert ratio(tmp_path, builds, hosts) < pull_oldest_first(builds, hosts, SEED) / lower_bound(builds, hosts)


def test_a_host_ten_times_slower_than_predicted_does_not_hold_up_the_end(tmp_path: Path):
    # Long enough for the slow host to be found out, with one build that it must not be given.
    builds = [Build(1000.0, 1000.0), *[Build(20.0, 20.0)] * 400]
    assert ratio(tmp_path, builds, [Host(speed=0.1), *[Host()] * 3]) <= 1.15


def test_builds_behind_an_unexpectedly_long_one_are_done_by_the_others(tmp_path: Path):
    # Everything looks alike, but one build takes as long as all the others shared by all the hosts.
    builds = [Build(2000.0, 20.0), *[Build(20.0, 20.0)] * 300]
    hosts = [Host()] * 4
    simulation = Simulation(tmp_path, builds, hosts, SEED)
    assert simulation.run() / lower_bound(builds, hosts) <= 1.15
    assert simulation.taken_back > 0


def test_every_build_is_done_once_and_nobody_holds_anything_in_the_end(tmp_path: Path):
    builds = draw(200, noisy=True)
    Simulation(tmp_path, builds, [Host(), Host(slots=2), Host(speed=0.3)], SEED).run()
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        states = catalog.db.execute("SELECT state, outcome, count(*) AS n FROM attempt GROUP BY 1, 2").fetchall()
        assert [tuple(row) for row in states] == [("done", "built", len(builds))]
        assert catalog.db.execute("SELECT count(*) FROM batch WHERE state = 'open'").fetchone()[0] == 0
