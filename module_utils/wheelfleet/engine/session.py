"""The session of a builder: it is at most one batch, and M(wheelfleet_batch) repeats it until nothing is left.

A session adopts or claims builds, hands them over, and takes results in while the host builds the rest. All lasting
state is in the catalog (`planner/batches`, `planner/suspension`). A session can be killed at any moment: the next one
adopts the builds that the host still holds. How long the run goes on is in its rules (`engine/run_rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from ..planner import batches, queue, suspension
from ..planner.batches import HostWork
from ..planner.work_to_return import settled_meanwhile, too_late, work_to_return
from ..text import human_duration
from .canary import try_canary
from .connected_builder import FIRST_WAIT, LONGEST_WAIT, WAIT_GROWTH, ConnectedBuilder
from .flow import waits_for_work
from .host_status import HostState
from .link import LinkLost
from .poll import BuilderSnapshot
from .progress import Answer, count_builds
from .run_rules import RunRules, read_rules

#: Seconds between two renewals of the lease.
RENEWAL = 60.0
#: Seconds between two looks for new work, in a run that follows upstream.
NEWS_WAIT = 5.0
#: Seconds between two calls of a builder that does not answer, in a run that follows: first, and at most.
FIRST_RETURN_WAIT, LONGEST_RETURN_WAIT = 5.0, 300.0
#: The number of claims in a row that leave work to faster hosts; then a slower host claims it too.
CLAIMS_LEFT_TO_OTHERS = 3


class BuilderSession:
    """Works on one batch on one builder."""

    def __init__(self, builder: ConnectedBuilder) -> None:
        self.builder = builder
        self.context = builder.context
        self.catalog = builder.context.catalog
        self.host = builder.context.host
        self.options = builder.context.options
        self.clock = builder.context.clock
        self.progress = builder.progress
        self.orders = builder.orders
        self._renewed = 0.0
        #: Whether the builder is held and empty, so that nothing is asked of it.
        self._left_alone = False

    def work(self) -> Answer:
        """Work on one batch; `drained` in the answer says that nothing is left for this host in this run."""
        try:
            # Poll before the claim, so that a dead host does not claim again the batch that it lost.
            snapshot = self.builder.observe()
            unfit = self._wait_until_fit(snapshot)
            if unfit is not None:
                return self._suspended(unfit)
            held = self._claim()
            if held is None or self._is_over():
                return self._without_work()
            self._begin(held, snapshot)
            self._see_through()
            return self._leave() if self._is_over() else self.progress.answer(drained=False)
        except LinkLost as error:
            return self._lost(error)

    def _suspended(self, sentence: str) -> Answer:
        self.builder.acknowledge_all()
        failed = suspension.is_only_builder(self.catalog, self.host)
        answer = self.progress.last_answer(HostState.SUSPENDED, sentence)
        return {**answer, "failed": True} if failed else answer

    # --------------------------------------------------------- rules of the run

    def _rules(self) -> RunRules:
        return read_rules(self.options.state_dir, self.options.run)

    def _is_over(self, rules: RunRules | None = None) -> bool:
        """Whether this host's part in the run ends: with the run, or for packages that are to be installed."""
        rules = rules or self._rules()
        return rules.is_over(self.clock.now()) or (rules.packages_due and self.options.leave_for_packages)

    def _follows(self) -> bool:
        """Whether the run goes on without work."""
        return waits_for_work(self.options.state_dir, self._rules(), self.clock.now())

    def _leave(self) -> Answer:
        """End this host's part in the run: what it has not begun goes back, what it builds waits there for the next
        run, or for this run's next part."""
        self.builder.withdraw([each for each, begun in self._mine().items() if not begun])
        self.builder.acknowledge_all()
        going_on = len(self._mine())
        if going_on:
            batches.renew(self.catalog, self.host, self.clock.now(), lease_seconds=batches.LEFT_SECONDS)
        if not self._rules().is_over(self.clock.now()):
            if going_on:
                self.progress.event(f"Missing packages are installed while it goes on with {count_builds(going_on)}.")
            return {**self.progress.last_answer(HostState.IDLE), "left": True}
        if going_on:
            self.progress.event(f"The run ended while it built; the next one takes in {count_builds(going_on)}.")
        return self.progress.last_answer(HostState.IDLE)

    def _lost(self, error: LinkLost) -> Answer:
        """The builder does not answer, or does no work: its builds go to the others. A run that follows calls it again
        and again, because a host that starts again answers after a while."""
        if self._is_over():
            # It may be well, and build on.
            batches.renew(self.catalog, self.host, self.clock.now(), lease_seconds=batches.LEFT_SECONDS)
            return {**self.progress.last_answer(HostState.UNREACHABLE, str(error)), "unreachable": True}
        follows = self._follows()
        lost = batches.reclaim_host(
            self.catalog, self.host, self.clock.now(), self.options.max_attempts, keeps_targets=follows
        )
        self.progress.event(f"It did not answer any more; {count_builds(lost)} went back to the queue.")
        pause = FIRST_RETURN_WAIT
        while self._follows():
            self.progress.show_building([])
            self.progress.show(HostState.UNREACHABLE, f"{error} It is called again and again.")
            until = self.clock.monotonic() + pause
            while self._follows() and (left := until - self.clock.monotonic()) > 0:
                self.clock.sleep(min(left, NEWS_WAIT))
            pause = min(2 * pause, LONGEST_RETURN_WAIT)
            if not self._follows():
                break
            with suppress(LinkLost):
                self.builder.observe()
                self.progress.event("It answers again and gets work.")
                return self.progress.answer(drained=False)
        if follows:
            batches.reclaim_host(self.catalog, self.host, self.clock.now(), self.options.max_attempts)
        return {**self.progress.last_answer(HostState.UNREACHABLE, str(error)), "unreachable": True}

    def _without_work(self) -> Answer:
        """The queue has nothing for this host."""
        if self._is_over():
            return self._leave()
        if self.orders.hold is not None:
            return self.progress.last_answer(self.orders.state, self.orders.note)
        # Its last failures may be its own fault, and the other hosts can still build those.
        if suspension.has_uncleared_failures(self.catalog, self.host):
            unfit = try_canary(self.builder)
            if unfit is not None and not self._follows():
                return self._suspended(unfit)
        self.builder.acknowledge_all()
        if self._follows():
            self._wait_for_news()
            return self.progress.answer(drained=False)
        lack = self._rules().lacks_room(self.options.state_dir)
        if lack and queue.progress(self.catalog, self.options.run).left:
            return {**self.progress.last_answer(HostState.SUSPENDED, lack), "failed": True}
        return self.progress.last_answer(HostState.IDLE)

    def _wait_for_news(self) -> None:
        """Wait until the queue has work again, or the run ends."""
        while self._follows() and not suspension.is_suspect(self.catalog, self.host):
            if self.orders.look():
                self._wait_for_resume(0)
                continue
            self._left_alone = False
            lack = self._rules().lacks_room(self.options.state_dir)
            self.progress.show(HostState.WAITING, f"for room: {lack}" if lack else "for new releases")
            self.clock.sleep(NEWS_WAIT)
            # A lost link must be noticed before the next claim.
            self.builder.observe()
            progress = self.progress.count_queue()
            if progress.left > progress.held and not lack:
                return
            if progress.held:
                # The others return for it what they have not begun. A fleet with nothing to do writes nothing.
                batches.mark_idle(self.catalog, self.host, self.clock.now())

    # ------------------------------------------------------------ before work

    def _wait_until_fit(self, snapshot: BuilderSnapshot) -> str | None:
        """Wait until the host may have work: None. Returns the reason if it may not and no other host holds builds."""
        pause = suspension.FIRST_CANARY_WAIT
        while True:
            if self.orders.look():
                return None  # it gets nothing, so it has nothing to show
            unfit = self.builder.full_disk(snapshot)
            if unfit is None and suspension.is_suspect(self.catalog, self.host):
                unfit = try_canary(self.builder)
            if unfit is None:
                return None
            self.builder.withdraw(batches.open_attempts(self.catalog, self.host))
            self.progress.show(
                HostState.SUSPENDED, f"{unfit} It is looked at again in {human_duration(pause)}, while others work."
            )
            until = self.clock.monotonic() + pause
            pause = min(2 * pause, suspension.LONGEST_CANARY_WAIT)
            while self.clock.monotonic() < until:
                if self._is_over() or not (batches.others_build(self.catalog, self.host) or self._follows()):
                    return unfit
                if self.orders.look():
                    return None
                self.clock.sleep(LONGEST_WAIT)
                snapshot = self.builder.observe()

    def _claim(self) -> HostWork | None:
        """Claim builds; None if nothing is left. Waits while other hosts hold builds that may come back."""
        nobody_works = 0
        while True:
            now, rules = self.clock.now(), self._rules()
            hold = self.orders.look()
            batches.expire_leases(self.catalog, now, self.options.max_attempts)
            lack = self._lacks_room(rules)
            over = self._is_over(rules)
            # If faster hosts do not take the work that was left to them, this host does.
            held = batches.claim(
                self.catalog,
                host=self.host,
                run=self.options.run,
                now=now,
                top_up=not (over or lack),
                leave_to_faster=nobody_works < CLAIMS_LEFT_TO_OTHERS,
                end_at=rules.end_at,
            )
            progress = self.progress.count_queue()
            others_work = progress.held > 0 or suspension.others_with_canary(self.catalog, self.host, now)
            nobody_works = 0 if others_work else nobody_works + 1
            self._left_alone = self._left_alone and hold is not None
            if over:
                return held
            if hold is not None and held is None:
                if not self._wait_for_resume(nobody_works):
                    return None
                continue
            nothing_left = progress.left == 0 or nobody_works > CLAIMS_LEFT_TO_OTHERS
            if held is not None or (not others_work and nothing_left):
                return held
            batches.mark_idle(self.catalog, self.host, now)
            self.progress.show(HostState.WAITING, f"for room: {lack}" if lack else self._waits_for(now))
            self.clock.sleep(LONGEST_WAIT)
            # Late results may arrive, and a lost link must be noticed before the next claim.
            self.builder.observe()

    def _wait_for_resume(self, nobody_works: int) -> bool:
        """Wait a moment while the builder is held and has nothing; False if no other builder works any more.

        It is not polled once it is empty, because it may be switched off.
        """
        if not self._left_alone:
            snapshot = self.builder.observe()
            self.builder.acknowledge_all()
            self._left_alone = not (snapshot.building or snapshot.waiting or snapshot.outbox)
            self.orders.note_empty(snapshot)
        self.progress.show(self.orders.state, self.orders.note)
        if nobody_works > CLAIMS_LEFT_TO_OTHERS and not self._follows():
            return False
        self.clock.sleep(LONGEST_WAIT)
        return True

    def _lacks_room(self, rules: RunRules) -> str | None:
        """Why nothing is handed out, said once in a run; None if the controller has room."""
        lack = rules.lacks_room(self.options.state_dir)
        if lack:
            self.progress.event_of_controller(lack)
        return lack

    def _waits_for(self, now: float) -> str:
        """The clause about the hosts that this one waits for, and how long at most if they are silent."""
        holders = [
            f"for {host}, which has {count_builds(count)} that may come back "
            f"(in {human_duration(max(seconds, 0.0))} if it says nothing till then)"
            for host, count, seconds in batches.held_by_others(self.catalog, self.host, now)
        ]
        trials = [
            f"for {host}, which has to show that it can build"
            for host in suspension.others_with_canary(self.catalog, self.host, now)
        ]
        return ", ".join([*holders, *trials]) or "for work that faster builders may leave"

    def _begin(self, held: HostWork, snapshot: BuilderSnapshot) -> None:
        """Hand over the builds that the builder does not have yet."""
        has = snapshot.waiting | snapshot.building.keys() if snapshot.worker else frozenset()
        self.builder.planned |= {build.attempt: build for build in held.builds}
        builds = held.builds
        if self.orders.look():
            begun = self._return_unbegun(snapshot)
            builds = tuple(build for build in builds if build.attempt in begun)
        self.builder.hand_over([build for build in builds if build.attempt not in has])
        self._renewed = self.clock.monotonic()
        self.progress.count_queue()
        self.progress.show(*(self.progress.hold or (HostState.BUILDING, "")))

    def _return_unbegun(self, snapshot: BuilderSnapshot) -> set[str]:
        """Return what the builder has not begun, because it is held; returns the attempts that it keeps."""
        mine = batches.open_attempts(self.catalog, self.host)
        waiting = [attempt for attempt, begun in mine.items() if not begun and attempt in snapshot.waiting]
        never_had = [
            attempt
            for attempt, begun in mine.items()
            if not (begun or attempt in snapshot.waiting or attempt in snapshot.building)
        ]
        count = self.builder.withdraw(waiting) if waiting else 0
        # If the worker began one in this moment, its result is late, and taken in unless another came first.
        count += batches.return_unstarted(self.catalog, never_had, self.options.max_attempts)
        if count:
            self.progress.event(f"{count_builds(count)} it had not begun went back to the queue.")
        return set(batches.open_attempts(self.catalog, self.host))

    # ------------------------------------------------------------ during work

    def _see_through(self) -> None:
        """Observe until the next batch is handed over or every build has a result."""
        wait, restarts, last_sign = FIRST_WAIT, 0, self.clock.monotonic()
        while True:
            before = len(self.progress.admitted)
            snapshot = self.builder.observe()
            news = len(self.progress.admitted) > before
            mine = self._mine()
            if not mine:
                break
            rules = self._rules()
            if self._is_over(rules):
                return  # what goes on is left to the next run, or to the next part of this one
            if not self._keep_lease():
                return  # reclaimed while this host was silent; late results are still taken in
            self._note_begun(mine, snapshot)
            hold = self.orders.look()
            if news or snapshot.building:
                last_sign, restarts = self.clock.monotonic(), 0
            if not snapshot.worker and not news:
                restarts += 1
                self._restart(restarts)
            if hold is not None:
                if snapshot.waiting & mine.keys():
                    self._return_unbegun(snapshot)
            elif self.builder.full_disk(snapshot) is not None or suspension.is_suspect(self.catalog, self.host):
                self.builder.withdraw(mine)
            else:
                self.builder.check_stuck(last_sign)
                self._share(rules)
                if self._top_up(rules):
                    break
            wait = FIRST_WAIT if news else min(wait * WAIT_GROWTH, LONGEST_WAIT)
            self.clock.sleep(wait)
        # Otherwise the next session finds these results in the outbox and drops them as known.
        self.builder.acknowledge_all()
        batches.close_finished(self.catalog, self.host)

    def _keep_lease(self) -> bool:
        if self.clock.monotonic() - self._renewed < RENEWAL:
            return True
        self._renewed = self.clock.monotonic()
        return batches.renew(self.catalog, self.host, self.clock.now())

    def _note_begun(self, mine: Mapping[str, bool], snapshot: BuilderSnapshot) -> None:
        """Record the builds that have begun since the last poll."""
        begun = [
            attempt
            for attempt, known in mine.items()
            if not known and (attempt in snapshot.building or attempt not in snapshot.waiting)
        ]
        if not begun:
            return
        now = self.clock.now()
        batches.begin(self.catalog, begun, now)
        for attempt in begun:
            if build := self.builder.planned.get(attempt):
                self.builder.begun[attempt] = now - snapshot.building.get(attempt, 0.0)
                self.progress.report_line(f"builds {build.name} {build.version} for {build.target}", begins=True)
        self.builder.show_building(snapshot)

    def _restart(self, restarts: int) -> None:
        """Start the worker again: it was killed, or the host was rebooted, and results are missing."""
        self.builder.check_restarts(restarts)
        self.orders.forget_stops()
        held = batches.claim(self.catalog, host=self.host, run=self.options.run, now=self.clock.now(), top_up=False)
        if held is not None:
            begun = batches.begun(self.catalog, self.host)
            self.builder.hand_over([b for b in held.builds if self.orders.hold is None or b.attempt in begun])

    def _mine(self) -> dict[str, bool]:
        """The attempts that this host holds, and whether they were seen going on."""
        return batches.open_attempts(self.catalog, self.host)

    def _share(self, rules: RunRules) -> None:
        """Return unstarted builds that are needless, that idle hosts can begin, or that would begin or end too late."""
        if rules.end_at is not None and (late := too_late(self.catalog, self.host, self.clock.now(), rules.end_at)):
            self.builder.withdraw(late)
        if settled := settled_meanwhile(self.catalog, self.host):
            self.builder.withdraw(settled)
        back = work_to_return(self.catalog, self.host, self.options.run, self.clock.now())
        if back.attempts and (count := self.builder.withdraw(back.attempts)):
            why = "because others come first" if back.overtaken else "because it is slower than was predicted"
            where = "went to idle builders" if back.idle else f"went back to the queue, {why}"
            self.progress.event(f"{count_builds(count)} it had not begun {where}.")

    def _top_up(self, rules: RunRules) -> bool:
        """Claim and hand over more before the builder runs dry, or what is urgent; returns whether there was any."""
        now = self.clock.now()
        if self._lacks_room(rules):
            return False
        if not batches.wants_more(self.catalog, self.host, self.options.run, now, end_at=rules.end_at):
            return False
        held = batches.claim(self.catalog, host=self.host, run=self.options.run, now=now, end_at=rules.end_at)
        if held is None or not held.new:
            return False
        self.builder.planned |= {build.attempt: build for build in held.builds}
        self.builder.hand_over([build for build in held.builds if build.attempt not in self.builder.begun])
        return True
