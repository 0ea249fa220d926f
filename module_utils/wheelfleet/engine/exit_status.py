"""The exit status of build.yml, for programs and for who reads a log."""

from __future__ import annotations

from collections.abc import Collection

#: Everything that was asked for was dealt with. A package that cannot be built is a result too.
DONE = 0
#: The run could not do its work; Ansible says the same of a task that failed.
FAILED = 2
#: The run did its work, but something that was asked for could not be considered (planner/unconsidered.py).
NOT_ALL_CONSIDERED = 3


def exit_status(
    *, finished: bool, failed_elsewhere: bool, builders: Collection[str], lost: Collection[str], unconsidered: int
) -> int | None:
    """The status of a run; None leaves it to Ansible, whose own codes tell of hosts other than builders.

    `finished`: the site was published (in check mode: the plan was made). `failed_elsewhere`: a task failed, or a host
    did not answer, that was not a builder's. `builders` are those asked for their part, `lost` those of them that
    failed or did not answer. A builder that is off while others work costs the run nothing but its help; with none left
    that works, what was to be built was not.
    """
    if failed_elsewhere:
        return None
    if lost and not set(builders) - set(lost):
        return FAILED
    if not finished:
        return None
    return NOT_ALL_CONSIDERED if unconsidered else DONE


def lost_builders(builders: Collection[str], lost: Collection[str]) -> list[str]:
    """What the end of a run says of builders that failed or did not answer; nothing where all worked to the end."""
    if not lost:
        return []
    names = ", ".join(sorted(lost))
    if set(builders) - set(lost):
        return [f"Warning: without {names}, which failed or did not answer; the other builders went on."]
    return [
        f"No builder works: {names} failed or did not answer. What was to be built is still in the queue; "
        "see to a builder, then run build.yml again."
    ]
