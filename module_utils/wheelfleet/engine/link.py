"""The link between the controller and one builder, as a session sees it.

All operations are idempotent. A link repeats each until it succeeds; when the patience of the run ends it raises
LinkLost.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from ..contract.assignment import HandOver
from .poll import BuilderSnapshot


class LinkLost(Exception):
    """The builder did not answer within the patience, or it answers and does no work; the message names which."""


class Link(Protocol):
    """The operations on a builder. Each may raise LinkLost."""

    def poll(self, acknowledged: Collection[str], *, tails: bool = False) -> BuilderSnapshot:
        """Remove the results `acknowledged` on the builder and return its state; `tails`: with the ends of logs."""

    def hand_over(self, assignments: list[HandOver]) -> None:
        """Put assignments that the builder does not have yet into its inbox, and start its worker."""

    def withdraw(self, attempts: Collection[str]) -> list[str]:
        """Take assignments out of the inbox; returns the attempts that were still there: their builds never begin."""

    def stop(self, attempts: Collection[str]) -> None:
        """Have the worker end these builds, if they still go on; their results come as any other."""

    def fetch(self, attempt: str, files: Mapping[str, int], staging: Path) -> None:
        """Copy the files of a result (sizes in bytes by name) into a folder; files that are too large are left out."""


class LinkEvents(Protocol):
    """The events of a link during an operation."""

    def silent(self, seconds: float) -> None:
        """The builder has been silent for this time; the link tries again."""

    def bypasses_cache(self, sentence: str) -> None:
        """The builder fetches from upstream without the cache; the sentence has the details."""
