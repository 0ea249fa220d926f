"""Even work: the real planner feeds a simulated fleet, and the end is close to the soonest one possible.

`make bench` does the same with 5,000 builds; these are small, and deterministic by their seed.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from wheelfleet.catalog.database import Catalog
from wheelfleet.planner import sizing

from benchmarks.order import compare, mixed
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


# ------------------------------------------------------------------------------------------------------------ order


@pytest.mark.slow
@pytest.mark.parametrize("hosts", [[Host()] * 4, [Host(speed=2.0), Host(), Host(speed=0.5)]], ids=["four", "speeds"])
def test_what_is_waited_for_is_there_sooner_and_the_end_is_not_put_off(hosts: list[Host]):
    row = compare(mixed(150, hosts), hosts)
    assert row.end <= 1.03
    assert row.asked <= 0.05
    assert row.new <= 0.5


def stream(seconds: float, until: float, power: float) -> list[Build]:
    """New releases, and others put first, half as many again as the fleet can build until then."""
    many = int(1.5 * power * until / seconds)
    return [
        Build(seconds, seconds, until * n / many, recency="older" if n % 2 else "new", put_first=n % 2 > 0)
        for n in range(many)
    ]


def last_of_the_old(folder: Path, hosts: list[Host], old: list[Build], until: float) -> float:
    """When the last of the old builds ended, while others that come first arrive without end."""
    simulation = Simulation(folder, [*old, *stream(30.0, until, sum(host.speed for host in hosts))], hosts, SEED)
    simulation.run()
    return max(simulation.ended[number] for number in range(len(old)))


@pytest.mark.slow
def test_nothing_waits_for_ever_however_much_comes_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    hosts, old = [Host()] * 2, [Build(seconds, seconds) for seconds in (5.0, 10.0, 15.0) * 3]
    # A builder holds an old build for OVERTAKEN_SECONDS. Then it is built after at most so much other work, and what
    # goes on or is handed over already.
    work = sum(build.seconds / sizing.OLDEST_SHARE + build.seconds + 2 * 30.0 for build in old)
    bound = sizing.OVERTAKEN_SECONDS + work / len(hosts)
    for folder in ("fair", "unfair"):
        (tmp_path / folder).mkdir()
    assert last_of_the_old(tmp_path / "fair", hosts, old, 1800.0) <= bound < 1800.0
    monkeypatch.setattr(sizing, "OLDEST_SHARE", 0.0)
    assert last_of_the_old(tmp_path / "unfair", hosts, old, 900.0) > 900.0, "it is the share that does it"
