"""Text in the cells of a terminal: cuts to a width, small plots, and what stands for them where there is no UTF-8."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..text import printable


@dataclass(frozen=True)
class Characters:
    """The characters that a terminal can show: `levels` of a plot from the lowest, and others by their use."""

    levels: str
    ellipsis: str
    degrees: str
    line: str
    selected: str
    #: Whether letters beyond ASCII are shown.
    unicode: bool


UNICODE = Characters("▁▂▃▄▅▆▇█", "…", "°C", "─", "▸", unicode=True)
ASCII = Characters("_.:-=+*#", "~", " C", "-", ">", unicode=False)


def width_of(text: str) -> int:
    """The number of cells that a text takes."""
    return len(text) if text.isascii() else sum(_cells(letter) for letter in text)


def fit(text: str, width: int, characters: Characters, *, right: bool = False) -> str:
    """The text as one line of exactly `width` cells, cut or padded; what a terminal might obey is replaced."""
    shown = clean(text, characters)
    if width_of(shown) > width:
        kept, used = "", 0
        for letter in shown:
            if used + _cells(letter) > width - 1:
                break
            kept, used = kept + letter, used + _cells(letter)
        shown = kept + characters.ellipsis if width > 0 else ""
    padding = " " * (width - width_of(shown))
    return padding + shown if right else shown + padding


def clean(text: str, characters: Characters) -> str:
    """The text as one line of characters that the terminal has."""
    if text.isascii() and text.isprintable():
        return text
    line = printable(text).replace("\n", " ").replace("\t", " ")
    line = "".join(letter for letter in line if not unicodedata.combining(letter))
    return line if characters.unicode else line.encode("ascii", "replace").decode("ascii")


def wrapped(text: str, width: int, most: int, characters: Characters) -> list[str]:
    """The text in lines of `width` cells, `most` of them."""
    lines: list[str] = []
    for word in clean(text, characters).split():
        if lines and width_of(lines[-1]) + 1 + width_of(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    if len(lines) > most:
        lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [fit(line, width, characters) for line in lines]


def small_plot(values: Sequence[float | None], lowest: float, highest: float, characters: Characters) -> str:
    """One cell for each value, on a scale from `lowest` to `highest`; a space where it is not known."""
    levels = characters.levels
    most = len(levels) - 1
    return "".join(
        " " if value is None else levels[min(max(int(_share(value, lowest, highest) * most + 0.5), 0), most)]
        for value in values
    )


def plot(
    values: Sequence[float | None], rows: int, lowest: float, highest: float, characters: Characters
) -> Iterator[str]:
    """Lines of a plot, the uppermost first: a column of cells for each value."""
    levels = characters.levels
    for row in range(rows - 1, -1, -1):
        line = ""
        for value in values:
            full = 0.0 if value is None else min(max(_share(value, lowest, highest), 0.0), 1.0) * rows - row
            if value is None or full <= 0:
                line += levels[0] if value is not None and row == 0 else " "
            else:
                line += levels[min(math.ceil(full * len(levels)), len(levels)) - 1]
        yield line


def gathered(values: Sequence[float | None], width: int) -> list[float | None]:
    """The newest values in `width` columns: the highest of those that share one, so that no peak is lost."""
    each = max(1, math.ceil(len(values) / max(width, 1)))
    groups = [values[max(end - each, 0) : end] for end in range(len(values), 0, -each)]
    return [max((value for value in group if value is not None), default=None) for group in reversed(groups)]


def _share(value: float, lowest: float, highest: float) -> float:
    return (value - lowest) / (highest - lowest) if highest > lowest else 0.0


def _cells(letter: str) -> int:
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
