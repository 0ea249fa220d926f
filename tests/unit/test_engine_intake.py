"""Taking results in: what is fetched goes where its kind belongs, and is acknowledged when the catalog has it."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from wheelfleet.engine.connected_builder import CLOCK_TOLERANCE
from wheelfleet.planner import batches

from tests.support.controller import result_files
from tests.support.fake_builder import Fault, Faults, Run, queue_of
from tests.support.wheels import wheel_file


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return queue_of(tmp_path_factory.mktemp("catalog"), ["pi1", "pi2"], ["alpha"])


@pytest.fixture
def run(catalog: Path, tmp_path: Path) -> Iterator[Run]:
    with Run(catalog, tmp_path / "var") as run:
        yield run


def claim(run: Run, host: str = "pi1") -> str:
    """An attempt that the host has been given."""
    held = batches.claim(run.catalog, host=host, run="run1", now=run.clock.now(), leave_to_faster=False)
    assert held is not None
    return held.builds[0].attempt


def outcome(run: Run, attempt: str) -> object:
    return run.catalog.db.execute("SELECT outcome FROM attempt WHERE id = ?", (attempt,)).fetchone()["outcome"]


def test_a_result_is_admitted_and_then_acknowledged(run: Run) -> None:
    attempt = claim(run)
    run.builders["pi1"].outbox[attempt] = result_files(attempt, wheel_file("alpha", "1.0"))
    with run.connected("pi1") as builder:
        builder.observe()
        assert outcome(run, attempt) == "built"
        assert run.builders["pi1"].outbox, "not before the next poll"
        builder.acknowledge_all()
    assert run.builders["pi1"].outbox == {}
    assert [line.split(" in ")[0] for line in run.lines] == ["built alpha-1.0-py3-none-any.whl"]


def test_a_full_disk_ends_the_session_and_the_builder_keeps_the_result(run: Run) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    attempt = claim(run)
    run.builders["pi1"].outbox[attempt] = result_files(attempt, wheel_file("alpha", "1.0"))
    with pytest.raises(OSError, match="No space left"):
        run.session("pi1", Faults([Fault("fetch", 1, "before", full)]))
    assert outcome(run, attempt) is None
    assert list(run.builders["pi1"].outbox) == [attempt]
    run.drain()
    run.check()


def test_a_result_of_another_hosts_attempt_is_dropped_and_told(run: Run) -> None:
    attempt = claim(run, "pi2")
    run.builders["pi1"].outbox[attempt] = result_files(attempt, wheel_file("alpha", "1.0"))
    with run.connected("pi1") as builder:
        builder.observe()
    assert run.events() == [f"Its result {attempt} was dropped: pi1 was not given {attempt}."]
    assert outcome(run, attempt) is None


@pytest.mark.parametrize("kind", ["canary", "rebuild"])
def test_late_canaries_and_rebuilds_go_without_a_word(run: Run, kind: str) -> None:
    run.builders["pi1"].outbox["late-0001"] = result_files("late-0001", wheel_file("alpha", "1.0"), kind=kind)
    with run.connected("pi1") as builder:
        builder.observe()
        builder.acknowledge_all()
    assert (run.events(), run.lines, run.builders["pi1"].outbox) == ([], [], {})


def test_what_is_not_this_hosts_to_build_any_more_is_withdrawn(run: Run) -> None:
    run.builders["pi1"].inbox["stranger-1.0-0001"] = {}
    with run.connected("pi1") as builder:
        builder.observe()
    assert run.builders["pi1"].inbox == {}


def test_a_clock_that_is_wrong_is_an_event_once(run: Run) -> None:
    builder = run.builders["pi1"]
    own = type(run.clock)()
    own.seconds = CLOCK_TOLERANCE + 60.0
    builder.clock = own
    with run.connected("pi1") as connected:
        connected.observe()
        connected.observe()
    assert run.events() == ["Its clock is 3 min ahead of the controller's; set it right (timedatectl)."]
