"""The exit status of build.yml, and its line about lost builders."""

from __future__ import annotations

from collections.abc import Collection

#: Every request was dealt with. A package that cannot be built is a result too.
DONE = 0
#: The run could not do its work; Ansible's status for a failed task is the same.
FAILED = 2
#: The run did its work, but some requests could not be considered (planner/unconsidered).
NOT_ALL_CONSIDERED = 3


def exit_status(
    *, finished: bool, failed_elsewhere: bool, builders: Collection[str], lost: Collection[str], unconsidered: int
) -> int | None:
    """The exit status of a run; None leaves it to Ansible.

    `finished`: the site was published (in check mode: the plan was made). `failed_elsewhere`: a host that is no builder
    failed a task or did not answer. `builders` are the builders of the run; `lost` of them failed or did not answer.
    `unconsidered` is the number of requests that could not be considered. Lost builders fail the run if none is left.
    """
    if failed_elsewhere:
        return None
    if lost and not set(builders) - set(lost):
        return FAILED
    if not finished:
        return None
    return NOT_ALL_CONSIDERED if unconsidered else DONE


def lost_builders(builders: Collection[str], lost: Collection[str]) -> list[str]:
    """The lines about lost builders at the end of a run; empty if there are none."""
    if not lost:
        return []
    names = ", ".join(sorted(lost))
    if set(builders) - set(lost):
        return [f"Warning: without {names}, which failed or did not answer; the other builders went on."]
    return [
        f"No builder works: {names} failed or did not answer. What was to be built is still in the queue; "
        "see to what is said of them above, then run build.yml again."
    ]
