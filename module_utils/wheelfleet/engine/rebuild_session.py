"""The session of a rebuild check: a builder builds wheels of other builders again (planner/rebuild_sample)."""

from __future__ import annotations

from ..control import orders
from ..planner import batches, rebuild_sample, suspension
from ..planner.rebuild_sample import Rebuild
from .connected_builder import ConnectedBuilder
from .host_status import HostState
from .link import LinkLost
from .progress import Answer

#: Seconds after which no more rebuilds begin, so that the next run does not wait.
LONGEST_STEP = 1800.0


class RebuildSession:
    """Makes all rebuilds that are due for this host, one after the other. A lost link does not end the run."""

    def __init__(self, builder: ConnectedBuilder) -> None:
        self.builder = builder
        self.context = builder.context
        self.changed = False

    def work(self) -> Answer:
        """Make the rebuilds; the answer is always `drained`, and `changed` after a rebuild or a late result."""
        builder, catalog, host = self.builder, self.context.catalog, self.context.host
        builder_orders = builder.orders
        try:
            snapshot = builder.observe()
            builder.progress.count_queue()
            rebuild_sample.forget_unfinished(catalog, host, self.context.options.run)
            # A build that goes on after the end of its run would hold up a rebuild.
            is_free = builder_orders.look() is None and not batches.open_attempts(catalog, host)
            if is_free and builder.full_disk(snapshot) is None and not suspension.is_suspect(catalog, host):
                self._rebuild_all()
            builder.acknowledge_all()
        except LinkLost as error:
            builder.progress.report_line(f"builds nothing again: {error}")
        if builder_orders.hold is not None:
            answer = builder.progress.last_answer(builder_orders.state, builder_orders.note)
            return {**answer, "changed": self.changed or answer["changed"]}
        suspended = suspension.why_suspended(catalog, host)
        answer = builder.progress.last_answer(HostState.SUSPENDED if suspended else HostState.IDLE, suspended or "")
        return {**answer, "changed": self.changed or answer["changed"]}

    def _rebuild_all(self) -> None:
        catalog, options, clock = self.context.catalog, self.context.options, self.context.clock
        until = clock.monotonic() + LONGEST_STEP
        for wheel in rebuild_sample.due(
            catalog, host=self.context.host, run=options.run, percent=options.rebuild_percent
        ):
            if clock.monotonic() > until or orders.hold_on(catalog.db, self.context.host) is not None:
                return
            rebuild = rebuild_sample.claim(catalog, wheel, host=self.context.host, run=options.run, now=clock.now())
            if rebuild is not None:
                self._rebuild(rebuild)

    def _rebuild(self, rebuild: Rebuild) -> None:
        build = rebuild.build
        self.builder.begun[build.attempt] = self.context.clock.now()
        self.builder.progress.report_line(f"builds {rebuild.filename} again", begins=True)
        try:
            self.builder.wait_for(build, lambda: not rebuild_sample.is_open(self.context.catalog, build.attempt))
        except LinkLost:
            rebuild_sample.give_up(self.context.catalog, build.attempt)
            raise
        self.changed = True
