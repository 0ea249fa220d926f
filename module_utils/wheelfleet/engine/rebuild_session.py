"""One call of the batch module that builds wheels again which others have built (planner/rebuild_sample)."""

from __future__ import annotations

import time
from typing import Any

from ..planner import rebuild_sample, suspension
from ..planner.rebuild_sample import Rebuild
from .assignments import assignment_for
from .session import FIRST_WAIT, LONGEST_WAIT, MOST_RESTARTS, WAIT_GROWTH, BuilderSession, LinkLost

#: Seconds after which no more is begun, so that the next run is not kept waiting.
LONGEST_STEP = 1800.0


class RebuildSession(BuilderSession):
    """Everything that is due for this host, one after the other. Whatever goes wrong, the run goes on."""

    def work(self) -> dict[str, Any]:
        """Do it; the answer is always `drained`, and `changed` if there is a new verdict or a late result."""
        self.changed = False
        rebuild: Rebuild | None = None
        try:
            snapshot = self._observe()
            self._look_ahead()
            rebuild_sample.forget_unfinished(self.catalog, self.host, self.terms.run)
            if self._full_disk(snapshot) is None and not suspension.doubted(self.catalog, self.host):
                until = time.monotonic() + LONGEST_STEP
                for wheel in rebuild_sample.due(
                    self.catalog, host=self.host, run=self.terms.run, percent=self.terms.witness_percent
                ):
                    if time.monotonic() > until:
                        break
                    rebuild = rebuild_sample.claim(
                        self.catalog, wheel, host=self.host, run=self.terms.run, now=time.time()
                    )
                    if rebuild is not None:
                        self._build_again(rebuild)
            self._acknowledge_all()
        except LinkLost as error:
            if rebuild is not None:
                rebuild_sample.give_up(self.catalog, rebuild.build.attempt)
            self.say(f"builds nothing again: {error}")
        aside = suspension.why_set_aside(self.catalog, self.host)
        answer = self._leave("set aside", aside) if aside else self._leave("idle")
        return {**answer, "changed": self.changed or bool(self.received)}

    def _build_again(self, rebuild: Rebuild) -> None:
        build = rebuild.build
        assignment = assignment_for(build, self.terms)
        self.witnessing = build.attempt
        self._known[build.attempt] = build
        self._begun[build.attempt] = time.time()
        self.say(f"builds {rebuild.filename} again")
        self.link.hand_over([assignment])
        wait, restarts = FIRST_WAIT, 0
        while True:
            snapshot = self._observe()
            if not rebuild_sample.is_open(self.catalog, build.attempt):
                break
            if not snapshot.worker:
                restarts += 1
                if restarts > MOST_RESTARTS:
                    raise LinkLost(
                        f"The worker on {self.host} ends without results; see worker.log in its builder_home."
                    )
                self.link.hand_over([assignment])
            wait = min(wait * WAIT_GROWTH, LONGEST_WAIT)
            time.sleep(wait)
        self.changed = True
        self.witnessing = None
