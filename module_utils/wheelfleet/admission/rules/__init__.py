"""The rules that find a failure in the log of a build, in their order; the first rule that matches decides.

The order is: exhausted resources; messages that name exactly the missing, too old or too new thing; messages of
compilers and linkers; hints, which a build may also print before another failure; and last any exception that ended the
build.

Patterns are searched line by line, in lines of limited length, in bounded time: gaps and names are limited (`.{0,60}`,
`\\w{1,80}`), and a repetition inside another one ends in a character that it cannot contain.
"""

from __future__ import annotations

from .compilers import COMPILERS
from .machine import RAN_OUT
from .missing import HINTS, MISSING
from .platforms import OTHER_PLATFORM, SAYS_OTHER_PLATFORM
from .project import DOWNLOADS, EXCEPTIONS, NETWORK, PROJECT
from .python2 import PYTHON_2
from .removed import REMOVED
from .rule import Rule
from .toolchain import TOOLCHAIN
from .versions import TOO_NEW

__all__ = ["RULES", "TELLING", "Rule"]

#: Of those about missing things, the rules for exact messages.
TELLING: tuple[Rule, ...] = tuple(
    rule
    for rule in (*MISSING, *COMPILERS, *HINTS)
    if rule.failure_class in ("missing-header", "missing-library", "missing-tool") and rule.missing_kind
)

RULES: tuple[Rule, ...] = (
    *RAN_OUT,
    *TOOLCHAIN,
    *PYTHON_2,
    *TOO_NEW,
    *REMOVED,
    *OTHER_PLATFORM,
    *MISSING,
    *DOWNLOADS,
    *COMPILERS,
    *PROJECT,
    *NETWORK,
    *HINTS,
    *SAYS_OTHER_PLATFORM,
    *EXCEPTIONS,
)
