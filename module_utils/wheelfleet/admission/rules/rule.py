"""The type of a rule: a pattern for a line of a log, and the failure that it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ...catalog.states import MissingKind
from ...failure_classes import ClassName


@dataclass(frozen=True)
class Rule:
    failure_class: ClassName
    pattern: re.Pattern[str]
    #: `{found}` is the pattern's last matching group, else `subject`.
    sentence: str
    subject: str = ""
    #: The subject of the failure, if the pattern finds something else (its version).
    about: str = ""
    #: The kind of the missing thing whose name the pattern finds.
    missing_kind: MissingKind | None = None
    #: Which of the matching lines shows the cause.
    choose: Literal["first", "last"] = "last"
    #: Pattern that one of the few lines before must match.
    after: re.Pattern[str] | None = None
    #: Only if the found name is the project's own.
    own: bool = False
    #: Only while pip installs the build requirements, or only in the project's own build.
    only: Literal["", "in a requirement", "in the build"] = ""
    #: Replaces the advice of the class.
    advice: str = ""
    #: The scope of the failure, if it is not that of its class.
    settles: Literal["as the class says", "target", "nothing"] = "as the class says"


def rule(failure_class: ClassName, pattern: str, sentence: str, **more: object) -> Rule:
    """A rule by its pattern's text."""
    return Rule(failure_class, re.compile(pattern), sentence, **more)  # type: ignore[arg-type]


def any_of(*names: str) -> str:
    """A pattern that matches one of these names."""
    return "|".join(re.escape(name) for name in names)
