"""The places in the queue, as numbers: the lowest is built first, and the longest build first among equals.

`release_target.priority` has one of LEVELS. `attempt.priority` is the place among the builds of one builder, which may
also be OVERDUE or LONGEST.
"""

from __future__ import annotations

#: Put first by an operator.
FIRST = 0
#: A new release of a project that has a wheel of the fleet for the target's platform.
NEW = 10
#: The newest release of a project without such a wheel, for which installers asked: at least so many look-ups.
ASKED = {1000: 20, 100: 21, 10: 22, 1: 23}
#: The newest release of a project.
BREADTH = 30
#: Any other release.
DEPTH = 40

LEVELS = (FIRST, NEW, *ASKED.values(), BREADTH, DEPTH)
#: People know that these are to come, so they overtake what builders hold and have not begun.
URGENT = (FIRST, NEW)

#: On a builder only: the build that waited longest of all.
OVERDUE = -10
#: On a builder only: a build so long that the whole run would end later if it began later.
LONGEST = 15


def asked_level(lookups: int) -> int | None:
    """The level of a project without a wheel after so many look-ups; None for no look-up."""
    return next((level for least, level in ASKED.items() if lookups >= least), None)


def why(priority: int) -> str:
    """Why a build stands where it does in the queue, as the end of a sentence."""
    if priority in _WHY:
        return _WHY[priority]
    least = next(least for least, level in ASKED.items() if level == priority)
    return (
        f"installers asked for it in vain, {least:,} times or more" if least > 1 else "installers asked for it in vain"
    )


_WHY = {
    FIRST: "an operator put it first",
    NEW: "a new release of a published project",
    BREADTH: "the newest release of its project",
    DEPTH: "after the newest releases of all projects",
}
