"""What people see of a session: the host's status, lines, events once, and the answer to the play."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from wheelfleet.admission.admit import Admitted
from wheelfleet.catalog.builders import METRICS_SLOT, METRICS_SLOTS_KEPT, metrics_history
from wheelfleet.engine.host_status import Building, HostState, HostStatus, described, read_statuses, status_folder
from wheelfleet.engine.progress import MOST_IN_ANSWER, Answer, Total, count_builds

from tests.support.fake_builder import Run, queue_of

BUILT = Admitted("a-1-0", "built", "alpha", "1.0", "cp311", 61.0, wheel="alpha-1.0-py3-none-any.whl")
FAILED = Admitted("b-1-0", "failed", "beta", "1.0", "cp311", 2.0, failure_class="missing-header", sentence="No yaml.h.")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return queue_of(tmp_path_factory.mktemp("catalog"), ["pi1", "pi2"], ["alpha", "beta"])


@pytest.fixture
def run(catalog: Path, tmp_path: Path) -> Iterator[Run]:
    with Run(catalog, tmp_path / "var") as run:
        yield run


def status(run: Run) -> HostStatus:
    (status,) = read_statuses(status_folder(run.folder), "run1")
    return status


def test_results_are_lines_counts_and_the_answer(run: Run) -> None:
    with run.connected("pi1") as builder:
        builder.progress.result(BUILT)
        builder.progress.result(FAILED)
        answer = builder.progress.answer(drained=False)
        builder.progress.show(HostState.WAITING, "for pi2")
    assert [line.split(";")[0] for line in run.lines] == [
        "built alpha-1.0-py3-none-any.whl in 1 min 1 s",
        "failed beta 1.0 (missing-header: No yaml.h.) in 2.0 s",
    ]
    assert all("; 2 left, about " in line for line in run.lines)
    assert (answer["changed"], answer["drained"], answer["built"]) == (True, False, [BUILT.wheel])
    assert [failed["failure_class"] for failed in answer["failures"]] == ["missing-header"]
    assert (status(run).built, status(run).failed, described(status(run))) == (1, 1, "waiting for pi2")


def test_an_event_is_told_once_in_a_run(run: Run) -> None:
    for _ in range(2):
        with run.connected("pi1") as builder:
            builder.progress.event("Its clock is wrong.")
    assert run.lines == run.events() == ["Its clock is wrong."]


def test_the_last_answer_is_final_and_says_why(run: Run) -> None:
    with run.connected("pi1") as builder:
        builder.progress.show_building([Building("alpha", "1.0", "cp311", 0.0)])
        assert status(run).state is HostState.BUILDING
        answer = builder.progress.last_answer(HostState.SUSPENDED, "It cannot build.")
    assert (answer["drained"], answer["changed"], answer["msg"]) == (True, False, "pi1: It cannot build.")
    assert (status(run).state, status(run).building, status(run).final) == (HostState.SUSPENDED, [], True)


def test_words() -> None:
    assert [count_builds(1), count_builds(2)] == ["1 build", "2 builds"]
    assert described(HostStatus("(controller)", "r", HostState.READING, note="read 1 of 2 projects")).startswith(
        "read 1"
    )
    assert described(HostStatus("pi1", "r", HostState.UNREACHABLE, note="It does not answer.")) == "unreachable"


def test_metrics_are_kept_once_in_five_minutes_for_a_day(run: Run) -> None:
    with run.connected("pi1") as builder:
        progress = builder.progress
        for degrees in range(4):
            progress.show_metrics({"temperature": 60.0 + degrees, "load": [1.5, 1.0, 0.5]}, [])
            run.clock.seconds += METRICS_SLOT / 2
        progress.show_metrics({"memory_free": 1}, [])
        (kept,) = metrics_history(run.catalog.db).values()
        assert [(each.temperature, each.load) for each in kept] == [(60.0, 1.5), (62.0, 1.5)]
        run.clock.seconds += METRICS_SLOT * METRICS_SLOTS_KEPT
        progress.show_metrics({"load": [9.0, 9.0, 9.0]}, [])
        (kept,) = metrics_history(run.catalog.db).values()
        assert [(each.temperature, each.load) for each in kept] == [(None, 9.0)]


def test_the_answer_of_a_task_keeps_the_newest_of_a_run_of_days() -> None:
    total = Total()
    for number in range(3 * MOST_IN_ANSWER):
        answer: Answer = {"changed": number == 0, "drained": False, "built": [f"w{number}.whl"], "failures": []}
        total.add(answer)
        assert not total.drained
    total.add({"changed": False, "drained": True, "built": [], "failures": [], "msg": "pi1: done", "failed": True})
    answered = total.answer()
    assert total.drained
    assert (answered["changed"], answered["failed"], answered["msg"]) == (True, True, "pi1: done")
    assert len(answered["built"]) == MOST_IN_ANSWER
    assert answered["built"][-1] == f"w{3 * MOST_IN_ANSWER - 1}.whl"
