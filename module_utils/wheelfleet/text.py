"""Text for people: makes untrusted text safe to show; formats sizes, durations and times.

The templates escape HTML.
"""

from __future__ import annotations

import re
import time
import unicodedata

#: Seconds.
_YEAR = 365 * 86400
#: ECMA-48 escape sequences: CSI (colours, cursor), OSC and other strings (titles, links), and two-character ones.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-Z\\^-~]"
)


def printable(text: str) -> str:
    """The text with U+FFFD for characters that move the cursor, or hide or reorder others; keeps lines and tabs."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co") else "\ufffd"
        for letter in text
    )


def without_escapes(text: str) -> str:
    """`text` without terminal escape sequences, in linear time."""
    return _ESCAPES.sub("", text) if "\x1b" in text else text


def last_lines(log: bytes, *, begins_within: bool) -> str:
    """The lines of a log's end, without what moves the cursor; of a line that was written over, what was left.

    `begins_within`: the bytes may begin in the middle of a line, which is left out if there is another.
    """
    lines = without_escapes(log.decode("utf-8", "replace").replace("\r\n", "\n")).split("\n")
    if begins_within and len(lines) > 1:
        lines = lines[1:]
    shown = [printable(line.rstrip("\r").rpartition("\r")[2]).expandtabs().rstrip() for line in lines]
    return "\n".join(shown).strip("\n")


def plain(text: str, longest: int = 300) -> str:
    """One line of at most `longest` characters, without control, formatting, private or unassigned characters.

    Formatting characters (Unicode category Cf) are removed because bidirectional ones can make a line show other text
    than it contains. Longer text ends in an ellipsis.
    """
    # In honest text at most three quarters are removed, so four times `longest` characters suffice.
    head = without_escapes(text[: 4 * longest])
    kept = "".join(_shown(character) for character in head).rstrip()
    cut = len(kept) > longest or len(text) > 4 * longest
    return kept[: longest - 1].rstrip() + "…" if cut else kept


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\t\n\r" or category in ("Zl", "Zp"):
        return " "
    return "" if category.startswith("C") else character


def human_size(size: float) -> str:
    """A number of bytes for people: `873 bytes`, `1.2 MiB`."""
    if size < 1024:
        return "1 byte" if size == 1 else f"{size:.0f} bytes"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        amount /= 1024
        if amount < 9.95:
            return f"{amount:.1f} {unit}"
        if amount < 1023.5:
            break
    return f"{amount:.0f} {unit}"


def human_duration(seconds: float) -> str:
    """Seconds for people: `0.4 s`, `3 min 20 s`, `2 h 5 min`, `1 d 3 h`, `2 years 40 d`; a year has 365 days."""
    if seconds < 9.95:
        return f"{seconds:.1f} s" if seconds >= 0.05 or not seconds else "under 0.1 s"
    whole = round(seconds)
    if whole >= _YEAR:
        years, rest = divmod(whole, _YEAR)
        words = f"{years:,} year{'' if years == 1 else 's'}"
        return f"{words} {rest // 86400} d" if rest >= 86400 else words
    for unit, size, smaller, smaller_size in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            many, rest = divmod(whole, size)
            few = rest // smaller_size
            return f"{many} {unit} {few} {smaller}" if few else f"{many} {unit}"
    return f"{whole} s"


def percent(share: float) -> str:
    """A share from 0 to 1 for people: `87%`; neither 0% nor 100% if it is not quite."""
    whole = round(100 * share)
    if 0 < share < 1:
        whole = min(99, max(1, whole))
    return f"{whole}%"


def utc(moment: float) -> str:
    """Seconds since the epoch for people, in UTC: `2026-11-22 18:05`."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment))
