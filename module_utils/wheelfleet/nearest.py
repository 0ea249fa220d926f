"""Finds the known word nearest to an unknown one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# The most words that one sentence can list.
_FEW = 12

# Words with a lower ratio of difflib are not similar.
_ALIKE = 0.6


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word most similar to ``word``; None if none is similar.

    Case, and the separators ``-``, ``_`` and ``.``, do not count, nor does the order of the known words.
    """
    by_form: dict[str, str] = {}
    for one in sorted(known):
        by_form.setdefault(_form(one), one)
    sought = _form(word)
    found = difflib.get_close_matches(sought, list(by_form), n=5, cutoff=_ALIKE)
    # Swapped letters are the commonest mistake: prot means port, not root, which is as similar.
    return (
        by_form[max(found, key=lambda form: (_ratio(form, sought), sorted(form) == sorted(sought)))] if found else None
    )


def do_you_mean(word: str, known: Iterable[str]) -> str:
    """The continuation of a sentence "… is not known", without a full stop: it suggests the nearest known word.

    It is ``"; do you mean missing-header?"``; if none is near and there are few, ``"; known are a, b, c"``; else "".
    """
    words = sorted(set(known))
    if near := nearest(word, words):
        return f"; do you mean {near}?"
    return f"; known are {', '.join(words)}" if 0 < len(words) <= _FEW else ""


def hint(word: str, known: Iterable[str]) -> str:
    """The same as the end of a sentence, with its full stop."""
    text = do_you_mean(word, known)
    return text if text.endswith("?") else f"{text}."


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, one).ratio()


def _form(word: str) -> str:
    return re.sub(r"[-_.\s]+", "-", str(word).strip().casefold())
