"""Strangers' text made safe for terminals. Escaping for HTML is the templates' matter."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """The text without what could move a cursor, hide or reorder letters; line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co") else "\ufffd"
        for letter in text
    )
