"""Text from strangers, made fit to be shown: in a terminal, in the catalog, on a page."""

from __future__ import annotations

import re
import unicodedata

#: ECMA-48 escape sequences: CSI (colours, cursor), OSC and other strings (titles, links), and the two-character ones.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-Z\\^-~]"
)


def without_escapes(text: str) -> str:
    """`text` without terminal escape sequences; takes linear time for any input."""
    return _ESCAPES.sub("", text) if "\x1b" in text else text


def plain(text: str, longest: int = 300) -> str:
    """One line of at most `longest` characters without control, formatting, private or unassigned characters.

    Formatting characters (Unicode category Cf) go too: the bidirectional ones let a line show something else than
    it says. What is cut ends in an ellipsis.
    """
    # What is left out never makes up more than three quarters of honest text; the rest need not be looked at.
    head = without_escapes(text[: 4 * longest])
    kept = "".join(_shown(character) for character in head).rstrip()
    cut = len(kept) > longest or len(text) > 4 * longest
    return kept[: longest - 1].rstrip() + "…" if cut else kept


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\t\n\r" or category in ("Zl", "Zp"):
        return " "
    return "" if category.startswith("C") else character
