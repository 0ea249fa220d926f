"""A run that follows upstream for a day of a simulated clock: neither its sessions nor its flow grow."""

from __future__ import annotations

import gc
import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from wheelfleet.engine import session
from wheelfleet.engine.context import Clock
from wheelfleet.engine.flow import Flow, FlowOptions, Step, StepEnd, hold_flow
from wheelfleet.engine.link import LinkLost
from wheelfleet.engine.run_rules import RunRules, end_run, write_rules

from tests.support.fake_builder import FakeBuilder, Fault, Faults, Run, queue_of
from tests.support.fleet_catalog import Fleet

HOUR = 3600.0
DAY = 24 * HOUR
#: Bytes by which the traced memory may differ between a sixth of the day and its end: what caches hold.
SLACK = 64 << 10


@dataclass
class Sizes:
    """What this process holds at two moments of the simulated day."""

    clock: Callable[[], float]
    seen: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def work(self) -> None:
        """Measure once in the morning and once in the evening."""
        for moment, at in (("morning", DAY / 6), ("evening", DAY - HOUR)):
            if moment not in self.seen and self.clock() >= at:
                gc.collect()
                files = len(list(Path("/proc/self/fd").iterdir()))
                self.seen[moment] = (tracemalloc.get_traced_memory()[0], files, threading.active_count())

    def assert_flat(self) -> None:
        morning, evening = self.seen["morning"], self.seen["evening"]
        assert evening[0] <= morning[0] + SLACK
        assert evening[1:] == morning[1:], "open files and threads"


@contextmanager
def traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_sessions_of_a_day_hold_no_more_in_the_evening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A release each quarter of an hour, and a builder that is off for a while each hour."""
    monkeypatch.setattr(session, "NEWS_WAIT", 120.0)
    with Run(queue_of(tmp_path, ["pi1"], ["first"]), tmp_path / "var") as run:
        run.clock.longest = DAY + HOUR
        write_rules(run.folder, RunRules("run1", follow=True))
        lock = hold_flow(run.folder)
        assert lock is not None
        sizes, releases = Sizes(lambda: run.clock.seconds), Releases(run)
        for each in (sizes, releases):
            run.clock.builders.append(cast(FakeBuilder, each))
        with traced():
            while not run.session("pi1", Faults([Fault("poll", 1, "before", releases.maybe_off, lasting=True)]))[
                "drained"
            ]:
                run.lines.clear()
        os.close(lock)
    assert releases.made >= 90
    sizes.assert_flat()


class Releases:
    """Queues releases, has the builder fail to answer, and ends the run after a day."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.made = 0

    def work(self) -> None:
        clock = self.run.clock
        if clock.seconds >= DAY:
            end_run(self.run.folder, "run1", clock.now(), "It was a day.")
        if clock.seconds >= (self.made + 1) * HOUR / 4:
            self.made += 1
            self.run.builders["pi1"].finished.clear()
            with Fleet(self.run.folder) as fleet:
                fleet.queue(f"project{self.made}", 11)

    def maybe_off(self) -> None:
        if self.run.clock.seconds % HOUR < HOUR / 20:
            raise LinkLost("It does not answer.")


class World:
    """A world of a flow in which each step ends at once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.steps: dict[Step, int] = {"publish": 0, "delta": 0}
        self._ends: list[StepEnd] = []

    def begin(self, step: Step) -> None:
        self.steps[step] += 1
        self._ends.append(StepEnd(step, {"written": 1, "projects": 1, "files": 1, "changed": 1, "left": 1}))

    def ended(self) -> list[StepEnd]:
        ends, self._ends = self._ends, []
        return ends

    def run_lives(self) -> bool:
        return self.seconds < DAY

    def rules(self) -> RunRules:
        return RunRules("r", follow=True)

    def waiting(self, most: int) -> int:
        return 1

    def inputs(self) -> str:
        return ""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *words: None


def test_a_flow_of_a_day_holds_no_more_in_the_evening() -> None:
    world = World()
    sizes = Sizes(lambda: world.seconds)

    def sleep(seconds: float) -> None:
        # Turns are seconds apart; some suffice.
        world.seconds += 20 * seconds
        sizes.work()

    clock = Clock(lambda: world.seconds, lambda: world.seconds, sleep)
    options = FlowOptions("r", follow=True, follow_seconds=0.0, follow_interval=60.0)
    with traced():
        Flow(options, cast(Any, world), clock).work()
    assert world.steps["publish"] > 1000 and world.steps["delta"] > 1000
    sizes.assert_flat()
