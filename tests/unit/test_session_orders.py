"""Operators' orders reach a session at every moment, and no build is lost or made twice by it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.catalog import controls
from wheelfleet.catalog.database import Catalog
from wheelfleet.control import orders
from wheelfleet.control.rule import BadOrder
from wheelfleet.engine.link import LinkLost
from wheelfleet.planner import batches, queue
from wheelfleet.planner.carry_out import carry_out
from wheelfleet.planner.inputs import PlanInputs

from tests.support.fake_builder import Fault, Faults, Killed, Run, queue_of
from tests.support.fleet_catalog import MAX_ATTEMPTS
from tests.unit.test_engine_session import LINK_STEPS

PROJECTS = ("alpha", "beta", "gamma")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two builders and three builds to make. It is made once and copied, because that takes longer than a test."""
    path = queue_of(tmp_path_factory.mktemp("catalog"), ["pi1", "pi2"], PROJECTS)
    with Catalog(path) as made, made.writing() as db:
        PlanInputs(PROJECTS, [], False, "1", {"max_attempts": MAX_ATTEMPTS}).remember(db)
        db.execute("UPDATE project SET in_scope = 1, state = 'present', judged = 1")
    return path


@pytest.fixture
def run(catalog: Path, tmp_path: Path) -> Iterator[Run]:
    with Run(catalog, tmp_path / "var") as run:
        yield run


def give(run: Run, verb: str, subject: str, noun: str = "builder", **more: Any) -> orders.Order:
    """An order as from the operator's terminal."""
    return orders.order(
        run.catalog,
        who="alice",
        verb=verb,
        noun=noun,
        subject=subject,
        reason="new SD card",
        run="run1",
        now=run.clock.now(),
        **more,
    )


def at(step: int, do: Callable[[], object], kind: str = "link") -> Fault:
    return Fault(kind, step, "after", lambda: do() and None)


def status(run: Run, host: str = "pi1") -> dict[str, Any]:
    """The status file of a host."""
    found: dict[str, Any] = json.loads((run.folder / "run" / "status" / f"{host}.json").read_text())
    return found


def drained(run: Run, host: str, faults: Faults | None = None) -> dict[str, Any]:
    """Sessions with a host until it is drained; the last answer."""
    while not (answer := run.session(host, faults))["drained"]:
        pass
    return dict(answer)


@pytest.mark.parametrize("number", range(1, LINK_STEPS + 1))
class TestAtEachStepOfTheLink:
    """The order comes between any two steps."""

    @pytest.mark.parametrize("verb", ["pause", "drain"])
    def test_a_held_builder_ends_what_it_began_and_others_do_the_rest(self, run: Run, number: int, verb: str) -> None:
        drained(run, "pi1", Faults([at(number, lambda: give(run, verb, "pi1"))]))
        assert batches.open_attempts(run.catalog, "pi1") == {}
        assert run.builders["pi1"].inbox == {}
        run.drain("pi2")
        run.check()
        assert run.finished() == len(PROJECTS), "nothing is built twice"

    def test_a_builder_that_is_resumed_goes_on(self, run: Run, number: int) -> None:
        faults = Faults([at(number, lambda: give(run, "pause", "pi1"))])
        faults.faults.append(Fault("link", number + 3, "before", lambda: give(run, "resume", "pi1") and None))
        drained(run, "pi1", faults)
        run.drain()
        run.check()
        assert run.finished() == len(PROJECTS)


@pytest.mark.parametrize("number", range(1, LINK_STEPS + 1))
def test_a_build_is_stopped_after_each_step_of_the_link(run: Run, number: int) -> None:
    """Whatever goes on then is stopped, or ends by itself; nothing is built twice, and the order ends."""
    run.builders["pi1"].seconds = 2.0
    faults = Faults([at(number, lambda: stop_all(run))])
    drained(run, "pi1", faults)
    run.drain()
    stopped = [row["id"] for row in failures(run)]
    assert controls.in_force(run.catalog.db, ["stop"]) == []
    assert run.finished() + len(stopped) == len(PROJECTS), "it is not tried again by itself"
    assert [row["failure_class"] for row in failures(run)] == ["stopped"] * len(stopped)
    assert queue.progress(run.catalog, "run1").left == 0


def stop_all(run: Run) -> None:
    """Stop what is seen going on."""
    for attempt in batches.begun(run.catalog, "pi1"):
        give(run, "stop", attempt, "build")


def failures(run: Run) -> list[Any]:
    return run.catalog.db.execute("SELECT * FROM attempt WHERE outcome = 'failed' ORDER BY id").fetchall()


def begins_long(run: Run) -> str:
    """A session in which the first build begins and the controller is killed; the attempt."""
    run.builders["pi1"].seconds = 1000.0
    with pytest.raises(Killed):
        run.session("pi1", Faults([Fault("poll", 5, "after", killed)]))
    (attempt,) = batches.begun(run.catalog, "pi1")
    return attempt


def killed() -> None:
    raise Killed


def test_a_stopped_build_says_who_and_why_and_is_tried_when_ordered(run: Run) -> None:
    attempt = begins_long(run)
    given = give(run, "stop", attempt, "build")
    began = run.clock.seconds

    def quick() -> None:
        run.builders["pi1"].work()
        run.builders["pi1"].seconds = 0.3

    run.drain("pi1", faults=Faults([Fault("stop", 1, "after", quick)]))
    (row,) = failures(run)
    assert (row["id"], row["failure_class"], row["blocks"]) == (attempt, "stopped", "target")
    assert row["sentence"] == "alice stopped it: new SD card."
    assert run.clock.seconds - began < 10, "nobody waited for it"
    assert controls.latest(run.catalog.db, ["stop"], attempt) == replace(
        controls.Control(**{f.name: getattr(given, f.name) for f in fields(controls.Control)}),
        done_at=pytest.approx(run.clock.now(), abs=10),
        answer="It was stopped.",
    )
    assert run.builders["pi1"].finished.count(attempt) == 0
    for word in (attempt, attempt.partition("-")[0]):
        assert orders.expand(run.catalog, verb="stop", noun="build", word=word) == [attempt]
    again = give(run, "stop", attempt, "build")
    assert (again.changed, again.sentence) == (False, "It was stopped.")
    assert run.catalog.db.execute("SELECT failures FROM builder WHERE host = 'pi1'").fetchone()[0] == 0
    with run.catalog.writing() as db:
        assert queue.retry_failures(db, ["stopped"], 5) == 1
    run.drain()
    run.check()


def test_a_stopped_build_of_a_lost_builder_is_not_tried_elsewhere(run: Run) -> None:
    attempt = begins_long(run)
    give(run, "stop", attempt, "build")

    def lost() -> None:
        raise LinkLost("It does not answer.")

    assert run.session("pi1", Faults([Fault("link", 1, "before", lost, lasting=True)]))["unreachable"]
    run.drain("pi2")
    (row,) = failures(run)
    assert (row["id"], row["failure_class"], row["sentence"]) == (attempt, "stopped", "alice stopped it: new SD card.")
    assert controls.in_force(run.catalog.db, ["stop"]) == []
    others = {each.partition("-")[0] for each in run.builders["pi2"].finished}
    assert others == set(PROJECTS) - {attempt.partition("-")[0]}


def test_a_stop_survives_a_worker_that_died(run: Run) -> None:
    attempt = begins_long(run)
    give(run, "stop", attempt, "build")
    run.builders["pi1"].crash()
    run.builders["pi1"].seconds = 0.3
    run.drain()
    assert [row["id"] for row in failures(run)] == [attempt]


def test_a_builder_cannot_say_by_itself_that_an_operator_stopped_it(run: Run) -> None:
    attempt = begins_long(run)
    run.builders["pi1"].stop = {attempt}
    run.builders["pi1"].seconds = 0.3
    run.drain()
    assert [row["failure_class"] for row in failures(run)] == ["killed"]
    assert run.catalog.db.execute("SELECT count(*) FROM wheel").fetchone()[0] == len(PROJECTS), "it was tried again"


def test_a_paused_builder_begins_nothing_new(run: Run) -> None:
    run.builders["pi1"].seconds = 100.0
    answer = drained(run, "pi1", Faults([at(1, lambda: give(run, "pause", "pi1"), "hand_over")]))
    assert len(run.builders["pi1"].finished) == 1, "the running build went on"
    assert answer["msg"] == "pi1: paused by alice since 2027-01-15 08:00 UTC: new SD card"
    assert not answer.get("failed", False)
    assert (status(run)["state"], status(run)["final"]) == ("paused", True)
    assert status(run)["note"] == "by alice since 2027-01-15 08:00 UTC: new SD card"
    assert "is paused by alice since 2027-01-15 08:00 UTC: new SD card; it begins nothing new" in run.lines
    assert run.events() == [
        "It was paused by alice: new SD card.",
        "1 build it had not begun went back to the queue.",
    ]
    run.drain("pi2")
    run.check()


def test_a_paused_builder_shows_what_it_still_builds(run: Run) -> None:
    run.builders["pi1"].seconds = 100.0
    seen: list[tuple[str, str]] = []

    def look() -> None:
        told = status(run)
        seen.extend((told["state"], build["name"]) for build in told["building"])

    faults = Faults([at(1, lambda: give(run, "drain", "pi1"), "hand_over"), Fault("poll", 5, "after", look)])
    run.session("pi1", faults)
    assert seen == [("draining", "alpha")]


def test_an_order_before_the_run_is_obeyed_by_it(run: Run) -> None:
    give(run, "pause", "pi1")
    assert drained(run, "pi1")["msg"].startswith("pi1: paused by alice")
    assert run.builders["pi1"].finished == []
    give(run, "resume", "pi1")
    run.drain("pi1")
    run.check()
    assert len(run.builders["pi1"].finished) == len(PROJECTS)


def test_the_operator_is_told_once_when_a_drained_builder_is_empty(run: Run) -> None:
    run.builders["pi1"].seconds = 100.0
    drained(run, "pi1", Faults([at(1, lambda: give(run, "drain", "pi1"), "hand_over")]))
    drained(run, "pi1")
    empty = "Nothing is built on it any more; it may be switched off."
    assert run.events().count(empty) == 1
    assert any(line.startswith("is drained after ") for line in run.lines)
    (drain,) = controls.in_force(run.catalog.db, ["drain"])
    assert drain.answer == empty
    assert status(run)["state"] == "drained"


def test_a_drained_builder_may_be_switched_off_while_others_work(run: Run) -> None:
    """It is asked nothing any more, so its silence is no trouble."""
    give(run, "drain", "pi1")
    others = batches.claim(run.catalog, host="pi2", run="run1", now=run.clock.now())
    assert others is not None
    began = run.clock.seconds

    def off() -> None:
        raise LinkLost("It does not answer.")

    def ended() -> None:
        batches.return_unstarted(run.catalog, [build.attempt for build in others.builds], 5)

    faults = Faults([Fault("link", 3, "before", off, lasting=True)])
    sleep = run.clock.sleep

    def later(seconds: float) -> None:
        sleep(seconds)
        if run.clock.seconds - began > 300:
            ended()

    run.clock.sleep = later  # type: ignore[method-assign]
    answer = run.session("pi1", faults)
    assert answer["drained"]
    assert not answer.get("unreachable", False)
    assert run.clock.seconds - began > 300, "it could have been resumed all the time"


def test_a_builder_that_others_wait_for_is_resumed_during_the_run(run: Run) -> None:
    give(run, "pause", "pi1")
    others = batches.claim(run.catalog, host="pi2", run="run1", now=run.clock.now())
    assert others is not None
    sleep, told = run.clock.sleep, [False]

    def later(seconds: float) -> None:
        sleep(seconds)
        if run.clock.seconds > 60 and not told[0]:
            told[0] = True
            give(run, "resume", "pi1")
            batches.return_unstarted(run.catalog, [build.attempt for build in others.builds], 5)

    run.clock.sleep = later  # type: ignore[method-assign]
    drained(run, "pi1")
    run.check()
    assert len(run.builders["pi1"].finished) == len(PROJECTS)
    assert "may work again (pause is over)" in run.lines


def test_a_pause_ends_when_its_time_is_over(run: Run) -> None:
    give(run, "pause", "pi1", until=run.clock.now() + 4)
    run.drain("pi1")
    run.check()
    assert len(run.builders["pi1"].finished) == len(PROJECTS)


def test_a_suspended_builder_that_is_paused_builds_no_canary(run: Run) -> None:
    with run.catalog.writing() as db:
        db.execute("UPDATE builder SET suspended = 'It cannot build.' WHERE host = 'pi1'")
    give(run, "pause", "pi1")
    assert drained(run, "pi1")["msg"].startswith("pi1: paused by alice")
    assert run.builders["pi1"].finished == []


def test_a_held_builder_builds_no_sample_again(run: Run) -> None:
    run.drain("pi2")
    give(run, "pause", "pi1")
    answer = run.session("pi1", rebuild_percent=100)
    assert answer["msg"].startswith("pi1: paused by alice since")
    assert run.builders["pi1"].finished == []
    give(run, "resume", "pi1")
    run.session("pi1", rebuild_percent=100)
    assert run.builders["pi1"].finished != []


def test_a_worker_that_died_builds_only_what_it_had_begun(run: Run) -> None:
    builder = run.builders["pi1"]
    builder.seconds = 100.0
    drained(run, "pi1", Faults([at(5, lambda: (give(run, "pause", "pi1"), builder.crash()), "poll")]))
    assert len(builder.finished) == 1
    run.drain("pi2")
    run.check()


# ------------------------------------------------------------------------------------------------------ releases


@pytest.mark.parametrize("number", range(1, LINK_STEPS + 1))
def test_what_is_skipped_is_not_begun_and_is_built_after_unskip(run: Run, number: int) -> None:
    began: set[str] = set()

    def skip() -> None:
        builder = run.builders["pi1"]
        began.update(attempt.partition("-")[0] for attempt in (*builder.building, *builder.outbox, *builder.finished))
        give(run, "skip", "gamma", "project")

    drained(run, "pi1", Faults([at(number, skip)]))
    run.drain("pi2")
    projects = {name.partition("-")[0] for builder in run.builders.values() for name in builder.finished}
    # What is seen in the inbox may begin before the next poll.
    assert projects >= {"alpha", "beta"}
    assert "gamma" in projects or "gamma" not in began
    assert queue.progress(run.catalog, "run1").left == 0
    assert reason(run, "gamma") == "skipped by alice: new SD card"
    give(run, "unskip", "gamma", "project")
    run.drain()
    run.check()
    assert run.finished() == len(PROJECTS)


def reason(run: Run, project: str) -> str:
    row = run.catalog.db.execute(
        """
        SELECT w.reason FROM release_target w JOIN release r ON r.id = w.release_id
        JOIN project p ON p.id = r.project_id WHERE p.name = ?
        """,
        (project,),
    ).fetchone()
    return str(row["reason"])


def test_what_is_skipped_before_a_run_waits_on_no_builder(run: Run) -> None:
    give(run, "skip", "gamma==1.0", "build")
    run.drain()
    assert {name.partition("-")[0] for name in run.builders["pi1"].finished} == {"alpha", "beta"}
    (skip,) = orders.skips(run.catalog.db)
    assert skip.answer == "It is not built."


def test_a_skip_ends_when_its_time_is_over(run: Run) -> None:
    give(run, "skip", "gamma", "project", until=run.clock.now() + 3600)
    run.drain()
    assert run.finished() == 2
    run.clock.sleep(3600)
    run.drain()
    run.check()


def test_a_skip_is_about_one_target_if_it_says_so(run: Run) -> None:
    give(run, "skip", "gamma", "project", target="cp39")
    run.drain()
    run.check()


def put_first(run: Run) -> int:
    """The number of releases and targets that are put first."""
    (count,) = run.catalog.db.execute("SELECT count(put_first_at) FROM release_target").fetchone()
    return int(count)


def test_what_is_put_first_is_built_first(run: Run) -> None:
    run.builders["pi1"].seconds = 100.0
    give(run, "first", "gamma", "project")
    run.drain("pi1")
    assert run.builders["pi1"].finished[0].startswith("gamma-")


def test_a_first_ends_when_its_time_is_over(run: Run) -> None:
    give(run, "first", "gamma", "project", until=run.clock.now() + 60)
    carry_out(run.catalog, run.clock.now())
    assert put_first(run) == 1
    orders.end_overdue(run.catalog, run.clock.now() + 60)
    assert put_first(run) == 0


def test_what_failed_is_tried_again_when_it_is_put_first(run: Run) -> None:
    for builder in run.builders.values():
        builder.fails = frozenset({"beta"})
    run.drain()
    assert [row["id"].partition("-")[0] for row in failures(run)] == ["beta"]
    for builder in run.builders.values():
        builder.fails = frozenset()
    give(run, "first", "beta", "project")
    assert [each.subject for each in orders.firsts(run.catalog.db)] == ["beta"]
    run.drain()
    run.check()
    assert orders.firsts(run.catalog.db) == []
    assert controls.newest(run.catalog.db, 1)[0].answer == "Nothing of it is left to build."
    assert put_first(run) == 0, "it is not put first for ever"
    with pytest.raises(BadOrder, match="beta is built already"):
        give(run, "first", "beta", "project")
