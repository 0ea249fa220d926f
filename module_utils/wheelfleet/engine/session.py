"""One call of the batch module on one host: the decisions, without Ansible.

The link (the action plugin's connection) can poll, hand over, withdraw and fetch; everything can be repeated, and what
cannot be done for as long as patience lasts ends as LinkLost. Policy that concerns more than this call lives in the
catalog (`planner/batches`, `planner/suspension`).
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from ..admission.admit import Admitted, Places, admit
from ..admission.classify import classify
from ..admission.compare_rebuild import hear
from ..admission.result import BadResult, log_tail, read_result
from ..catalog.database import Catalog
from ..contract.canary import NAME as CANARY_NAME
from ..contract.canary import VERSION as CANARY_VERSION
from ..planner import batches, events, queue, suspension
from ..planner.batches import Held, PlannedBuild
from ..planner.rebuild_sample import WITNESS
from ..text import human_duration
from .assignments import assignment_for
from .batch_options import BatchOptions
from .host_status import Building, HostStatus, post_status
from .poll import BuilderSnapshot

#: Waits between two polls of a builder, in seconds: short after news, then growing.
FIRST_WAIT, LONGEST_WAIT, WAIT_GROWTH = 0.1, 2.0, 1.5
#: A worker that ended with work in its inbox is started this often before the batch goes back.
MOST_RESTARTS = 3
#: Seconds between two renewals of the lease.
RENEWAL = 60.0
#: Seconds of silence after which what a host has not begun goes to idle ones.
SILENCE = 30.0
#: Seconds in which a worker that runs nothing must begin what it has.
STUCK = 90.0
#: So often a slower host leaves to faster ones what they do not claim although they have nothing to do.
CLAIMS_LEFT_TO_OTHERS = 3
#: Seconds a builder's clock may differ from the controller's before that is told.
CLOCK_TOLERANCE = 120.0


class LinkLost(Exception):
    """The builder did not answer for as long as we were told to wait; the message says so."""


class Link(Protocol):
    """The way to the builder. Every method may raise LinkLost."""

    def poll(self, acknowledged: Collection[str]) -> BuilderSnapshot:
        """Poll the builder; it removes the results acknowledged."""

    def hand_over(self, assignments: list[dict[str, Any]]) -> None:
        """Put assignments into the inbox, those excepted that it knows, and have a worker run."""

    def withdraw(self, attempts: Collection[str]) -> list[str]:
        """Take assignments out of the inbox; returns those that nobody has begun."""

    def fetch(self, attempt: str, files: Mapping[str, int], staging: Path) -> None:
        """Copy a result's files, of these sizes in bytes, into a folder; what is too large to be taken stays away."""


class BuilderSession:
    """Claim or adopt work, hand it over, fetch and admit results while it runs; `say` shows a line to people."""

    def __init__(
        self, catalog: Catalog, link: Link, host: str, terms: BatchOptions, say: Callable[[str], None]
    ) -> None:
        self.catalog = catalog
        self.link = link
        self.host = host
        self.terms = terms
        self.say = say
        self.places = Places(terms.state_dir / "files", terms.state_dir / "logs")
        self.received: list[Admitted] = []
        self.canary: str | None = None
        self.canary_verdict: str | None = None
        self.witnessing: str | None = None
        self._acknowledge: list[str] = []
        self._begun = batches.begun(catalog, host)
        self._known: dict[str, PlannedBuild] = {}
        self._renewed = 0.0
        self._released = False
        built, failed = queue.done_by(catalog, terms.run, host)
        self.status = HostStatus(host, terms.run, state="visiting", built=built, failed=failed)

    def work(self) -> dict[str, Any]:
        """Do one batch; `drained` in the answer ends the loop around it."""
        try:
            # The link first: a dead host must not claim the batch it just gave back.
            snapshot = self._observe()
            unfit = self._until_fit(snapshot)
            if unfit is not None:
                self._acknowledge_all()
                return self._leave("set aside", unfit, failed=suspension.needed(self.catalog, self.host))
            held = self._claim()
            if held is None:
                # What it failed at the end may be its own fault, and the others are still here.
                unfit = self._try_canary() if suspension.unvouched(self.catalog, self.host) else None
                self._acknowledge_all()
                if unfit is not None:
                    return self._leave("set aside", unfit, failed=suspension.needed(self.catalog, self.host))
                return self._leave("idle")
            self._hand_over(held, snapshot)
            self._see_through(time.monotonic())
        except LinkLost as error:
            lost = batches.release_host(self.catalog, self.host, time.time(), self.terms.tries)
            self._note(f"It did not answer any more; {_builds(lost)} went back to the queue.")
            return {**self._leave("unreachable", str(error)), "unreachable": True}
        return self._report(drained=False)

    def silent(self, seconds: float) -> None:
        """The link says nothing for so long: idle hosts may have what this one has not begun."""
        self._show("silent")
        if (
            seconds > SILENCE
            and not self._released
            and batches.asked_back(self.catalog, self.host, self.terms.run, time.time()).idle
        ):
            self._released = True
            went = batches.release_waiting(self.catalog, self.host, self.terms.tries)
            self._note(f"It was silent while others were idle; {_builds(went)} it had not begun went to them.")

    def fetches_itself(self, sentence: str) -> None:
        """The builder does not fetch by way of the cache of upstream; the sentence says what and why."""
        self._note(sentence)

    # ---------------------------------------------------------------- fitness

    def _until_fit(self, snapshot: BuilderSnapshot) -> str | None:
        """Wait until the host may have work; why not, when it is not worth waiting any longer."""
        pause = suspension.FIRST_CANARY_WAIT
        while True:
            unfit = self._full_disk(snapshot)
            if unfit is None:
                if not suspension.doubted(self.catalog, self.host):
                    return None
                unfit = self._try_canary()
                if unfit is None:
                    return None
            self._withdraw(batches.open_attempts(self.catalog, self.host))
            self._show("set aside", f"{unfit} It is looked at again in {human_duration(pause)}, while others work.")
            until = time.monotonic() + pause
            pause = min(2 * pause, suspension.LONGEST_CANARY_WAIT)
            while time.monotonic() < until:
                if not self._others_work():
                    return unfit
                time.sleep(LONGEST_WAIT)
                snapshot = self._observe()

    def _full_disk(self, snapshot: BuilderSnapshot) -> str | None:
        if snapshot.free >= self.terms.min_free:
            return None
        sentence = f"It has less than {self.terms.min_free >> 20} MiB of disk left; free some space there."
        self._note(sentence)
        return sentence

    def _try_canary(self) -> str | None:
        """Have it build what is known to build. None if it did; else why it is set aside."""
        was_aside = suspension.why_set_aside(self.catalog, self.host)
        build = suspension.canary_for(self.catalog, self.host) or self._own_canary()
        if build is None:
            return None
        self.canary, self.canary_verdict = build.attempt, None
        self._show("canary", f"builds {build.name} {build.version} to show that it can build")
        self.link.hand_over([assignment_for(build, self.terms)])
        wait, restarts = FIRST_WAIT, 0
        while self.canary_verdict is None:
            snapshot = self._observe()
            if not snapshot.worker and self.canary_verdict is None:
                restarts += 1
                if restarts > MOST_RESTARTS:
                    self.canary_verdict = "its worker ends without results"
                else:
                    self.link.hand_over([assignment_for(build, self.terms)])
            wait = min(wait * WAIT_GROWTH, LONGEST_WAIT)
            time.sleep(wait)
        if not self.canary_verdict:
            suspension.clear(self.catalog, self.host)
            if was_aside:
                self._note("It built its canary and gets work again.")
            return None
        what = f"{build.name} {build.version}"
        sentence = f"It cannot build {what}, which was built before: {self.canary_verdict}"
        if build.name == CANARY_NAME:
            sentence = f"It cannot build the canary that comes with wheelfleet: {self.canary_verdict}"
        returned = suspension.set_aside(self.catalog, self.host, sentence, self.terms.tries)
        if was_aside is None:
            self._note(f"Set aside. {sentence} Its last {returned} failures count for nothing; others try those.")
        return sentence

    def _own_canary(self) -> PlannedBuild | None:
        offer = suspension.any_offer(self.catalog, self.host)
        if offer is None:
            return None
        return suspension.own_canary(CANARY_NAME, CANARY_VERSION, target=offer[0], tools=offer[1])

    def _others_work(self) -> bool:
        """Whether other hosts still build, so that work may come that this one could do when it is fit again."""
        (count,) = self.catalog.db.execute(
            "SELECT count(*) FROM attempt WHERE state = 'open' AND host <> ?", (self.host,)
        ).fetchone()
        return bool(count)

    # ------------------------------------------------------------------ steps

    def _whom_for(self, now: float) -> str:
        """Whom this host waits for, and how long at most if they say nothing."""
        held = [
            f"for {host}, which has {_builds(count)} that may come back "
            f"(in {human_duration(max(seconds, 0.0))} if it says nothing till then)"
            for host, count, seconds in batches.held_by_others(self.catalog, self.host, now)
        ]
        trials = [
            f"for {host}, which has to show that it can build"
            for host in suspension.others_on_trial(self.catalog, self.host, now)
        ]
        return ", ".join([*held, *trials]) or "for work that faster builders may leave"

    def _claim(self) -> Held | None:
        """What this host has to do; waits while other hosts hold work that may come back, or may claim some."""
        nobody_works = 0
        while True:
            now = time.time()
            batches.release_expired(self.catalog, now, self.terms.tries)
            # What is left to faster hosts that do not take it must not be left over.
            held = batches.claim(
                self.catalog,
                host=self.host,
                run=self.terms.run,
                now=now,
                leave_to_faster=nobody_works < CLAIMS_LEFT_TO_OTHERS,
            )
            progress = queue.progress(self.catalog, self.terms.run)
            others_work = progress.held > 0 or suspension.others_on_trial(self.catalog, self.host, now)
            nobody_works = 0 if others_work else nobody_works + 1
            if held is not None or (not others_work and (progress.left == 0 or nobody_works > CLAIMS_LEFT_TO_OTHERS)):
                return held
            batches.hunger(self.catalog, self.host, now)
            self._show("waiting", self._whom_for(now))
            time.sleep(LONGEST_WAIT)
            # Results of what this host had lost may come late; and the link must be there when work is.
            self._observe()

    def _hand_over(self, held: Held, snapshot: BuilderSnapshot | None = None) -> None:
        """Give the builder what it does not have yet."""
        self._known |= {a.attempt: a for a in held.builds}
        has = snapshot.waiting | snapshot.building.keys() if snapshot is not None and snapshot.worker else frozenset()
        missing = [assignment_for(a, self.terms) for a in held.builds if a.attempt not in has]
        if missing:
            self.link.hand_over(missing)
        self._renewed = time.monotonic()
        self._look_ahead()
        self._show("building")

    def _see_through(self, began: float) -> None:
        """Poll until the next batch is handed over or every build has a result, fetching each as it comes."""
        wait, restarts, last_sign = FIRST_WAIT, 0, began
        while True:
            before = len(self.received)
            snapshot = self._observe()
            news = len(self.received) > before
            mine = batches.open_attempts(self.catalog, self.host)
            if not mine:
                break
            if not self._keep():
                return  # given away while this host was silent; its late results are still welcome
            self._note_begun(mine, snapshot)
            if news or snapshot.building:
                last_sign, restarts = time.monotonic(), 0
            if not snapshot.worker and not news:
                restarts += 1
                self._restart(restarts)
            if self._may_have_no_more(snapshot):
                self._withdraw(mine)
            elif time.monotonic() - last_sign > STUCK:
                raise LinkLost(f"{self.host} begins nothing of what it has; see worker.log in its builder_home.")
            else:
                self._share()
                if self._top_up():
                    break
            wait = FIRST_WAIT if news else min(wait * WAIT_GROWTH, LONGEST_WAIT)
            time.sleep(wait)
        # What the next call met in the outbox again would be dropped as known.
        self._acknowledge_all()
        batches.close_finished(self.catalog, self.host)

    def _keep(self) -> bool:
        if time.monotonic() - self._renewed < RENEWAL:
            return True
        self._renewed = time.monotonic()
        return batches.renew(self.catalog, self.host, time.time())

    def _note_begun(self, mine: Mapping[str, bool], snapshot: BuilderSnapshot) -> None:
        begun = [a for a, known in mine.items() if not known and (a in snapshot.building or a not in snapshot.waiting)]
        if not begun:
            return
        now = time.time()
        batches.begin(self.catalog, begun, now)
        for a in (self._known[attempt] for attempt in begun if attempt in self._known):
            self._begun[a.attempt] = now - snapshot.building.get(a.attempt, 0.0)
            self.say(f"builds {a.name} {a.version} for {a.target}")
        self._show_building(snapshot)

    def _restart(self, restarts: int) -> None:
        """The worker is gone and results are missing: killed, or the host was started anew."""
        if restarts > MOST_RESTARTS:
            raise LinkLost(f"The worker on {self.host} ends without results; see worker.log in its builder_home.")
        held = batches.claim(self.catalog, host=self.host, run=self.terms.run, now=time.time(), top_up=False)
        if held is not None:
            self.link.hand_over([assignment_for(a, self.terms) for a in held.builds])

    def _may_have_no_more(self, snapshot: BuilderSnapshot) -> bool:
        return self._full_disk(snapshot) is not None or suspension.doubted(self.catalog, self.host)

    def _share(self) -> None:
        """Let idle hosts have a part of what is not begun here."""
        if settled := batches.settled_meanwhile(self.catalog, self.host):
            self._withdraw(settled)
        asked = batches.asked_back(self.catalog, self.host, self.terms.run, time.time())
        if asked.attempts and (went := self._withdraw(asked.attempts)):
            where = "went to idle builders" if asked.idle else "went back to the queue; it is slower than was predicted"
            self._note(f"{_builds(went)} it had not begun {where}.")

    def _top_up(self) -> bool:
        """Claim and hand over more before it runs dry; whether there was any."""
        now = time.time()
        if not batches.is_low(self.catalog, self.host, now):
            return False
        held = batches.claim(self.catalog, host=self.host, run=self.terms.run, now=now)
        if held is None or not held.new:
            return False
        self._known |= {a.attempt: a for a in held.builds}
        fresh = [a for a in held.builds if a.attempt not in self._begun]
        self.link.hand_over([assignment_for(a, self.terms) for a in fresh])
        return True

    def _withdraw(self, attempts: Iterable[str]) -> int:
        withdrawn = self.link.withdraw(list(attempts))
        return batches.give_back(self.catalog, withdrawn, self.terms.tries)

    # ---------------------------------------------------------------- results

    def _observe(self) -> BuilderSnapshot:
        """Poll, take results in, take back what is not the host's to build any more, and update the host's status."""
        snapshot = self.link.poll(self._acknowledge)
        self._acknowledge = []
        self._released = False
        for attempt, files in snapshot.outbox.items():
            self._take_in(attempt, files)
        orphans = (
            snapshot.waiting - batches.open_attempts(self.catalog, self.host).keys() - {self.canary, self.witnessing}
        )
        if orphans:
            self.link.withdraw(orphans)
        if self.canary is not None and self.canary_verdict is None:
            suspension.go_on_trial(self.catalog, self.host, time.time())
        self._compare_clocks(snapshot)
        self.status.metrics = {**snapshot.metrics, "at": round(time.time())}
        self._show_building(snapshot)
        return snapshot

    def _acknowledge_all(self) -> None:
        while self._acknowledge:
            self._observe()

    def _take_in(self, attempt: str, files: Mapping[str, int]) -> None:
        staging = self.terms.state_dir / "incoming" / f"{re.sub(r'[^A-Za-z0-9.-]', '_', self.host)}-{attempt}"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            self.link.fetch(attempt, files, staging)
            if attempt.startswith(suspension.CANARY):
                if attempt == self.canary:
                    self.canary_verdict = _judge_canary(staging, attempt)
            elif attempt.startswith(WITNESS):
                self._hear(staging, attempt)
            else:
                self._tell(
                    admit(
                        self.catalog,
                        self.places,
                        staging,
                        attempt,
                        host=self.host,
                        now=time.time(),
                        tries=self.terms.tries,
                        exclude=self.terms.repair_exclude,
                    )
                )
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self._acknowledge.append(attempt)

    def _hear(self, staging: Path, attempt: str) -> None:
        """A wheel built again: only a disagreement is an event."""
        heard = hear(self.catalog, self.places.files, staging, attempt, host=self.host, now=time.time())
        if heard is None:
            return
        if heard.verdict == "differs":
            self._note(f"It built {heard.filename} again, and not as {heard.builder} did. {heard.sentence}")
        elif heard.verdict == "agrees":
            self.say(f"built {heard.filename} again, the same as {heard.builder}")
        else:
            self.say(f"could not build {heard.filename} again ({heard.sentence})")

    def _compare_clocks(self, snapshot: BuilderSnapshot) -> None:
        ahead = snapshot.clock - time.time()
        if abs(ahead) > CLOCK_TOLERANCE:
            how = "ahead of" if ahead > 0 else "behind"
            self._note(f"Its clock is {human_duration(abs(ahead))} {how} the controller's; set it right (timedatectl).")

    # ------------------------------------------------------------------- talk

    def _show_building(self, snapshot: BuilderSnapshot) -> None:
        """Show what is being built."""
        self.status.building = [
            Building(self._known[x].name, self._known[x].version, self._known[x].target, self._begun[x])
            for x in snapshot.building
            if x in self._begun and x in self._known
        ]
        if self.status.building:
            self._show("building")

    def _tell(self, admitted: Admitted) -> None:
        if admitted.outcome == "dropped":
            self._note(f"Its result {admitted.attempt} was dropped: {admitted.sentence}.")
            return
        self.received.append(admitted)
        if admitted.outcome == "built":
            self.status.built += 1
            what = f"built {admitted.wheel}"
        else:
            self.status.failed += 1
            what = f"failed {admitted.name} {admitted.version} ({admitted.failure_class}: {admitted.sentence})"
        self._look_ahead()
        self.say(f"{what} in {human_duration(admitted.seconds)}; {self._outlook()}")

    def _note(self, sentence: str) -> None:
        """Remember an event, once in a run, and show it."""
        with self.catalog.writing() as db:
            new = events.note(db, run=self.terms.run, host=self.host, sentence=sentence, now=time.time())
        if new:
            self.say(sentence)

    def _look_ahead(self) -> None:
        """How much the whole fleet has still to do, for everybody who shows it."""
        progress = queue.progress(self.catalog, self.terms.run)
        self.status.left, self.status.seconds_left = progress.left, progress.seconds_left

    def _outlook(self) -> str:
        if not self.status.left:
            return "nothing left"
        seconds = self.status.seconds_left / max(self.terms.hosts, 1)
        return f"{self.status.left} left, about {human_duration(seconds)}"

    def _show(self, state: str, note: str = "", final: bool = False) -> None:
        self.status = replace(self.status, state=state, note=note, final=final)
        post_status(self.terms.state_dir / "run" / "status", self.status)

    def _leave(self, state: str, note: str = "", failed: bool = False) -> dict[str, Any]:
        self.status.building = []
        self._show(state, note, final=True)
        answer = self._report(drained=True)
        if note:
            answer["msg"] = f"{self.host}: {note}"
        return {**answer, "failed": True} if failed else answer

    def _report(self, drained: bool) -> dict[str, Any]:
        built = [a.wheel for a in self.received if a.outcome == "built"]
        failures = [
            {"name": a.name, "version": a.version, "target": a.target, "class": a.failure_class, "sentence": a.sentence}
            for a in self.received
            if a.outcome != "built"
        ]
        return {"changed": bool(self.received), "drained": drained, "built": built, "failures": failures}


def _builds(count: int) -> str:
    return "1 build" if count == 1 else f"{count} builds"


def _judge_canary(staging: Path, attempt: str) -> str:
    """Empty if the canary was built, else why not."""
    try:
        result = read_result(staging, attempt)
    except BadResult as error:
        return str(error)
    if result.outcome == "built":
        return ""
    why = classify(result.document, log_tail(staging, "log.gz"), CANARY_NAME)
    return f"{why.class_name}: {why.sentence}"
