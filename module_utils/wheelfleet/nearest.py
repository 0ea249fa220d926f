"""The nearest known word to a word that is not known."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# As many known words as a sentence can name without becoming a list.
_FEW = 12

# Below this part of equal characters (difflib's ratio) two words have nothing to do with each other.
_ALIKE = 0.6


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like ``word``, or None if none is like it.

    Case, and which of ``-``, ``_`` and ``.`` stand between parts, make no difference. The order in which words are
    known makes none either.
    """
    by_form: dict[str, str] = {}
    for one in sorted(known):
        by_form.setdefault(_form(one), one)
    sought = _form(word)
    found = difflib.get_close_matches(sought, list(by_form), n=5, cutoff=_ALIKE)
    # Two letters changed over are the commonest slip: prot is port, and not root, which is as much like it.
    return (
        by_form[max(found, key=lambda form: (_ratio(form, sought), sorted(form) == sorted(sought)))] if found else None
    )


def do_you_mean(word: str, known: Iterable[str]) -> str:
    """The part of a sentence that goes behind "… is not known": it names the nearest known word.

    ``"; do you mean missing-header?"``; where none is near and there are few, all of them: ``"; known are a, b, c"``;
    else nothing. A full stop is the caller's.
    """
    words = sorted(set(known))
    if near := nearest(word, words):
        return f"; do you mean {near}?"
    return f"; known are {', '.join(words)}" if 0 < len(words) <= _FEW else ""


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, one).ratio()


def _form(word: str) -> str:
    return re.sub(r"[-_.\s]+", "-", str(word).strip().casefold())
