"""Sessions and the rules of a run: a run that follows upstream, one that ends at a time, and a full controller."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
from wheelfleet.control.orders import order
from wheelfleet.engine.flow import hold_flow
from wheelfleet.engine.host_status import HostStatus, read_statuses, status_folder
from wheelfleet.engine.link import LinkLost
from wheelfleet.engine.run_rules import RunRules, end_run, set_packages_due, write_rules
from wheelfleet.planner import batches

from tests.support.fake_builder import FakeBuilder, Fault, Faults, Run, queue_of
from tests.support.fleet_catalog import NOW, Fleet

PROJECTS = ("alpha", "beta", "gamma")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two builders and three builds to make."""
    return queue_of(tmp_path_factory.mktemp("catalog"), ["pi1", "pi2"], PROJECTS)


@pytest.fixture
def run(catalog: Path, tmp_path: Path) -> Iterator[Run]:
    with Run(catalog, tmp_path / "var") as run:
        yield run


@pytest.fixture
def flow(run: Run) -> Iterator[Callable[[], None]]:
    """The run follows upstream; calling it kills the flow."""
    write_rules(run.folder, RunRules("run1", follow=True))
    lock = hold_flow(run.folder)
    assert lock is not None
    held = [lock]

    def kill() -> None:
        while held:
            os.close(held.pop())

    yield kill
    kill()


class Later:
    """Does something once at a time of the run's clock."""

    def __init__(self, run: Run, seconds: float, do: Callable[[], object]) -> None:
        self.run, self.at, self.do = run, run.clock.seconds + seconds, do
        run.clock.builders.append(cast(FakeBuilder, self))

    def work(self) -> None:
        if self.at <= self.run.clock.seconds:
            self.at = float("inf")
            self.do()


def work(run: Run, host: str, faults: Faults | None = None) -> dict[str, object]:
    """All sessions of a host in a run; the last answer."""
    while not (answer := run.session(host, faults))["drained"]:
        pass
    return dict(answer)


def status(run: Run, host: str) -> HostStatus:
    (status,) = (each for each in read_statuses(status_folder(run.folder), "run1") if each.host == host)
    return status


def end(run: Run) -> None:
    end_run(run.folder, "run1", run.clock.now(), "The test ended it.")


def queue_more(run: Run, name: str, seconds: float = 10.0) -> None:
    with Fleet(run.folder) as fleet:
        fleet.queue(name, 11, seconds=seconds)


class TestFollow:
    def test_builders_wait_for_new_work_and_take_it_up(self, run: Run, flow: Callable[[], None]) -> None:
        Later(run, 600.0, lambda: queue_more(run, "delta"))
        begun_at: list[float] = []
        Later(run, 630.0, lambda: begun_at.append(run.finished()))
        Later(run, 700.0, lambda: end(run))
        work(run, "pi1")
        assert run.finished() == 4
        assert begun_at == [4], "within half a minute"
        assert run.clock.seconds < 720.0

    def test_while_they_wait_their_status_says_for_what(self, run: Run, flow: Callable[[], None]) -> None:
        seen: list[HostStatus] = []
        Later(run, 300.0, lambda: seen.append(status(run, "pi1")))
        Later(run, 310.0, lambda: end(run))
        work(run, "pi1")
        assert (seen[0].state, seen[0].note, seen[0].final) == ("waiting", "for new releases", False)
        assert status(run, "pi1").final

    def test_their_status_says_since_when_they_wait(self, run: Run, flow: Callable[[], None]) -> None:
        Later(run, 600.0, lambda: queue_more(run, "delta"))
        seen: list[float] = []
        Later(run, 590.0, lambda: seen.append(run.clock.now() - status(run, "pi1").since))
        Later(run, 900.0, lambda: seen.append(run.clock.now() - status(run, "pi1").since))
        Later(run, 910.0, lambda: end(run))
        work(run, "pi1")
        assert 500.0 < seen[0] <= 590.0
        assert 200.0 < seen[1] <= 300.0

    def test_a_pause_while_they_wait_is_said_once(self, run: Run, flow: Callable[[], None]) -> None:
        def give(verb: str) -> None:
            order(run.catalog, who="al", verb=verb, noun="builder", subject="pi1", reason="x", now=run.clock.now())

        Later(run, 300.0, lambda: give("pause"))
        Later(run, 310.0, lambda: queue_more(run, "delta"))
        built: list[int] = []
        Later(run, 600.0, lambda: built.append(run.finished()))
        Later(run, 610.0, lambda: give("resume"))
        Later(run, 700.0, lambda: end(run))
        work(run, "pi1")
        assert [line.partition(" by ")[0] for line in run.lines if "pause" in line] == [
            "is paused",
            "may work again (pause is over)",
        ]
        assert (built, run.finished()) == ([3], 4)

    def test_one_that_waits_is_idle_while_others_hold_builds(self, run: Run, flow: Callable[[], None]) -> None:
        def idle() -> bool:
            ((since,),) = run.catalog.db.execute("SELECT idle_since FROM builder WHERE host = 'pi1'").fetchall()
            return bool(since > run.clock.now() - 20.0)

        def give_to_the_other() -> None:
            queue_more(run, "delta")
            assert batches.claim(run.catalog, host="pi2", run="run1", now=run.clock.now())

        seen: list[bool] = []
        Later(run, 300.0, lambda: seen.append(idle()))
        Later(run, 310.0, give_to_the_other)
        Later(run, 330.0, lambda: seen.append(idle()))
        Later(run, 340.0, lambda: end(run))
        work(run, "pi1")
        assert seen == [False, True]

    def test_builders_end_when_the_flow_is_killed(self, run: Run, flow: Callable[[], None]) -> None:
        Later(run, 100.0, flow)
        work(run, "pi1")
        assert run.clock.seconds < 120.0

    def test_a_builder_that_starts_again_gets_work_again(self, run: Run, flow: Callable[[], None]) -> None:
        def lost() -> None:
            if run.clock.seconds < 900.0:
                raise LinkLost("It does not answer.")

        Later(run, 1000.0, lambda: queue_more(run, "delta"))
        Later(run, 1500.0, lambda: end(run))
        answer = work(run, "pi1", Faults([Fault("link", 4, "before", lost, lasting=True)]))
        assert "unreachable" not in answer
        assert run.finished() == 4
        assert "It answers again and gets work." in run.events()
        run.check()

    def test_its_builds_go_to_the_others_meanwhile(self, run: Run, flow: Callable[[], None]) -> None:
        def lost() -> None:
            raise LinkLost("It does not answer.")

        held: list[int] = []
        Later(run, 60.0, lambda: held.append(len(batches.open_attempts(run.catalog, "pi1"))))
        Later(run, 600.0, lambda: end(run))
        answer = work(run, "pi1", Faults([Fault("link", 4, "before", lost, lasting=True)]))
        assert held == [0]
        assert answer["unreachable"], "at the end of the run it is a lost builder"

    def test_no_run_waits_for_a_lost_builder_at_its_end(self, run: Run, flow: Callable[[], None]) -> None:
        def lost() -> None:
            raise LinkLost("It does not answer.")

        ended: list[float] = []
        Later(run, 2000.0, lambda: (end(run), ended.append(run.clock.seconds)))
        work(run, "pi1", Faults([Fault("link", 4, "before", lost, lasting=True)]))
        assert run.clock.seconds <= ended[0] + 10.0

    def test_a_lost_builder_ends_when_the_flow_is_killed(self, run: Run, flow: Callable[[], None]) -> None:
        def lost() -> None:
            raise LinkLost("It does not answer.")

        Later(run, 60.0, flow)
        answer = work(run, "pi1", Faults([Fault("link", 4, "before", lost, lasting=True)]))
        assert answer["unreachable"]
        offered = run.catalog.db.execute("SELECT 1 FROM builder_target WHERE host = 'pi1'").fetchall()
        assert offered == [], "the others do not wait for its targets"

    def test_a_suspended_builder_is_tried_again_for_ever(self, run: Run, flow: Callable[[], None]) -> None:
        run.builders["pi1"].broken = True

        def mend() -> None:
            run.builders["pi1"].broken = False

        Later(run, 2000.0, mend)
        Later(run, 3500.0, lambda: end(run))
        answer = work(run, "pi1")
        assert "failed" not in answer
        assert "It built its canary and gets work again." in run.events()
        run.check()


class TestEnd:
    def test_what_cannot_end_in_time_is_not_begun(self, run: Run) -> None:
        queue_more(run, "long", seconds=1000.0)
        write_rules(run.folder, RunRules("run1", end_at=NOW + 300.0, why="It may take 5 minutes."))
        work(run, "pi1")
        names = {row["name"] for row in run.catalog.db.execute("SELECT name FROM project WHERE name <> 'long'")}
        assert run.finished() == len(names)
        assert run.clock.seconds < 60.0, "it does not wait for the end"

    def test_unbegun_builds_go_back_and_a_begun_one_stays(self, run: Run) -> None:
        run.builders["pi1"].seconds = 500.0
        write_rules(run.folder, RunRules("run1", end_at=NOW + 100.0))
        answer = work(run, "pi1")
        assert 100.0 <= run.clock.seconds < 110.0
        assert "failed" not in answer
        (held,) = run.catalog.db.execute(
            "SELECT a.begun_at, b.lease_until FROM attempt a JOIN batch b ON b.id = a.batch_id WHERE a.state = 'open'"
        ).fetchall()
        assert held["begun_at"] is not None
        assert held["lease_until"] > NOW + 24 * 3600.0, "the next run may be tomorrow's"
        assert run.builders["pi1"].inbox == {}

    def test_the_next_run_takes_in_what_went_on(self, run: Run) -> None:
        run.builders["pi1"].seconds = 500.0
        write_rules(run.folder, RunRules("run1", end_at=NOW + 100.0))
        work(run, "pi1")
        write_rules(run.folder, RunRules("run2"))
        run.clock.sleep(12 * 3600.0 / 10)
        run.builders["pi1"].seconds = 0.3
        run.next_run()
        run.check()
        assert run.finished() == len(PROJECTS), "nothing is built twice"

    def test_a_build_turns_out_slower_and_the_others_go_back(self, run: Run) -> None:
        for builder in run.builders.values():
            builder.seconds = 30.0
        write_rules(run.folder, RunRules("run1", end_at=NOW + 45.0))
        work(run, "pi1")
        assert 30.0 <= run.clock.seconds < 60.0
        assert queue_left(run) >= 1

    def test_a_link_lost_at_the_end_leaves_the_builds_with_their_builder(self, run: Run) -> None:
        def lost() -> None:
            if run.clock.seconds >= 100.0:
                raise LinkLost("It does not answer.")

        run.builders["pi1"].seconds = 500.0
        write_rules(run.folder, RunRules("run1", end_at=NOW + 100.0))
        assert work(run, "pi1", Faults([Fault("link", 1, "before", lost, lasting=True)]))["unreachable"]
        assert batches.open_attempts(run.catalog, "pi1"), "it may be well, and builds on"

    def test_a_silent_builder_does_not_prolong_the_run(self, run: Run) -> None:
        write_rules(run.folder, RunRules("run1", end_at=NOW + 60.0))

        def silent() -> None:
            for _ in range(20):
                run.clock.sleep(30.0)
                run.links["pi1"].silent(30.0)

        answer = work(run, "pi1", Faults([Fault("poll", 3, "before", silent)]))
        assert answer["unreachable"]
        assert run.clock.seconds <= 91.0


def queue_left(run: Run) -> int:
    (left,) = run.catalog.db.execute("SELECT count(*) FROM release_target WHERE need = 'now'").fetchone()
    return int(left)


class TestPackages:
    """Builders leave for packages that builds miss, while builds go on."""

    def work(self, run: Run, host: str, **changes: object) -> dict[str, object]:
        while not (answer := run.session(host, **changes))["drained"]:
            pass
        return dict(answer)

    def test_a_begun_build_goes_on_and_the_next_session_takes_it_in(self, run: Run) -> None:
        run.builders["pi1"].seconds = 500.0
        Later(run, 100.0, lambda: set_packages_due(run.folder, "run1", True))
        answer = self.work(run, "pi1", leave_for_packages=True)
        assert 100.0 <= run.clock.seconds < 110.0
        assert answer["left"] and "failed" not in answer
        assert run.builders["pi1"].inbox == {}, "what had not begun went back"
        assert "Missing packages are installed while it goes on with 1 build." in run.events()
        set_packages_due(run.folder, "run1", False)
        answer = self.work(run, "pi1", leave_for_packages=True)
        assert run.finished() == len(PROJECTS)
        assert "left" not in answer
        run.check()

    def test_a_builder_that_waits_for_others_leaves_at_once(self, run: Run) -> None:
        with Fleet(run.folder) as fleet:
            fleet.claim("pi2")
        Later(run, 100.0, lambda: set_packages_due(run.folder, "run1", True))
        assert self.work(run, "pi1", leave_for_packages=True)["left"]
        assert run.clock.seconds < 120.0

    def test_the_last_play_of_a_run_sees_everything_through(self, run: Run) -> None:
        run.builders["pi1"].seconds = 500.0
        set_packages_due(run.folder, "run1", True)
        assert "left" not in self.work(run, "pi1")
        assert run.finished() == len(PROJECTS)


class TestRoom:
    """The controller's disk is full, and nothing is handed out."""

    FULL = 1 << 60

    def test_a_run_with_nobody_at_work_ends_and_says_why(self, run: Run) -> None:
        write_rules(run.folder, RunRules("run1", min_free=self.FULL))
        answer = work(run, "pi1")
        assert run.finished() == 0
        assert answer["failed"]
        assert "controller_min_free" in str(answer["msg"])
        assert sum("controller_min_free" in line for line in run.lines) == 1, "it is said once"

    def test_without_work_nobody_minds(self, run: Run) -> None:
        work(run, "pi1")
        write_rules(run.folder, RunRules("run1", min_free=self.FULL))
        assert "failed" not in work(run, "pi1")

    def test_it_goes_on_by_itself_when_there_is_room(self, run: Run, flow: Callable[[], None]) -> None:
        write_rules(run.folder, RunRules("run1", follow=True, min_free=self.FULL))
        seen: list[HostStatus] = []
        Later(run, 300.0, lambda: seen.append(status(run, "pi1")))
        Later(run, 310.0, lambda: write_rules(run.folder, RunRules("run1", follow=True, min_free=1)))
        Later(run, 400.0, lambda: end(run))
        work(run, "pi1")
        assert run.finished() == len(PROJECTS)
        assert "for room" in seen[0].note
        assert (seen[0].left, seen[0].counted_at > 0) == (len(PROJECTS), True), "a new session counts what is left"
        (event,) = run.catalog.db.execute("SELECT host, sentence FROM event").fetchall()
        assert event["host"] == "controller"
