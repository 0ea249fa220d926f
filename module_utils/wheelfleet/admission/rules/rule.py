"""A rule: a line of a log to look for, and what follows from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

#: The kind of a missing thing, by which a package is looked for: a header as it is included, a library as the linker
#: names it, a program, a Python module, or a name that pkg-config knows.
MissingKind = Literal["header", "library", "tool", "module", "pkg-config"]


@dataclass(frozen=True)
class Rule:
    failure_class: str
    pattern: re.Pattern[str]
    #: `{found}` is what the pattern's last matching group has, else `subject`.
    sentence: str
    subject: str = ""
    #: What the failure is about, where the pattern finds something else (its version).
    about: str = ""
    #: The pattern finds the name of a missing thing of this kind.
    missing_kind: MissingKind | None = None
    #: Which of the matching lines tells the cause.
    choose: Literal["first", "last"] = "last"
    #: One of the few lines before has to match this.
    after: re.Pattern[str] | None = None
    #: Only if what was found is the project itself.
    own: bool = False
    #: Only while pip installs the build requirements, or only in the project's own build.
    only: Literal["", "in a requirement", "in the build"] = ""
    #: Instead of what the class says.
    advice: str = ""
    #: What the failure settles, where that is not what its class says.
    settles: Literal["as the class says", "target", "nothing"] = "as the class says"


def rule(failure_class: str, pattern: str, sentence: str, **more: object) -> Rule:
    """A rule by its pattern's text."""
    return Rule(failure_class, re.compile(pattern), sentence, **more)  # type: ignore[arg-type]


def any_of(*names: str) -> str:
    """A pattern for one of these names."""
    return "|".join(re.escape(name) for name in names)
