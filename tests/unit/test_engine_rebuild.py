"""The session of a rebuild check: wheels that others built are built again, compared and never admitted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from wheelfleet.engine.link import LinkLost

from tests.support.fake_builder import Fault, Faults, Killed, Run, queue_of
from tests.support.wheels import wheel_file

PROJECTS = ("alpha", "beta")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state after a run in which pi1 has built everything."""
    folder = tmp_path_factory.mktemp("built")
    catalog = queue_of(folder, ["pi1", "pi2"], PROJECTS)
    with Run(catalog, folder / "var") as run:
        run.drain("pi1")
        run.catalog.db.execute("UPDATE upstream_file SET url = 'https://upstream.example/' || filename")
    return folder / "var"


@pytest.fixture
def run(built: Path, tmp_path: Path) -> Iterator[Run]:
    with Run(built / "catalog.sqlite", tmp_path / "var") as run:
        (run.folder / "files").symlink_to(built / "files")
        yield run


def verdicts(run: Run) -> list[str | None]:
    return [row["verdict"] for row in run.catalog.db.execute("SELECT verdict FROM rebuild ORDER BY wheel_id")]


def test_the_same_bytes_are_a_line_and_no_event(run: Run) -> None:
    answer = run.session("pi2", rebuild_percent=100.0)
    assert (answer["changed"], answer["drained"]) == (True, True)
    assert verdicts(run) == ["agrees", "agrees"]
    assert run.events() == []
    assert "built alpha-1.0-py3-none-any.whl again, the same as pi1" in run.lines
    assert run.builders["pi2"].outbox == {}
    assert not run.session("pi2", rebuild_percent=100.0)["changed"], "each is built again once"


def test_other_bytes_are_an_event(run: Run) -> None:
    run.builders["pi2"].payload = {"alpha": wheel_file("alpha", "1.0", summary="another")}
    run.session("pi2", rebuild_percent=100.0)
    assert sorted(map(str, verdicts(run))) == ["agrees", "differs"]
    (event,) = run.events()
    assert event.startswith("It built alpha-1.0-py3-none-any.whl again, and not as pi1 did.")


def test_a_build_that_fails_is_a_line(run: Run) -> None:
    run.builders["pi2"].broken = True
    run.session("pi2", rebuild_percent=100.0)
    assert verdicts(run) == ["failed", "failed"]
    assert (run.events(), sum("could not build" in line for line in run.lines)) == ([], 2)


@pytest.mark.parametrize("trouble", ["deaths", "stuck"])
def test_a_worker_that_does_nothing_costs_the_check_and_not_the_run(run: Run, trouble: str) -> None:
    setattr(run.builders["pi2"], trouble, 1000)
    answer = run.session("pi2", rebuild_percent=100.0)
    assert not answer["changed"]
    assert verdicts(run) == []
    assert any(line.startswith("builds nothing again: The worker on pi2 ") for line in run.lines)


def test_a_full_disk_or_a_suspect_builder_rebuilds_nothing(run: Run) -> None:
    run.builders["pi2"].free = 0
    run.session("pi2", rebuild_percent=100.0)
    assert verdicts(run) == []


@pytest.mark.parametrize("fault", [Killed, LinkLost])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 9))
def test_cut_off_anywhere_the_next_session_does_it(
    run: Run, number: int, when: str, fault: type[BaseException]
) -> None:
    def strike() -> None:
        raise fault

    try:
        run.session("pi2", Faults([Fault("link", number, when, strike)]), rebuild_percent=100.0)
    except Killed:
        assert fault is Killed
    run.clock.sleep(60.0)
    run.session("pi2", rebuild_percent=100.0)
    assert verdicts(run) == ["agrees", "agrees"]
    assert not run.session("pi2", rebuild_percent=100.0)["changed"]
    assert (run.builders["pi2"].inbox, run.builders["pi2"].outbox) == ({}, {})
