"""A failure in words for people, with what follows from its class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..catalog.states import MissingKind
from ..failure_classes import FAILURE_CLASSES, Blocks, ClassName
from ..text import plain


@dataclass(frozen=True)
class Failure:
    """An attempt's failure, in words for people; `blocks` None means that the build is retried."""

    failure_class: ClassName
    sentence: str
    #: Lines of the log that show the failure, without control characters.
    evidence: list[str]
    advice: str
    blocks: Blocks | None
    #: The missing or unsuitable thing by its name in the log, and its kind (see `rules.rule`).
    subject: str | None = None
    missing_kind: MissingKind | None = None
    #: The project of the missing module, if the sdist declares it somewhere.
    declared: str | None = None


def failure(failure_class: ClassName, sentence: str, evidence: Iterable[str] = ()) -> Failure:
    """A failure with the remedy and the consequences of its class (a name in FAILURE_CLASSES)."""
    known = FAILURE_CLASSES[failure_class]
    return Failure(failure_class, plain(sentence, 600), [plain(line) for line in evidence], known.advice, known.blocks)
