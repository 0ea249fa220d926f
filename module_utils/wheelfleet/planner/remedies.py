"""Remedies: adjustments that the fleet itself tries after a failure, by the table REMEDIES.

A remedy that does not help costs one build, so what helped before is tried first (remedy_outcomes).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..contract.adjustments import Adjustments
from . import remedy_table
from .failed_build import FailedBuild
from .projects_of_modules import is_adopted, is_reviewed
from .remedy_outcomes import NO_RECORD, Record
from .remedy_table import ADOPTED, NAMED_BY_REQUIREMENT, REVIEWED

#: Most attempts with remedies at one release for one target.
MOST_REMEDIED_TRIES = 4


@dataclass(frozen=True)
class Proposal:
    """A remedy for one failure: its name, why, and the adjustments."""

    name: str
    why: str
    adjustments: Adjustments


def propose(failed_build: FailedBuild, applied: Collection[str], record: Record = NO_RECORD) -> list[Proposal]:
    """The remedies of the next attempt: of those that fit the failure and are not in `applied`, the best by its record.

    `applied` are those of the failed attempt. Compiler flags and variables that fit go along, because they hardly stand
    in each other's way and each one alone costs a build. Empty if nothing fits.
    """
    fitting = []
    for remedy in remedy_table.REMEDIES:
        if not remedy.can_cure(failed_build):
            continue
        adjustments = remedy.adjust(failed_build)
        if adjustments is None:
            continue
        name = f"{remedy.name} {adjustments.requires[0]}" if remedy.name in NAMED_BY_REQUIREMENT else remedy.name
        if name not in applied:
            why = remedy.why.format(subject=failed_build.subject or failed_build.failure)
            fitting.append((record.rank(name, last=remedy.last), Proposal(name, why, adjustments)))
    ranked = [proposal for _, proposal in sorted(fitting, key=lambda each: each[0])]
    return [
        proposal
        for index, proposal in enumerate(ranked)
        if index == 0 or (_goes_along(proposal.adjustments) and record.promises(proposal.name))
    ]


def _goes_along(adjustments: Adjustments) -> bool:
    return adjustments.as_data().keys() <= {"flags", "environment"}


def still_stands(name: str, adopted: bool | Collection[str]) -> bool:
    """Whether a remedy that helped before may be used again.

    A REVIEWED requirement must still be on the list, because older versions took names from error messages, an ADOPTED
    one among those that the operator adopts.
    """
    kind, _, requirement = name.rpartition(" ")
    if kind == ADOPTED:
        return is_adopted(requirement, adopted)
    return kind != REVIEWED or is_reviewed(requirement)
