"""How failures show in the log of a build: an ordered table of lines to look for. The first rule that matches names it.

The order is: what the machine ran out of; messages that say exactly what is missing, too old or too new; what
compilers and linkers say; hints, which a build may also print on its way to another failure; and at last whatever
exception ended it.

Every pattern is searched line by line, on lines of limited length, in a time that no line can blow up: gaps and names
are bounded (`.{0,60}`, `\\w{1,80}`), and a repetition inside another one ends in a character it cannot contain.
"""

from __future__ import annotations

from .compilers import COMPILERS
from .machine import RAN_OUT
from .missing import HINTS, MISSING
from .platforms import OTHER_PLATFORM, SAYS_OTHER_PLATFORM
from .project import EXCEPTIONS, NETWORK, PROJECT
from .python2 import PYTHON_2
from .removed import REMOVED
from .rule import MissingKind, Rule
from .toolchain import TOOLCHAIN
from .versions import TOO_NEW

__all__ = ["RULES", "MissingKind", "Rule"]

RULES: tuple[Rule, ...] = (
    *RAN_OUT,
    *TOOLCHAIN,
    *PYTHON_2,
    *TOO_NEW,
    *REMOVED,
    *OTHER_PLATFORM,
    *MISSING,
    *COMPILERS,
    *PROJECT,
    *NETWORK,
    *HINTS,
    *SAYS_OTHER_PLATFORM,
    *EXCEPTIONS,
)
