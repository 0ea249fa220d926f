"""Remedies: adjustments that the fleet itself tries after a failure, by the table REMEDIES.

A remedy that does not help costs one build.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..contract.adjustments import Adjustments
from . import remedy_table
from .failed_build import FailedBuild
from .projects_of_modules import is_adopted, is_reviewed
from .remedy_table import ADOPTED, NAMED_BY_REQUIREMENT, REVIEWED

#: Most attempts with remedies at one release for one target.
MOST_REMEDIED_TRIES = 4


@dataclass(frozen=True)
class Proposal:
    """A remedy for one failure: its name, why, and the adjustments."""

    name: str
    why: str
    adjustments: Adjustments


def propose(failed_build: FailedBuild, applied: Collection[str]) -> Proposal | None:
    """The first remedy that fits the failure and is not in `applied`, the remedies of the failed attempt; else None."""
    for remedy in remedy_table.REMEDIES:
        if not remedy.can_cure(failed_build):
            continue
        adjustments = remedy.adjust(failed_build)
        if adjustments is None:
            continue
        name = f"{remedy.name} {adjustments.requires[0]}" if remedy.name in NAMED_BY_REQUIREMENT else remedy.name
        if name not in applied:
            return Proposal(name, remedy.why.format(subject=failed_build.subject or failed_build.failure), adjustments)
    return None


def still_stands(name: str, adopted: bool | Collection[str]) -> bool:
    """Whether a remedy that helped before may be used again.

    A REVIEWED requirement must still be on the list, because older versions took names from error messages, an ADOPTED
    one among those that the operator adopts.
    """
    kind, _, requirement = name.rpartition(" ")
    if kind == ADOPTED:
        return is_adopted(requirement, adopted)
    return kind != REVIEWED or is_reviewed(requirement)
