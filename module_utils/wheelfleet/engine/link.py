"""The link between the controller and one builder, as a session sees it.

A link repeats each step until it works or until the patience of the run ends; then it raises LinkLost. Each step can
be repeated, because the builder ignores what it has done already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Protocol

from ..contract.assignment import HandOver
from .poll import BuilderSnapshot


class LinkLost(Exception):
    """The builder did not answer for the whole patience, or it answers and does no work; the message says which."""


class Link(Protocol):
    """The way to the builder. Every method may raise LinkLost."""

    def poll(self, acknowledged: Collection[str]) -> BuilderSnapshot:
        """Return what the builder has; it first removes the results `acknowledged`."""

    def hand_over(self, assignments: list[HandOver]) -> None:
        """Put those assignments into the inbox that the builder does not have yet, and start its worker."""

    def withdraw(self, attempts: Collection[str]) -> list[str]:
        """Take assignments out of the inbox; returns the attempts that were still there, so that no build began."""

    def fetch(self, attempt: str, files: Mapping[str, int], staging: Path) -> None:
        """Copy the files of a result (sizes in bytes by name) into a folder; files that are too large are left out."""


class LinkEvents(Protocol):
    """What a link tells its session while a step goes on."""

    def silent(self, seconds: float) -> None:
        """The builder has not answered for so many seconds; the link will try again."""

    def bypasses_cache(self, sentence: str) -> None:
        """The builder fetches from upstream without the cache; the sentence says what and why."""
