"""Canaries: a builder that fails everything is tried, suspended, and gets work again when it builds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from wheelfleet.engine.canary import try_canary
from wheelfleet.engine.host_status import HostState, read_statuses, status_folder
from wheelfleet.engine.link import LinkLost
from wheelfleet.planner import suspension

from tests.support.fake_builder import Fault, Faults, Killed, Run, queue_of

PROJECTS = ("alpha", "beta", "delta", "gamma")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return queue_of(tmp_path_factory.mktemp("catalog"), ["pi1", "pi2"], PROJECTS)


@pytest.fixture
def run(catalog: Path, tmp_path: Path) -> Iterator[Run]:
    with Run(catalog, tmp_path / "var") as run:
        yield run


def trusted(run: Run, host: str = "pi1") -> bool:
    return not suspension.is_suspect(run.catalog, host)


def test_a_builder_that_fails_everything_is_suspended(run: Run) -> None:
    run.builders["pi1"].broken = True
    answer = run.session("pi1")
    while not answer["drained"]:
        answer = run.session("pi1")
    (suspended,) = run.events()
    assert suspended.startswith("Suspended. It cannot build the canary that comes with wheelfleet: ")
    assert not answer.get("failed"), "pi2 can do its work"
    (status,) = read_statuses(status_folder(run.folder), "run1")
    assert (status.state, status.final) == (HostState.SUSPENDED, True)
    run.drain("pi2")
    run.builders["pi1"].broken = False
    run.next_run()
    run.check()
    assert run.events()[1:] == ["It built its canary and gets work again."]
    assert trusted(run)


def test_suspending_the_only_builder_of_the_work_is_an_error(run: Run) -> None:
    run.builders["pi1"].broken = run.builders["pi2"].broken = True
    answers = [run.session("pi1")]
    while not answers[-1]["drained"]:
        answers.append(run.session("pi1"))
    run.catalog.db.execute("DELETE FROM builder_target WHERE host = 'pi2'")
    assert run.session("pi1")["failed"]


def test_failures_of_projects_are_not_the_builders(run: Run) -> None:
    run.builders["pi1"].fails = frozenset(PROJECTS[:3])
    run.builders["pi2"].fails = frozenset(PROJECTS[:3])
    run.drain("pi1")
    assert trusted(run)
    assert run.events() == []
    assert any(line.startswith("built gamma-1.0") for line in run.lines)


def test_a_wheel_that_the_target_has_is_the_canary(run: Run) -> None:
    run.session("pi1")
    with run.connected("pi1") as builder:
        builder.observe()
        builder.acknowledge_all()
        assert try_canary(builder) is None
        builder.acknowledge_all()
        (canary,) = [build for build in builder.planned.values() if build.kind == "canary"]
    assert canary.name in PROJECTS
    assert run.builders["pi1"].outbox == {}


@pytest.mark.parametrize(
    ("trouble", "problem"),
    [("deaths", "its worker ends without results"), ("stuck", "its worker begins nothing of what it has")],
)
def test_a_canary_that_never_answers_is_a_failure(run: Run, trouble: str, problem: str) -> None:
    setattr(run.builders["pi1"], trouble, 1000)
    with run.connected("pi1") as builder:
        assert try_canary(builder) == f"It cannot build the canary that comes with wheelfleet: {problem}"
        builder.observe()
    assert run.builders["pi1"].inbox == {}, "nobody waits for it any more"


def test_a_worker_that_dies_once_is_started_again_for_the_canary(run: Run) -> None:
    run.builders["pi1"].deaths = 1
    with run.connected("pi1") as builder:
        assert try_canary(builder) is None


def test_the_others_wait_for_the_verdict(run: Run) -> None:
    with run.catalog.writing() as db:
        db.execute("UPDATE builder SET failures = 3 WHERE host = 'pi1'")
    waits: list[list[str]] = []

    def look() -> None:
        waits.append(suspension.others_with_canary(run.catalog, "pi2", run.clock.now()))

    with run.connected("pi1", Faults([Fault("poll", 2, "before", look, lasting=True)])) as builder:
        assert try_canary(builder) is None
    assert waits
    assert all(wait == ["pi1"] for wait in waits)


@pytest.mark.parametrize("fault", [Killed, LinkLost])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 6))
def test_a_canary_cut_off_anywhere_leaves_nothing(run: Run, number: int, when: str, fault: type[BaseException]) -> None:
    with run.catalog.writing() as db:
        db.execute("UPDATE builder SET failures = 3 WHERE host = 'pi1'")

    def strike() -> None:
        raise fault

    try:
        run.session("pi1", Faults([Fault("link", number, when, strike)]))
    except Killed:
        assert fault is Killed
    run.drain("pi2")
    run.next_run()
    run.check()
    assert trusted(run)
    assert not any("dropped" in event for event in run.events()), "a late canary is no news"
