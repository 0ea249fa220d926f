"""A silent builder: while it does not answer, idle builders get the builds that it has not begun."""

from __future__ import annotations

from ..planner import batches
from ..planner.work_to_return import work_to_return
from ..text import human_duration
from .context import Context
from .host_status import HostState
from .link import LinkLost
from .progress import Progress, count_builds
from .run_rules import read_rules

#: Seconds of silence after which idle builders get a host's unstarted builds.
SILENCE = 30.0


class SilentHost:
    """The LinkEvents of one session."""

    def __init__(self, context: Context, progress: Progress) -> None:
        self.context = context
        self.progress = progress
        self._returned = False

    def answered(self) -> None:
        """Reset the silence after a successful poll."""
        self._returned = False

    def silent(self, seconds: float) -> None:
        """Show the silence, and after SILENCE seconds return the unstarted builds once if other hosts are idle.

        Raises LinkLost when the run is over, which waits for nobody.
        """
        self.progress.show(HostState.SILENT)
        if read_rules(self.context.options.state_dir, self.context.options.run).is_over(self.context.clock.now()):
            raise LinkLost(f"It has not answered for {human_duration(seconds)}, and the run ended meanwhile.")
        if seconds <= SILENCE or self._returned:
            return
        catalog, host, options = self.context.catalog, self.context.host, self.context.options
        if work_to_return(catalog, host, options.run, self.context.clock.now()).idle:
            self._returned = True
            count = batches.reclaim_unstarted(catalog, host, options.max_attempts)
            self.progress.event(
                f"It was silent while others were idle; {count_builds(count)} it had not begun went to them."
            )

    def bypasses_cache(self, sentence: str) -> None:
        """Record that the builder fetches from upstream without the cache."""
        self.progress.event(sentence)
