"""The outcome of a run: its last lines and its exit status."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wheelfleet.engine.exit_status import exit_status, lost_builders
from wheelfleet.planner.unconsidered import Unconsidered

UNPUBLISHED = "What was built is not on the site yet; --tags publish brings it there."


@dataclass
class Outcome:
    """The outcome of a run, from the results of its tasks. `publishes`: whether the run includes the publication."""

    publishes: bool
    planned: bool = False
    finished: bool = False
    #: Whether it came to the builds.
    built: bool = False
    summary: list[str] = field(default_factory=list)
    unconsidered: Sequence[Mapping[str, Any]] = ()
    #: The run's builders.
    builders: set[str] = field(default_factory=set)
    #: The builders that failed or did not answer.
    lost: set[str] = field(default_factory=set)
    #: Hosts that failed or did not answer in any other task.
    failed_elsewhere: set[str] = field(default_factory=set)

    def planning_ended(self, answer: Mapping[str, Any], *, check_mode: bool) -> None:
        """Read the result of M(wheelfleet_delta). With it, check mode and runs that do not publish are finished."""
        self.planned = True
        self.finished = check_mode or not self.publishes
        self.unconsidered = answer["unconsidered"]
        plan = list(answer["would_build"])
        self.summary = [*(plan if check_mode else plan[-1:]), *self._unconsidered_lines()]

    def batch_ended(self) -> None:
        """Note the end of a batch."""
        self.built = True
        if not self.publishes:
            self.summary = [*self._unconsidered_lines(), UNPUBLISHED]

    def publication_ended(self, answer: Mapping[str, Any]) -> None:
        """Read the result of M(wheelfleet_publish)."""
        self.summary, self.unconsidered, self.finished = list(answer["summary"]), answer["unconsidered"], True

    def host_lost(self, host: str, *, as_builder: bool) -> None:
        """Note that a host failed or did not answer."""
        if as_builder:
            self.builders.add(host)
            self.lost.add(host)
        else:
            self.failed_elsewhere.add(host)

    def last_lines(self, failed: Collection[str]) -> list[str]:
        """The last lines; `failed` are the hosts with a failure that was not rescued."""
        return [*self.summary, *lost_builders(self.builders, self.lost.intersection(failed))]

    def status(self, failed: Collection[str]) -> int | None:
        """The exit status; None: Ansible's own. `failed` as in `last_lines`."""
        if not self.planned and not self.lost:
            return None
        return exit_status(
            finished=self.finished,
            failed_elsewhere=not self.failed_elsewhere.isdisjoint(failed),
            builders=self.builders,
            lost=self.lost.intersection(failed),
            unconsidered=len(self.unconsidered),
        )

    def _unconsidered_lines(self) -> list[str]:
        return [Unconsidered(**each).line for each in self.unconsidered]
