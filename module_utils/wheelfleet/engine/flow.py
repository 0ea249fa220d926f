"""The flow: what the controller does while builders build. It publishes, and in a run that follows it asks upstream.

The flow is a process of its own (`engine/flow_process`), one for each run, that decides here when each step is due.
Steps run in children of it, so a long one holds up no other, and their memory goes with them. A killed flow loses
nothing: what is due is in the catalog, and the publication at the end of each run brings it to the site.

The flow holds a kernel lock on a file of the state folder (flow.lock) for as long as it lives. Builders' sessions and
web nodes ask for it, so a killed flow keeps nobody waiting.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from ..catalog.database import CatalogError
from ..text import human_duration
from .context import Clock
from .lock import is_held
from .run_rules import RunRules

#: Seconds between two turns of the flow.
TURN = 1.0
#: So many projects with changed pages are published at once,
FEW = 25
#: if publishing then takes at most this part of the controller's time, and not more often than each so many seconds.
SHARE, SHORTEST_PAUSE = 0.1, 2.0
#: Where the operator leaves it to the flow, upstream gets so many requests a second in the mean at most,
REQUESTS = 3.0
#: and is asked again after so many seconds at least and at most. The list of all projects takes the longest pause,
#: because it is megabytes.
SHORTEST_READING_PAUSE, LONGEST_READING_PAUSE = 20.0, 300.0
#: Seconds between two looks for troubles of which an operator is told.
TELL = 30.0
#: Seconds between two looks at the operator's files.
LOOK = 10.0
#: Seconds after which a run that follows may end because something has to be done between two runs.
SHORTEST_RUN = 900.0
#: Seconds for which packages that builds miss wait while there is still something that a builder can begin.
BUSY_RUN = 3600.0
#: Seconds between two looks for packages that builds miss.
LOOK_FOR_PACKAGES = 30.0
#: Seconds for which the lock of a flow that has just ended, or of somebody who asks for it, is waited for.
PATIENCE = 5.0
#: Seconds after which a turn is tried again that the catalog or the disk let fail.
AGAIN = 15.0

Step = Literal["publish", "delta"]


def lock_file(state_dir: Path) -> Path:
    """The file that a flow holds locked; its text is the flow's process ID."""
    return state_dir / "run" / "flow.lock"


def hold_flow(state_dir: Path, patience: float = PATIENCE) -> int | None:
    """Lock the file; returns its descriptor, which goes to the flow, or None if another flow lives."""
    lock_file(state_dir).parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock_file(state_dir), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > until:
                os.close(descriptor)
                return None
            time.sleep(0.05)
    os.ftruncate(descriptor, 0)
    return descriptor


def name_process(descriptor: int, pid: int) -> None:
    """Write into the locked file which process holds it."""
    os.pwrite(descriptor, str(pid).encode(), 0)


def flow_lives(state_dir: Path) -> bool:
    """Whether a run's flow is at work on this state folder: further publications, and in a run that follows new work,
    may come at any time."""
    return flow_process(state_dir) is not None


def flow_process(state_dir: Path) -> int | None:
    """The process ID of the living flow, 0 while it is being started; None if there is none."""
    with suppress(OSError, ValueError):
        if is_held(lock_file(state_dir)):
            # Empty while the flow is being started.
            return int(lock_file(state_dir).read_bytes() or b"0")
    return None


def reading_pause(asked: int, everything: bool) -> float:
    """Seconds between two readings of upstream that ask for so many pages, or for the list of all projects."""
    if everything:
        return LONGEST_READING_PAUSE
    return min(max(asked / REQUESTS, SHORTEST_READING_PAUSE), LONGEST_READING_PAUSE)


def waits_for_work(state_dir: Path, rules: RunRules, now: float) -> bool:
    """Whether a builder without work waits for new work, because this run follows upstream."""
    return rules.follow and not rules.is_over(now) and flow_lives(state_dir)


@dataclass(frozen=True)
class FlowOptions:
    """Options of M(wheelfleet_flow); times in seconds. `follow_interval` 0: it follows from what a reading asks for.
    `follow_seconds` 0: no end. `unread`: the run has not read all of upstream yet, and the flow goes on with it,
    whether the run follows or not."""

    run: str
    follow: bool = False
    publishes: bool = True
    publish_interval: float = 60.0
    follow_interval: float = 0.0
    follow_seconds: float = 86400.0
    unread: bool = False


@dataclass(frozen=True)
class StepEnd:
    """The end of a step: what it returned, or one sentence about what went wrong."""

    step: Step
    answer: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""


class World(Protocol):
    """What a flow does and asks; tests replace it."""

    def run_lives(self) -> bool:
        """Whether the run, an ansible-playbook, is alive."""

    def rules(self) -> RunRules:
        """The rules of the run now."""

    def waiting(self, most: int) -> int:
        """The number of projects and lists that a publication would change, counted up to `most`."""

    def overviews_wait(self) -> bool:
        """Whether pages about many projects are no longer true: an order was given, a builder was forgotten."""

    def begin(self, step: Step) -> None:
        """Begin a step beside the flow."""

    def ended(self) -> list[StepEnd]:
        """The steps that have ended since the last call."""

    def stop(self, step: Step) -> None:
        """End a step at once."""

    def inputs(self) -> str:
        """A digest of the operator's files: inventory, recipes, requirements files."""

    def packages_wait(self) -> bool:
        """Whether packages that builds miss can be installed, or looked up for that, between two runs."""

    def nothing_to_begin(self) -> bool:
        """Whether every build that is left goes on already."""

    def leave_for_packages(self) -> None:
        """Have builders' sessions end, so that the play that installs packages begins. Builds go on."""

    def end_run(self, why: str) -> None:
        """Have the run end now."""

    def say(self, line: str) -> None:
        """Print a line for the operator."""

    def note(self, sentence: str) -> None:
        """Record an event of the controller, and print it if it is new in this run."""

    def show(self, note: str) -> None:
        """Show in the status what the flow does."""

    def tell_operators(self) -> None:
        """Have operators told of new troubles (`engine/notices`)."""


class Flow:
    """The flow of one run: call `turn` again and again, or `work`."""

    def __init__(self, options: FlowOptions, world: World, clock: Clock | None = None) -> None:
        self.options = options
        self.world = world
        self.clock = clock or Clock()
        now = self.clock.monotonic()
        self._began = now
        #: By step that goes on, when it began.
        self._going_on: dict[Step, float] = {}
        self._published_at = now
        self._publishing_took = 0.0
        #: What the last publication could not bring to the site.
        self._left_over = 0
        self._asked_at = now
        self._reading_pause = options.follow_interval or SHORTEST_READING_PAUSE
        self._looked_at = now
        self._looked_for_packages_at = self._packages_at = now
        self._told_at = now
        self._inputs = self._seen = world.inputs() if options.follow else ""
        self._unread = options.unread
        self._unresolved: frozenset[str] | None = None
        self._ended = False
        self._stopping = False
        self._trouble = ""

    def work(self) -> None:
        """Take turns until the run is gone, or `stop` was called and no publication goes on.

        A locked catalog or a full disk may pass, so it ends no flow: the turn is tried again.
        """
        while True:
            pause = TURN
            try:
                if not self.turn():
                    return
                self._trouble = ""
            except (CatalogError, sqlite3.Error, OSError) as error:
                pause = AGAIN
                if self._trouble != str(error):
                    self._trouble = str(error)
                    self.world.say(f"goes on when the catalog and the disk allow it ({error})")
            self.clock.sleep(pause)

    def stop(self) -> None:
        """Begin nothing more; `work` returns when the publication that goes on has ended."""
        self._stopping = True

    def turn(self) -> bool:
        """Begin what is due; returns whether the flow goes on."""
        world = self.world
        if not world.run_lives():
            return False
        ends = world.ended()
        # All at once, because the end of one may raise, and a step that seems to go on is not begun again.
        began = [self._going_on.pop(end.step, self.clock.monotonic()) for end in ends]
        for end, since in zip(ends, began):
            self._end_step(end, since)
        if self._stopping:
            if "delta" in self._going_on:
                # The next run repeats it.
                world.stop("delta")
                del self._going_on["delta"]
            return bool(self._going_on)
        rules = world.rules()
        now = self.clock.monotonic()
        # First, because it also tells of a catalog that cannot be opened.
        if now - self._told_at >= TELL:
            self._told_at = now
            world.tell_operators()
        if self.options.publishes and "publish" not in self._going_on and self._publication_is_due():
            self._begin("publish")
        if not self._ended and rules.is_over(self.clock.now()):
            self._ended = True
            self.world.note(f"The run ends. {rules.why}".strip())
        elif self.options.follow and not self._ended and (why := self._why_end(now)):
            self._end_run(why)
        elif not self.options.follow and not rules.packages_due and self._packages_are_due(now, self._packages_at):
            self._packages_at = now
            world.leave_for_packages()
        if not self._ended and "delta" not in self._going_on and self._reading_is_due(now):
            self._asked_at = now
            self._begin("delta")
        return True

    def _reading_is_due(self, now: float) -> bool:
        return self._unread or (self.options.follow and now - self._asked_at >= self._reading_pause)

    # ------------------------------------------------------------ publication

    def _publication_is_due(self) -> bool:
        """Each interval if anything waits, and at once if a few projects wait and publications are quick."""
        since = self.clock.monotonic() - self._published_at
        pause = min(
            max(self._publishing_took / SHARE - self._publishing_took, SHORTEST_PAUSE), self.options.publish_interval
        )
        if since < pause:
            return False
        waiting = self.world.waiting(FEW + 1)
        if since >= self.options.publish_interval:
            return waiting > 0 or self.world.overviews_wait()
        return self._left_over < waiting <= FEW

    # ------------------------------------------------------------------ steps

    def _begin(self, step: Step) -> None:
        self.world.show("publishes" if step == "publish" else "asks upstream")
        self.world.begin(step)
        self._going_on[step] = self.clock.monotonic()

    def _end_step(self, end: StepEnd, began: float) -> None:
        now = self.clock.monotonic()
        if end.step == "publish":
            self._published_at, self._publishing_took = now, now - began
        if end.step == "delta":
            # After trouble, the rest waits for the interval or the next run.
            self._unread = bool(end.answer.get("unread"))
            if not self.options.follow_interval and end.answer:
                self._reading_pause = reading_pause(int(end.answer.get("asked", 0)), bool(end.answer.get("everything")))
        if end.trouble:
            self.world.note(end.trouble)
        elif end.step == "publish":
            self._say_published(end.answer)
        else:
            self._say_asked(end.answer)
        if not self._going_on:
            self.world.show("")
        if end.step == "publish":
            # All else that waits came while it went on. After trouble, nobody knows.
            self._left_over = self.world.waiting(FEW + 1) if end.trouble else int(end.answer.get("left", 0))

    def _say_published(self, answer: Mapping[str, Any]) -> None:
        if answer.get("projects"):
            files = int(answer["files"])
            wheels = f", {_count(files, 'new wheel')}" if files else ""
            self.world.say(f"published {_count(int(answer['projects']), 'changed project')}{wheels}")

    def _say_asked(self, answer: Mapping[str, Any]) -> None:
        if changed := int(answer.get("changed", 0)):
            self.world.say(
                f"upstream changed {_count(changed, 'project')}; {_count(int(answer['left']), 'build')} left"
            )
        unresolved = frozenset(answer.get("unresolved", ()))
        if self._unresolved is None:
            # What pip could not resolve when the run began is no news.
            self._unresolved = unresolved
        elif unresolved - self._unresolved and self.clock.monotonic() - self._began >= SHORTEST_RUN:
            self._end_run("A requirements file has to be resolved again, which is done when a run begins.")

    # -------------------------------------------------------------------- end

    def _why_end(self, now: float) -> str:
        """Why a run that follows ends now; empty if it goes on."""
        most = self.options.follow_seconds
        if most and now - self._began >= most:
            return f"It followed upstream for {human_duration(most)}; some work is done only between two runs."
        if now - self._looked_at >= LOOK:
            self._looked_at = now
            before, self._seen = self._seen, self.world.inputs()
            # Seen twice, so that the run does not end in the middle of an edit.
            if self._seen != self._inputs and self._seen == before:
                return "A file of the inventory, a recipe or a requirements file was changed."
        if now - self._began >= SHORTEST_RUN and self._packages_are_due(now, self._began):
            return "Builds miss packages that may be installed, which is done between two runs."
        return ""

    def _packages_are_due(self, now: float, since: float) -> bool:
        """Whether packages that builds miss are worth that builders pause, who worked without since `since`."""
        if now - self._looked_for_packages_at < LOOK_FOR_PACKAGES:
            return False
        self._looked_for_packages_at = now
        # Which packages wait takes the longest to ask.
        return (now - since >= BUSY_RUN or self.world.nothing_to_begin()) and self.world.packages_wait()

    def _end_run(self, why: str) -> None:
        self.world.end_run(why)
        self._ended = True
        self.world.note(f"The run ends. {why} The service begins the next one; if you began this one, begin the next.")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
