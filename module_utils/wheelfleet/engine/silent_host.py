"""What a session does while its builder does not answer: idle builders get what the silent one has not begun."""

from __future__ import annotations

from ..planner import batches
from .context import Context
from .host_status import HostState
from .progress import Progress, count_builds

#: Seconds of silence after which idle builders get what a host has not begun.
SILENCE = 30.0


class SilentHost:
    """The LinkEvents of one session."""

    def __init__(self, context: Context, progress: Progress) -> None:
        self.context = context
        self.progress = progress
        self._returned = False

    def answered(self) -> None:
        """A poll has succeeded: the next silence is a new one."""
        self._returned = False

    def silent(self, seconds: float) -> None:
        """The builder has not answered for so many seconds."""
        self.progress.show(HostState.SILENT)
        if seconds <= SILENCE or self._returned:
            return
        catalog, host, options = self.context.catalog, self.context.host, self.context.options
        if batches.work_to_return(catalog, host, options.run, self.context.clock.now()).idle:
            self._returned = True
            count = batches.reclaim_unstarted(catalog, host, options.max_attempts)
            self.progress.event(
                f"It was silent while others were idle; {count_builds(count)} it had not begun went to them."
            )

    def bypasses_cache(self, sentence: str) -> None:
        """The builder fetches from upstream without the cache; the sentence says what and why."""
        self.progress.event(sentence)
