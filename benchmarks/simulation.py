"""A simulated fleet with the real planner and a real catalog: a discrete-event simulation.

The planner's decisions (claims, top-ups, returned work, leases, learned speeds) are made by its own code on a real
SQLite catalog. Hosts and network are simulated: the duration of each build, the time of the controller's next poll of a
host, and the duration of a visit. One seed determines everything.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import math
import random
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wheelfleet.catalog import priorities
from wheelfleet.catalog.database import Catalog
from wheelfleet.catalog.release_targets import put_first, settle
from wheelfleet.catalog.states import Recency
from wheelfleet.planner import batches, sizing
from wheelfleet.planner.builders import record_builders
from wheelfleet.planner.outcome import Outcome, record_outcome
from wheelfleet.planner.work_to_return import work_to_return

from tests.support.catalogs import insert

#: Seconds between two polls of a host, shortest and longest.
LOOK_SECONDS = (0.1, 2.0)
#: Seconds to hand work over or withdraw it: a module run over SSH, on a Pi.
VISIT_SECONDS = (0.3, 3.0)
#: Seconds to fetch, verify and acknowledge one result.
RESULT_SECONDS = (0.05, 0.3)
#: The beginning of simulated time.
EPOCH = 1_800_000_000.0
RUN = "simulated"
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class Build:
    """A build: its real and its predicted seconds on a normal host.

    It comes into the queue at `arrives` (simulated seconds), with what decides its priority.
    """

    seconds: float
    predicted: float
    arrives: float = 0.0
    recency: Recency = "older"
    lookups: int = 0
    put_first: bool = False

    @property
    def urgent(self) -> bool:
        """Whether it overtakes what builders hold."""
        return self.put_first or self.recency == "new"


@dataclass(frozen=True)
class Host:
    """A builder: the number of its slots, and its speed; at 0.1 a build takes ten times as long as on a normal host."""

    slots: int = 1
    speed: float = 1.0


def lower_bound(builds: Iterable[Build], hosts: Sequence[Host]) -> float:
    """The seconds that any plan takes at least: all work evenly shared, or the longest build on the fastest host."""
    seconds = [build.seconds for build in builds]
    power = sum(host.slots * host.speed for host in hosts)
    return max(sum(seconds) / power, max(seconds) / max(host.speed for host in hosts))


def pull_oldest_first(builds: Sequence[Build], hosts: Sequence[Host], seed: int) -> float:
    """The seconds until the end if every slot pulls one build at a time, in the order given."""
    chance = random.Random(seed)
    free = [(0.0, host.speed) for host in hosts for _ in range(host.slots)]
    end = 0.0
    for build in builds:
        now, speed = free[0]
        now += chance.uniform(*VISIT_SECONDS) + build.seconds / speed
        now += chance.uniform(*LOOK_SECONDS) + chance.uniform(*RESULT_SECONDS)
        heapq.heapreplace(free, (now, speed))
        end = max(end, now)
    return end


class Planner:
    """The planner's interface for a simulation: thin, so that the planner itself is measured.

    With `longest_first` nothing comes first but what is longest, as before there were priorities.
    """

    def __init__(self, folder: Path, hosts: Sequence[Host], *, longest_first: bool = False) -> None:
        self._longest_first = longest_first
        self.catalog = Catalog(folder / "catalog.sqlite")
        # Durable commits would only make the simulation slower.
        self.catalog.db.execute("PRAGMA synchronous = OFF")
        self.names = [f"host{number}" for number in range(len(hosts))]
        target = {
            "name": "cp311", "python_version": "3.11", "implementation": "cpython", "platform": "linux", "tags": [],
            "tools": "/tools/python", "interpreter": "/usr/bin/python3",
        }  # fmt: skip
        with self.catalog.writing() as db:
            reports = {
                name: {"facts": {"slots": host.slots}, "targets": [target]}
                for name, host in zip(self.names, hosts, strict=True)
            }
            record_builders(db, reports, EPOCH)

    def want(self, builds: Iterable[tuple[int, Build]], now: float) -> None:
        """Put builds into the queue, each with its number, from 1."""
        with self.catalog.writing():
            for number, build in builds:
                self._want(number, build, now)

    def _want(self, number: int, build: Build, now: float) -> None:
        db, name = self.catalog.db, f"p{number}"
        if build.lookups:
            insert(db, "use_day", name=name, day=0, lookups=build.lookups)
        insert(db, "project", id=number, name=name, display_name=name, in_scope=1)
        insert(db, "release", id=number, project_id=number, version="1.0")
        insert(
            db,
            "upstream_file",
            id=number,
            release_id=number,
            filename=f"{name}-1.0.tar.gz",
            kind="sdist",
            url="/",
            sha256="aa",
        )
        insert(
            db,
            "release_target",
            release_id=number,
            target_id=1,
            verdict="build",
            reason="simulated",
            sdist_id=number,
            predicted_seconds=build.predicted,
            recency=build.recency,
        )
        settle(db, number, MAX_ATTEMPTS, now)
        if build.put_first:
            put_first(db, [(number, 1)], now)
        if self._longest_first:
            db.execute(
                "UPDATE release_target SET priority = ?, queued_at = NULL WHERE release_id = ?",
                (priorities.DEPTH, number),
            )

    def top_up(self, host: str, now: float) -> list[tuple[str, float, int]]:
        """Claim work for a host; returns (attempt, order, index of the build) for all its builds."""
        held = batches.claim(self.catalog, host=host, run=RUN, now=now)
        return [(a.attempt, a.position, int(a.name[1:]) - 1) for a in held.builds] if held else []

    def finish(self, host: str, attempts: Sequence[tuple[str, float]], now: float) -> None:
        """Record results as admission does, each with a wheel; `attempts` are (attempt, seconds on the host)."""
        for attempt, seconds in attempts:
            with self.catalog.writing() as db:
                (release,) = db.execute("SELECT release_id FROM attempt WHERE id = ?", (attempt,)).fetchone()
                wheel = insert(
                    db,
                    "wheel",
                    release_id=release,
                    attempt_id=attempt,
                    filename=f"{attempt}.whl",
                    sha256="",
                    size=1,
                    metadata_sha256="",
                    tags="[]",
                    added_at=now,
                )
                insert(db, "wheel_target", release_id=release, target_id=1, wheel_id=wheel)
                record_outcome(db, attempt, Outcome("built", seconds=seconds), now=now, max_attempts=MAX_ATTEMPTS)
        batches.close_finished(self.catalog, host)

    def begun(self, attempts: Sequence[str], now: float) -> None:
        batches.begin(self.catalog, attempts, now)

    def wants_more(self, host: str, now: float) -> bool:
        return batches.wants_more(self.catalog, host, RUN, now)

    def hungry(self, host: str, now: float) -> None:
        batches.mark_idle(self.catalog, host, now)

    def work_to_return(self, host: str, now: float) -> list[str]:
        return list(work_to_return(self.catalog, host, RUN, now).attempts)

    def return_unstarted(self, attempts: Sequence[str]) -> None:
        batches.return_unstarted(self.catalog, attempts, MAX_ATTEMPTS)


@dataclass
class _Builder:
    """The real state of one host; the planner knows only what polls returned."""

    name: str
    host: Host
    inbox: list[tuple[float, str, int]] = field(default_factory=list)
    running: dict[str, tuple[float, float]] = field(default_factory=dict)
    outbox: list[tuple[str, float]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    unseen: set[str] = field(default_factory=set)
    idle: bool = False
    busy: bool = False
    look_at: float = math.inf


class Simulation:
    """A run of a fleet from a full queue to an empty one; builds may arrive meanwhile."""

    def __init__(
        self,
        folder: Path,
        builds: Sequence[Build],
        hosts: Sequence[Host],
        seed: int = 0,
        *,
        longest_first: bool = False,
    ) -> None:
        self.builds = builds
        self.planner = Planner(folder, hosts, longest_first=longest_first)
        self.builders = [_Builder(name, host) for name, host in zip(self.planner.names, hosts, strict=True)]
        self.left = len(builds)
        #: By index of the build, when its result was recorded.
        self.ended: dict[int, float] = {}
        #: Indexes of urgent builds that wait in the queue: while there are any, hosts are polled without a pause.
        self._urgent: set[int] = set()
        #: The number of hand-overs and withdrawals.
        self.visits = 0
        #: The number of builds withdrawn.
        self.taken_back = 0
        self._chance = random.Random(seed)
        self._ticks = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._now = 0.0

    def run(self) -> float:
        """Run the simulation; returns the seconds until the last result is recorded."""
        try:
            self._appear([each for each in enumerate(self.builds) if each[1].arrives <= 0.0])
            for each in enumerate(self.builds):
                if each[1].arrives > 0.0:
                    self._after(each[1].arrives, functools.partial(self._appear, [each]))
            for builder in self.builders:
                self._look_within(builder, self._draw(LOOK_SECONDS))
            while self.left:
                self._now, _, happen = heapq.heappop(self._events)
                happen()
            return self._now
        finally:
            self.planner.catalog.close()

    def wait(self, which: Callable[[Build], bool]) -> float:
        """The median time from the arrival of such a build to its result."""
        return statistics.median(self.ended[n] - build.arrives for n, build in enumerate(self.builds) if which(build))

    def _appear(self, builds: Sequence[tuple[int, Build]]) -> None:
        self.planner.want(((index + 1, build) for index, build in builds), self._clock)
        self._urgent.update(index for index, build in builds if build.urgent)
        for builder in self.builders:
            if builder.idle or self._urgent:
                self._look_within(builder, self._draw(LOOK_SECONDS))

    # ------------------------------------------------------------- the hosts

    def _begin_next(self, builder: _Builder) -> None:
        while builder.inbox and len(builder.running) < builder.host.slots:
            _, attempt, number = heapq.heappop(builder.inbox)
            seconds = self.builds[number].seconds / builder.host.speed
            builder.running[attempt] = (self._now, seconds)
            builder.unseen.add(attempt)
            self._after(seconds, functools.partial(self._ended, builder, attempt))

    def _ended(self, builder: _Builder, attempt: str) -> None:
        _, seconds = builder.running.pop(attempt)
        builder.outbox.append((attempt, seconds))
        self._begin_next(builder)
        self._look_within(builder, self._draw(LOOK_SECONDS))

    # -------------------------------------------------------- the controller

    def _look(self, builder: _Builder) -> None:
        """Poll a host, as a session does between two waits."""
        spent = 0.0
        if builder.outbox:
            spent += sum(self._draw(RESULT_SECONDS) for _ in builder.outbox)
            self.planner.finish(builder.name, builder.outbox, self._clock)
            self.left -= len(builder.outbox)
            self.ended.update((self._number(attempt), self._now) for attempt, _ in builder.outbox)
            builder.known.difference_update(attempt for attempt, _ in builder.outbox)
            builder.unseen.difference_update(attempt for attempt, _ in builder.outbox)
            builder.outbox = []
        if builder.unseen:
            self.planner.begun(sorted(builder.unseen), self._clock)
            builder.unseen.clear()
        if builder.inbox and (unwanted := self._asked_back(builder)):
            self._visit(builder, spent, lambda: self._withdraw(builder, unwanted))
        elif self.planner.wants_more(builder.name, self._clock) and (new := self._top_up(builder)):
            self._visit(builder, spent, lambda: self._arrive(builder, new))
        else:
            self._look_within(builder, spent + self._until_next_look(builder))

    def _asked_back(self, builder: _Builder) -> list[str]:
        for other in self.builders:
            if other.idle:
                self.planner.hungry(other.name, self._clock)
        return self.planner.work_to_return(builder.name, self._clock)

    def _top_up(self, builder: _Builder) -> list[tuple[float, str, int]]:
        held = self.planner.top_up(builder.name, self._clock)
        new = [(order, attempt, number) for attempt, order, number in held if attempt not in builder.known]
        builder.idle = not new and len(builder.running) + len(builder.inbox) < builder.host.slots
        builder.known.update(attempt for _, attempt, _ in new)
        self._urgent.difference_update(number for _, _, number in new)
        if builder.idle:
            for other in self.builders:
                if other.inbox:
                    self._look_within(other, self._draw(LOOK_SECONDS))
        return new

    def _visit(self, builder: _Builder, spent: float, done: Callable[[], None]) -> None:
        """Visit a host; during a visit it is not polled."""
        self.visits += 1
        builder.busy = True

        def over() -> None:
            builder.busy = False
            builder.look_at = math.inf
            done()
            self._look_within(builder, LOOK_SECONDS[0])

        self._after(spent + self._draw(VISIT_SECONDS), over)

    def _arrive(self, builder: _Builder, new: Iterable[tuple[float, str, int]]) -> None:
        for assignment in new:
            heapq.heappush(builder.inbox, assignment)
        self._begin_next(builder)

    def _withdraw(self, builder: _Builder, unwanted: Sequence[str]) -> None:
        """Return builds that are still in the inbox; builds begun meanwhile stay."""
        withdrawn = [attempt for _, attempt, _ in builder.inbox if attempt in set(unwanted)]
        builder.inbox = [assignment for assignment in builder.inbox if assignment[1] not in set(withdrawn)]
        heapq.heapify(builder.inbox)
        builder.known.difference_update(withdrawn)
        self.planner.return_unstarted(withdrawn)
        self.taken_back += len(withdrawn)
        self._urgent.update(n for n in map(self._number, withdrawn) if self.builds[n].urgent)
        for other in self.builders:
            if other.idle:
                self._look_within(other, self._draw(LOOK_SECONDS))

    def _until_next_look(self, builder: _Builder) -> float:
        """The seconds until the next poll that can find a change: no host runs low before its predicted time.

        While work waits there is one poll a minute, because late builds may make the planner request work back.
        """
        if not builder.running:
            return LOOK_SECONDS[1] if self._urgent else math.inf
        building = [
            (self.builds[self._number(attempt)].predicted, self._now - since)
            for attempt, (since, _) in builder.running.items()
        ]
        waiting = [self.builds[number].predicted for _, _, number in sorted(builder.inbox)]
        load = sizing.Load(builder.host.slots, builder.host.speed, building=building, waiting=waiting)
        enough = max(load.free_slots()[0] - sizing.LOW_WATER_SECONDS, LOOK_SECONDS[1])
        if self._urgent:
            first = sizing.Load(builder.host.slots, builder.host.speed, building=building).free_slots()[0]
            enough = min(enough, max(first - sizing.LONGEST_FILL_SECONDS, LOOK_SECONDS[1]))
        return min(enough, 60.0) if builder.inbox else enough

    @staticmethod
    def _number(attempt: str) -> int:
        return int(attempt.split("-")[0][1:]) - 1

    # -------------------------------------------------------------- the time

    @property
    def _clock(self) -> float:
        return EPOCH + self._now

    def _draw(self, between: tuple[float, float]) -> float:
        return self._chance.uniform(*between)

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + seconds, next(self._ticks), happen))

    def _look_within(self, builder: _Builder, seconds: float) -> None:
        """Poll the host within these seconds."""
        at = self._now + seconds
        if builder.busy or at >= builder.look_at or at == math.inf:
            return
        builder.look_at = at

        def look() -> None:
            if builder.look_at == at and not builder.busy:
                builder.look_at = math.inf
                self._look(builder)

        self._after(seconds, look)
