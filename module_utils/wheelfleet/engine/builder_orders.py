"""What operators ordered about the builder of a session, looked up at each poll: it is held, or it may work."""

from __future__ import annotations

import time
from collections.abc import Collection

from ..catalog.controls import Control
from ..control import builders, orders
from ..planner.carry_out import carry_out
from ..text import human_duration
from .context import Context
from .host_status import HostState
from .poll import BuilderSnapshot
from .progress import Progress


class BuilderOrders:
    """The order that holds the builder (pause or drain), and the words about it."""

    def __init__(self, context: Context, progress: Progress) -> None:
        self.context = context
        self.progress = progress
        #: The order in force; None: the builder may begin builds.
        self.hold: Control | None = None
        #: The builds that the worker was told to end.
        self._stopping: set[str] = set()

    def look(self) -> Control | None:
        """Look the orders up, and say in the terminal what is new; returns the order that holds the builder."""
        orders.end_overdue(self.context.catalog, self.context.clock.now())
        carry_out(self.context.catalog, self.context.clock.now())
        before, self.hold = self.hold, orders.hold_on(self.context.catalog.db, self.context.host)
        if self.hold is None:
            if before is not None:
                self.progress.hold = None
                self.progress.report_line(f"may work again ({before.verb} is over)")
            return None
        self.progress.hold = (self.state, self.note)
        if before is None or before.id != self.hold.id:
            done = "is paused" if self.hold.verb == "pause" else "is drained"
            self.progress.report_line(f"{done} {self.note}; it begins nothing new")
        return self.hold

    @property
    def state(self) -> HostState:
        """The state of a builder that is held."""
        if self.hold is None or self.hold.verb == "pause":
            return HostState.PAUSED
        return HostState.DRAINED if self.hold.answer else HostState.DRAINING

    @property
    def note(self) -> str:
        """Who holds the builder, since when and why."""
        return "" if self.hold is None else said_of(self.hold)

    def new_stops(self, attempts: Collection[str]) -> list[str]:
        """Those of the builder's attempts that an operator wants ended and that the worker was not told yet."""
        new = [
            stop
            for stop in orders.stops(self.context.catalog.db)
            if stop.subject in attempts and stop.subject not in self._stopping
        ]
        for stop in new:
            self._stopping.add(stop.subject)
            self.progress.report_line(f"stops {stop.subject}, as ordered by {stop.who}: {stop.reason}")
        return [stop.subject for stop in new]

    def forget_stops(self) -> None:
        """Tell the worker again what to end, because it or its host was started anew."""
        self._stopping = set()

    def note_empty(self, snapshot: BuilderSnapshot) -> None:
        """Tell the operator once that a drained builder is empty; the caller has taken all results in."""
        hold = self.hold
        if hold is None or hold.verb != "drain" or hold.answer or snapshot.building or snapshot.outbox:
            return
        context = self.context
        if builders.note_drained(context.catalog, hold, context.options.run, context.clock.now()):
            seconds = context.clock.now() - hold.at
            self.progress.report_line(f"is drained after {human_duration(seconds)}: it may be switched off")
            self.look()


def said_of(hold: Control) -> str:
    """Who ordered it, since when and why: `by alice since 2026-11-30 14:05 UTC: new SD card`."""
    return f"by {hold.who} since {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(hold.at))}: {hold.reason}"
