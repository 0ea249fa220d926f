"""The flow: when the controller publishes and asks upstream while builders build, and when a run that follows ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from wheelfleet.engine.context import Clock
from wheelfleet.engine.flow import (
    BUSY_RUN,
    FEW,
    LOOK_FOR_PACKAGES,
    SHORTEST_RUN,
    Flow,
    FlowOptions,
    Step,
    StepEnd,
    flow_lives,
    flow_process,
    hold_flow,
    waits_for_work,
)
from wheelfleet.engine.run_rules import RunRules, end_run, read_rules, write_rules

MODULE_UTILS = Path(__file__).resolve().parents[2] / "module_utils"
MINUTE, HOUR = 60.0, 3600.0


@dataclass
class FakeWorld:
    """A world in which each step takes a time of the fake clock."""

    seconds: float = 0.0
    takes: dict[Step, float] = field(default_factory=lambda: {"publish": 0.1, "delta": 3.0})
    changed: int = 0
    #: Of these, those that the publication that goes on has seen.
    seen: int = 0
    #: Projects that stay as they are, whatever is published.
    stuck: int = 0
    #: Whether pages about many projects wait.
    overviews: bool = False
    #: Whether packages that builds miss may be installed, and whether all builds that are left have begun.
    packages: bool = False
    all_begun: bool = False
    #: When builders were to leave for packages.
    left_at: list[float] = field(default_factory=list)
    answers: list[StepEnd] = field(default_factory=list)
    begun: list[tuple[Step, float]] = field(default_factory=list)
    stopped: list[Step] = field(default_factory=list)
    going_on: dict[Step, float] = field(default_factory=dict)
    lives: bool = True
    files: str = "as they were"
    now_rules: RunRules = field(default_factory=RunRules)
    notes: list[str] = field(default_factory=list)
    told: list[float] = field(default_factory=list)

    def run_lives(self) -> bool:
        return self.lives

    def rules(self) -> RunRules:
        return self.now_rules

    def waiting(self, most: int) -> int:
        return min(self.changed + self.stuck, most)

    def overviews_wait(self) -> bool:
        return self.overviews

    def begin(self, step: Step) -> None:
        assert step not in self.going_on, "a step never goes on twice"
        self.begun.append((step, self.seconds))
        self.going_on[step] = self.seconds + self.takes[step]
        if step == "publish":
            self.seen = self.changed

    def ended(self) -> list[StepEnd]:
        done = [step for step, until in self.going_on.items() if until <= self.seconds]
        ends = []
        for step in done:
            del self.going_on[step]
            if step == "publish":
                self.changed -= self.seen
                self.overviews = False
                ends.append(StepEnd(step, {"projects": self.seen, "files": self.seen, "left": self.stuck}))
            else:
                ends.append(self.answers.pop(0) if self.answers else StepEnd(step))
        return ends

    def stop(self, step: Step) -> None:
        del self.going_on[step]
        self.stopped.append(step)

    def inputs(self) -> str:
        return self.files

    def packages_wait(self) -> bool:
        return self.packages

    def nothing_to_begin(self) -> bool:
        return self.all_begun

    def leave_for_packages(self) -> None:
        self.now_rules = replace(self.now_rules, packages_due=True)
        self.left_at.append(self.seconds)

    def end_run(self, why: str) -> None:
        self.now_rules = replace(self.now_rules, end_at=self.seconds, why=why)

    def say(self, line: str) -> None:
        pass

    def note(self, sentence: str) -> None:
        self.notes.append(sentence)

    def show(self, note: str) -> None:
        pass

    def tell_operators(self) -> None:
        self.told.append(self.seconds)

    # --------------------------------------------------------------------- tests

    def flow(self, **options: object) -> Flow:
        clock = Clock(lambda: self.seconds, lambda: self.seconds, self.sleep)
        return Flow(FlowOptions("r", **options), self, clock)  # type: ignore[arg-type]

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def let(self, flow: Flow, seconds: float) -> None:
        until = self.seconds + seconds
        while self.seconds < until:
            assert flow.turn()
            self.sleep(1.0)

    def times(self, step: Step) -> list[float]:
        return [at for which, at in self.begun if which == step]


@pytest.fixture
def world() -> FakeWorld:
    return FakeWorld()


class TestPublication:
    def test_nothing_is_published_while_nothing_changes(self, world: FakeWorld) -> None:
        world.let(world.flow(), HOUR)
        assert world.begun == []

    def test_a_few_wheels_are_published_at_once(self, world: FakeWorld) -> None:
        flow = world.flow()
        world.let(flow, 10 * MINUTE + 30)
        world.changed, since = 3, world.seconds
        world.let(flow, 5.0)
        assert world.times("publish") == [since]

    def test_pages_about_many_projects_wait_for_the_interval_at_most(self, world: FakeWorld) -> None:
        flow = world.flow()
        world.let(flow, 20.0)
        world.overviews = True
        world.let(flow, 3 * MINUTE)
        assert world.times("publish") == [60.0]

    def test_a_wheel_that_comes_during_a_publication_is_in_the_next(self, world: FakeWorld) -> None:
        world.takes["publish"] = 2.0
        flow = world.flow(publish_interval=600.0)
        world.let(flow, MINUTE)
        world.changed, since = 1, world.seconds
        world.let(flow, 1.0)
        world.changed += 1
        world.let(flow, MINUTE)
        assert world.times("publish") == [since, pytest.approx(since + 20.0, abs=2.0)]

    def test_many_changes_wait_for_the_interval(self, world: FakeWorld) -> None:
        flow = world.flow(publish_interval=60.0)
        world.changed = FEW + 1
        world.let(flow, 59.0)
        assert world.begun == []
        world.let(flow, 3.0)
        assert world.times("publish") == [60.0]

    def test_a_steady_stream_is_published_each_interval(self, world: FakeWorld) -> None:
        flow = world.flow(publish_interval=60.0)
        for _ in range(int(HOUR)):
            world.changed += 2 * FEW
            world.let(flow, 1.0)
        pauses = [later - at for at, later in zip(world.times("publish"), world.times("publish")[1:])]
        assert max(pauses) <= 62.0

    def test_slow_publications_take_a_small_part_of_the_time(self, world: FakeWorld) -> None:
        world.takes["publish"] = 5.0
        flow = world.flow(publish_interval=60.0)
        for _ in range(int(HOUR)):
            world.changed += 1
            world.let(flow, 1.0)
        assert 0.05 < len(world.times("publish")) * 5.0 / HOUR < 0.12

    def test_what_cannot_be_published_is_tried_each_interval_only(self, world: FakeWorld) -> None:
        world.stuck = 2
        flow = world.flow(publish_interval=60.0)
        world.let(flow, 10 * MINUTE)
        assert len(world.times("publish")) <= 11
        world.changed, since = 1, world.seconds
        world.let(flow, 3.0)
        assert world.times("publish")[-1] - since <= 3.0, "a new one is not held up by it"

    def test_a_long_reading_of_upstream_holds_up_no_wheel(self, world: FakeWorld) -> None:
        world.takes["delta"] = HOUR
        flow = world.flow(follow=True)
        world.let(flow, 10 * MINUTE)
        world.changed, since = 1, world.seconds
        world.let(flow, 5.0)
        assert "delta" in world.going_on
        assert world.times("publish") == [since]

    def test_a_part_of_a_run_that_does_not_publish(self, world: FakeWorld) -> None:
        world.changed = 5
        world.let(world.flow(publishes=False), HOUR)
        assert world.begun == []


class TestFollow:
    def test_upstream_is_asked_each_interval(self, world: FakeWorld) -> None:
        world.let(world.flow(follow=True, follow_interval=300.0), HOUR)
        assert world.times("delta")[:3] == [300.0, 600.0, 900.0]

    @pytest.mark.parametrize(
        ("answer", "pause"),
        [
            ({"asked": 5}, 20.0),
            ({"asked": 150}, 50.0),
            ({"asked": 10_000}, 300.0),
            ({"asked": 5, "everything": True}, 300.0),
        ],
    )
    def test_without_an_interval_it_follows_from_what_is_asked(
        self, world: FakeWorld, answer: dict[str, object], pause: float
    ) -> None:
        world.answers = [StepEnd("delta", answer), StepEnd("delta", trouble="No answer."), StepEnd("delta", answer)]
        world.let(world.flow(follow=True), 15 * MINUTE)
        assert world.times("delta")[:3] == [20.0, 20.0 + pause, 20.0 + 2 * pause]

    def test_a_run_that_does_not_follow_asks_no_more(self, world: FakeWorld) -> None:
        world.let(world.flow(), HOUR)
        assert world.times("delta") == []

    def test_trouble_with_upstream_is_told_and_it_is_asked_again(self, world: FakeWorld) -> None:
        world.answers = [StepEnd("delta", trouble="Upstream does not answer.")]
        world.let(world.flow(follow=True, follow_interval=300.0), 11 * MINUTE)
        assert world.notes == ["Upstream does not answer."]
        assert len(world.times("delta")) == 2

    def test_what_the_run_left_unread_is_read_at_once(self, world: FakeWorld) -> None:
        world.answers = [StepEnd("delta", {"unread": 9}), StepEnd("delta", {"unread": 2}), StepEnd("delta")]
        world.let(world.flow(unread=True), HOUR)
        assert len(world.times("delta")) == 3
        assert world.times("delta")[-1] < MINUTE

    def test_it_ends_after_its_hours(self, world: FakeWorld) -> None:
        world.let(world.flow(follow=True, follow_seconds=2 * HOUR), 3 * HOUR)
        assert world.now_rules.end_at == 2 * HOUR
        assert "2 h" in world.now_rules.why
        assert len(world.notes) == 1
        assert "begin the next" in world.notes[0]
        assert max(world.times("delta")) <= 2 * HOUR

    def test_without_an_end_it_goes_on(self, world: FakeWorld) -> None:
        world.let(world.flow(follow=True, follow_seconds=0.0), 25 * HOUR)
        assert world.now_rules.end_at is None

    def test_a_changed_inventory_ends_it_once_it_is_saved(self, world: FakeWorld) -> None:
        flow = world.flow(follow=True)
        world.let(flow, MINUTE)
        for _ in range(30):
            world.files += " edited"
            world.let(flow, 9.0)
        assert world.now_rules.end_at is None, "the operator still edits"
        world.let(flow, 30.0)
        assert "inventory" in world.now_rules.why

    def test_an_edit_that_is_taken_back_changes_nothing(self, world: FakeWorld) -> None:
        flow = world.flow(follow=True)
        world.files = "an edit"
        world.let(flow, 10.0)
        world.files = "as they were"
        world.let(flow, HOUR)
        assert world.now_rules.end_at is None

    def test_a_new_line_to_resolve_ends_it_but_not_too_soon(self, world: FakeWorld) -> None:
        def asked(*unresolved: str) -> StepEnd:
            return StepEnd("delta", {"unresolved": list(unresolved)})

        world.answers = [asked("old"), *[asked("old", "new")] * 99]
        flow = world.flow(follow=True, follow_interval=60.0)
        world.let(flow, SHORTEST_RUN - 10)
        assert world.now_rules.end_at is None
        world.let(flow, 2 * MINUTE)
        assert "requirements file" in world.now_rules.why

    def test_what_was_unresolved_at_the_beginning_is_no_news(self, world: FakeWorld) -> None:
        world.answers = [StepEnd("delta", {"unresolved": ["old"]})] * 99
        world.let(world.flow(follow=True, follow_interval=60.0), HOUR)
        assert world.now_rules.end_at is None

    def test_packages_that_builds_miss_end_it_once_it_is_idle(self, world: FakeWorld) -> None:
        flow = world.flow(follow=True)
        world.packages = True
        world.let(flow, 30 * MINUTE)
        assert world.now_rules.end_at is None, "builders still have something to begin"
        world.all_begun = True
        world.let(flow, LOOK_FOR_PACKAGES + 1)
        assert "packages" in world.now_rules.why

    def test_packages_that_builds_miss_end_a_busy_run_after_an_hour(self, world: FakeWorld) -> None:
        world.packages = True
        world.let(world.flow(follow=True), 2 * HOUR)
        assert world.now_rules.end_at is not None
        assert BUSY_RUN <= world.now_rules.end_at <= BUSY_RUN + LOOK_FOR_PACKAGES

    def test_packages_that_builds_miss_end_no_run_that_has_just_begun(self, world: FakeWorld) -> None:
        world.packages = world.all_begun = True
        world.let(world.flow(follow=True), SHORTEST_RUN - 1)
        assert world.now_rules.end_at is None

    def test_in_another_run_builders_leave_once_all_builds_have_begun(self, world: FakeWorld) -> None:
        flow = world.flow()
        world.packages = True
        world.let(flow, 10 * MINUTE)
        assert not world.left_at
        world.all_begun = True
        world.let(flow, HOUR)
        assert len(world.left_at) == 1, "until the packages were installed"
        assert world.left_at[0] <= 10 * MINUTE + LOOK_FOR_PACKAGES
        assert world.now_rules.end_at is None

    def test_in_another_busy_run_builders_leave_each_hour(self, world: FakeWorld) -> None:
        flow = world.flow()
        world.packages = True
        for _ in range(3):
            world.let(flow, HOUR + 2 * LOOK_FOR_PACKAGES)
            world.now_rules = replace(world.now_rules, packages_due=False)
        assert len(world.left_at) == 3
        assert all(at - before >= BUSY_RUN for before, at in zip([0.0, *world.left_at], world.left_at))

    def test_it_still_publishes_when_the_run_has_been_told_to_end(self, world: FakeWorld) -> None:
        flow = world.flow(follow=True)
        world.end_run("The operator ended it.")
        world.let(flow, 10 * MINUTE)
        assert world.notes == ["The run ends. The operator ended it."]
        world.changed = 1
        world.let(flow, 5.0)
        assert len(world.times("publish")) == 1
        assert world.times("delta") == []


class TestEnd:
    def test_operators_are_told_while_it_goes_on(self, world: FakeWorld) -> None:
        world.let(world.flow(follow=True), 100)
        assert world.told == [30.0, 60.0, 90.0]

    def test_it_ends_with_the_run(self, world: FakeWorld) -> None:
        flow = world.flow()
        world.lives = False
        assert not flow.turn()

    def test_it_waits_for_its_publication_and_for_nothing_else(self, world: FakeWorld) -> None:
        world.takes |= {"publish": 20.0, "delta": HOUR}
        flow = world.flow(follow=True, follow_interval=10.0)
        world.let(flow, 20.0)
        world.changed = 1
        world.let(flow, 2.0)
        assert set(world.going_on) == {"publish", "delta"}
        flow.stop()
        before = world.seconds
        flow.work()
        assert world.stopped == ["delta"]
        assert world.seconds - before <= 20.0


class TestLock:
    def test_nobody_lives_where_nobody_was(self, tmp_path: Path) -> None:
        assert not flow_lives(tmp_path)

    def test_a_flow_lives_until_it_is_killed(self, tmp_path: Path) -> None:
        code = (
            "import os, sys, time; from pathlib import Path; "
            "from wheelfleet.engine.flow import hold_flow, name_process; "
            "name_process(hold_flow(Path(sys.argv[1])), os.getpid()); print('holds', flush=True); time.sleep(60)"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(MODULE_UTILS)},
        ) as flow:
            assert flow.stdout is not None
            assert flow.stdout.readline() == "holds\n"
            assert flow_lives(tmp_path)
            assert flow_process(tmp_path) == flow.pid
            assert hold_flow(tmp_path, patience=0.1) is None, "there is one at a time"
            flow.send_signal(signal.SIGKILL)
        assert not flow_lives(tmp_path)

    def test_builders_wait_only_for_a_living_flow_that_follows(self, tmp_path: Path) -> None:
        rules = RunRules("r", follow=True)
        assert not waits_for_work(tmp_path, rules, 0.0)
        held = hold_flow(tmp_path)
        assert held is not None
        try:
            assert waits_for_work(tmp_path, rules, 0.0)
            assert not waits_for_work(tmp_path, RunRules("r"), 0.0)
            assert not waits_for_work(tmp_path, replace(rules, end_at=10.0), 10.0)
        finally:
            os.close(held)


class TestRules:
    def test_a_run_without_rules_has_none(self, tmp_path: Path) -> None:
        assert read_rules(tmp_path, "r") == RunRules("r")

    def test_rules_of_an_earlier_run_do_not_count(self, tmp_path: Path) -> None:
        write_rules(tmp_path, RunRules("earlier", follow=True, end_at=1.0))
        assert read_rules(tmp_path, "r") == RunRules("r")

    def test_the_earlier_end_counts(self, tmp_path: Path) -> None:
        write_rules(tmp_path, RunRules("r", follow=True))
        assert end_run(tmp_path, "r", 100.0, "first").why == "first"
        assert end_run(tmp_path, "r", 200.0, "later") == RunRules("r", follow=True, end_at=100.0, why="first")
        assert end_run(tmp_path, "r", 50.0, "sooner").end_at == 50.0

    def test_room_on_the_controllers_disk(self, tmp_path: Path) -> None:
        assert RunRules("r").lacks_room(tmp_path) is None
        sentence = RunRules("r", min_free=1 << 60).lacks_room(tmp_path)
        assert sentence is not None
        assert str(tmp_path) in sentence
        assert "controller_min_free" in sentence
        sentence = RunRules("r", min_free=1000 << 40).lacks_room(tmp_path)
        assert sentence is not None
        assert "less than 1000 TiB of" in sentence


class TestTrouble:
    """A catalog that is locked, a full disk, a machine without memory for another process: all of that passes."""

    @staticmethod
    def fails(world: FakeWorld, monkeypatch: pytest.MonkeyPatch, method: str, error: Exception, until: float) -> None:
        """Have a method of the world fail until this second."""
        real = getattr(world, method)

        def call(*arguments: object) -> object:
            if world.seconds < until:
                raise error
            return real(*arguments)

        monkeypatch.setattr(world, method, call)

    @staticmethod
    def work(world: FakeWorld, flow: Flow, seconds: float) -> None:
        """Let the flow work, and stop it after so many seconds."""

        def sleep(pause: float) -> None:
            world.seconds += pause
            if world.seconds > seconds:
                flow.stop()

        flow.clock = Clock(lambda: world.seconds, lambda: world.seconds, sleep)
        flow.work()

    @pytest.mark.parametrize(
        "error", [sqlite3.OperationalError("database is locked"), OSError(28, "No space left on device")]
    )
    def test_a_catalog_that_cannot_be_read_for_a_time_ends_no_flow(
        self, world: FakeWorld, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        self.fails(world, monkeypatch, "waiting", error, until=100)
        world.changed = 3
        self.work(world, world.flow(), 200)
        assert world.times("publish")
        # Operators are told meanwhile, because it may be this that they have to know.
        assert [at for at in world.told if at < 100]

    def test_a_step_that_could_not_be_begun_is_begun_later(
        self, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.fails(world, monkeypatch, "begin", BlockingIOError(11, "Resource temporarily unavailable"), until=400)
        world.changed = 3
        self.work(world, world.flow(follow=True, follow_interval=300.0), 700)
        assert world.times("publish") and world.times("delta")

    def test_after_steps_whose_end_failed_both_are_begun_again(
        self, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.takes = {"publish": 60.0, "delta": 60.0}
        world.stuck = 3
        flow = world.flow(follow=True, follow_interval=100.0)
        self.fails(world, monkeypatch, "note", sqlite3.OperationalError("disk I/O error"), until=300)
        monkeypatch.setattr(
            world, "ended", lambda real=world.ended: [replace(end, trouble="It failed.") for end in real()]
        )
        self.work(world, flow, 900)
        assert [step for step in ("publish", "delta") if max(world.times(step)) > 300] == ["publish", "delta"]
