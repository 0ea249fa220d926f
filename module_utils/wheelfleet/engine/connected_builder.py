"""One builder over its link: hand builds over, withdraw them, poll, and take results in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from ..planner import batches
from ..planner.batches import PlannedBuild
from ..text import human_duration
from ..watchdog import note_progress
from .assignments import assignment_for
from .builder_orders import BuilderOrders
from .context import Context
from .host_status import Building
from .intake import Intake
from .link import Link, LinkEvents, LinkLost
from .poll import BuilderSnapshot
from .progress import Progress, ReportLine
from .silent_host import SilentHost
from .watched import is_watched

#: Seconds between two polls of a builder: the first wait after news, then it grows up to the longest.
FIRST_WAIT, LONGEST_WAIT, WAIT_GROWTH = 0.1, 2.0, 1.5
#: Most restarts of a worker that ends with work in its inbox; then its builds go back to the queue.
MOST_RESTARTS = 3
#: Seconds in which a worker that builds nothing must begin one of its assignments.
STUCK = 90.0
#: Seconds by which a builder's clock may differ from the controller's without an event.
CLOCK_TOLERANCE = 120.0


class WorkerFails(LinkLost):
    """The builder answers, but its worker does no work; `problem` is a predicate after "its worker"."""

    def __init__(self, host: str, problem: str) -> None:
        super().__init__(f"The worker on {host} {problem}; see worker.log in its builder_home.")
        self.problem = problem


class ConnectedBuilder:
    """The operations of sessions, canaries and rebuilds on a builder. `connect` makes its link from LinkEvents."""

    def __init__(self, context: Context, connect: Callable[[LinkEvents], Link], report_line: ReportLine) -> None:
        self.context = context
        self.progress = Progress(context, report_line)
        self._silence = SilentHost(context, self.progress)
        self.link = connect(self._silence)
        self.intake = Intake(context, self.link, self.progress)
        self.orders = BuilderOrders(context, self.progress)
        #: By attempt, the builds that this session handed over or found on the builder.
        self.planned: dict[str, PlannedBuild] = {}
        #: By attempt, when a build was first seen going on, in epoch seconds.
        self.begun = batches.begun(context.catalog, context.host)
        #: The attempt ID of the canary or rebuild that goes on: it is in the inbox and not in the table `attempt`.
        self._waits_for: str | None = None

    def observe(self) -> BuilderSnapshot:
        """Poll, take every result in, withdraw builds that this host no longer holds, and show the builds."""
        watched = is_watched(self.context.options.state_dir)
        snapshot = self.link.poll(self.intake.unacknowledged, tails=watched)
        self.intake.unacknowledged = []
        self._silence.answered()
        note_progress()
        for attempt, files in snapshot.outbox.items():
            planned = self.planned.get(attempt)
            self.intake.take(attempt, planned.kind if planned else None, files)
        held = batches.open_attempts(self.context.catalog, self.context.host).keys()
        if orphans := snapshot.waiting - held - {self._waits_for}:
            self.link.withdraw(orphans)
        if stops := self.orders.new_stops(held | snapshot.building.keys()):
            self.link.stop(stops)
        self._compare_clocks(snapshot)
        self.progress.show_metrics(snapshot.metrics, self._going_on(snapshot))
        return snapshot

    def observations(self) -> Iterator[BuilderSnapshot]:
        """Observe repeatedly, at growing intervals."""
        wait = FIRST_WAIT
        while True:
            yield self.observe()
            wait = min(wait * WAIT_GROWTH, LONGEST_WAIT)
            self.context.clock.sleep(wait)

    def hand_over(self, builds: Iterable[PlannedBuild]) -> None:
        """Hand builds over; the builder ignores those that it has already."""
        assignments = []
        for build in builds:
            self.planned[build.attempt] = build
            assignments.append(assignment_for(build, self.context.options))
        if assignments:
            self.link.hand_over(assignments)

    def withdraw(self, attempts: Collection[str]) -> int:
        """Withdraw builds that have not begun; returns how many went back to the queue."""
        withdrawn = self.link.withdraw(list(attempts))
        return batches.return_unstarted(self.context.catalog, withdrawn, self.context.options.max_attempts)

    def acknowledge_all(self) -> None:
        """Let the builder remove every result that was taken in."""
        while self.intake.unacknowledged:
            self.observe()

    def wait_for(self, build: PlannedBuild, arrived: Callable[[], bool]) -> None:
        """Hand one build over and wait until its result `arrived`. Raises WorkerFails if the worker fails to do it."""
        restarts, last_sign = 0, self.context.clock.monotonic()
        self._waits_for = build.attempt
        self.hand_over([build])
        try:
            for snapshot in self.observations():
                if arrived():
                    return
                if not snapshot.worker:
                    restarts += 1
                    self.check_restarts(restarts)
                    self.hand_over([build])
                if snapshot.building:
                    last_sign = self.context.clock.monotonic()
                self.check_stuck(last_sign)
        finally:
            self._waits_for = None

    def check_restarts(self, restarts: int) -> None:
        """Raise WorkerFails if the worker was started too often."""
        if restarts > MOST_RESTARTS:
            raise WorkerFails(self.context.host, "ends without results")

    def check_stuck(self, last_sign: float) -> None:
        """Raise WorkerFails if nothing went on for STUCK seconds since `last_sign` (monotonic clock)."""
        if self.context.clock.monotonic() - last_sign > STUCK:
            raise WorkerFails(self.context.host, "begins nothing of what it has")

    def full_disk(self, snapshot: BuilderSnapshot) -> str | None:
        """The reason why the builder may have no work, if its disk is too full; else None."""
        least = self.context.options.min_free
        self.progress.status.disk_low = snapshot.free < least
        if snapshot.free >= least:
            return None
        sentence = f"It has less than {least >> 20} MiB of disk left; free some space there."
        self.progress.event(sentence)
        return sentence

    def show_building(self, snapshot: BuilderSnapshot) -> None:
        """Show the builds that go on on the builder."""
        self.progress.show_building(self._going_on(snapshot))

    def _going_on(self, snapshot: BuilderSnapshot) -> list[Building]:
        going_on = []
        for attempt in snapshot.building:
            if attempt in self.begun and attempt in self.planned:
                build = self.planned[attempt]
                tail = snapshot.tails.get(attempt, "")
                since, seconds = self.begun[attempt], build.predicted_seconds
                going_on.append(Building(build.name, build.version, build.target, since, seconds, tail))
        return going_on

    def _compare_clocks(self, snapshot: BuilderSnapshot) -> None:
        ahead = snapshot.clock - self.context.clock.now()
        if abs(ahead) > CLOCK_TOLERANCE:
            how = "ahead of" if ahead > 0 else "behind"
            self.progress.event(
                f"Its clock is {human_duration(abs(ahead))} {how} the controller's; set it right (timedatectl)."
            )
