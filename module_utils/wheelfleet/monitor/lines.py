"""Lines of styled text, and the canvas that makes them for one size of terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from ..text import human_duration
from .cells import Characters, fit, width_of, wrapped


class Style(Enum):
    """What a text is; the terminal's colours follow from it."""

    PLAIN = "plain"
    STRONG = "strong"
    QUIET = "quiet"
    GOOD = "good"
    LOOK = "look"
    BAD = "bad"
    BAR = "bar"
    CHOSEN = "chosen"


#: Texts with their styles, from left to right.
Line = list[tuple[str, Style]]
#: The cells of a table's row.
Cells = Sequence[tuple[str, Style]]


def span(seconds: float) -> str:
    """A duration that changes once a minute: a slow link has better things to carry than seconds."""
    return "<1 min" if seconds < 60 else human_duration(seconds // 60 * 60)


def clock(moment: float, now: float) -> str:
    """A time of this day, or a day with its time."""
    here, today = time.localtime(moment), time.localtime(now)
    return time.strftime("%H:%M" if here[:3] == today[:3] else "%d %b %H:%M", here)


def end_words(end: float, now: float) -> str:
    """When everything that is left should be done."""
    if end <= now:
        return "later than predicted"
    return f"expected end {clock(end, now)} (in {span(end - now)})"


def exactly(lines: list[Line], height: int) -> list[Line]:
    """The lines, cut or filled up to a height."""
    return [*lines[:height], *([] for _ in range(height - len(lines)))]


@dataclass(frozen=True)
class Canvas:
    """The size of the terminal in cells, and its characters."""

    width: int
    characters: Characters

    @property
    def is_wide(self) -> bool:
        """Whether columns may be wide."""
        return self.width >= 100

    def text(self, text: str, style: Style = Style.PLAIN) -> Line:
        return [(fit(text, self.width, self.characters).rstrip(), style)]

    def wrapped(self, text: str, most: int, style: Style = Style.PLAIN) -> list[Line]:
        """The text in at most so many lines."""
        return [[(line, style)] for line in wrapped(text, self.width, most, self.characters)]

    def rule(self, title: str) -> Line:
        line = self.characters.line
        text = f"{line}{line} {title} " if title else ""
        return [(fit(text + line * max(self.width - width_of(text), 0), self.width, self.characters), Style.QUIET)]

    def cut(self, line: Line) -> Line:
        """The line, cut to the width."""
        kept: Line = []
        left = self.width
        for text, style in line:
            if width_of(text) >= left:
                kept.append((fit(text, left, self.characters), style))
                break
            kept.append((text, style))
            left -= width_of(text)
        return kept

    def table(self, widths: Sequence[int], rows: Iterable[Cells], numbers: range, chosen: int) -> list[Line]:
        """Rows in columns, the chosen one marked; the last column takes what is left, and negative widths are aligned
        to the right."""
        lines = []
        for number, row in zip(numbers, rows):
            is_chosen = number == chosen
            line: Line = [(self.characters.selected if is_chosen else " ", Style.STRONG)]
            left = self.width - 1
            for (text, style), column in zip(row, [*widths, 0]):
                wide = min(abs(column) or left, left)
                shown = Style.STRONG if is_chosen and style is Style.PLAIN else style
                line.append((fit(text, wide, self.characters, right=column < 0), shown))
                left -= wide
                if column and left > 0:
                    line.append((" ", Style.PLAIN))
                    left -= 1
                if left <= 0:
                    break
            lines.append(line)
        return lines

    def headings(self, widths: Sequence[int], names: Sequence[str]) -> Line:
        """The line above a table's columns."""
        return self.table(widths, [[(name, Style.QUIET) for name in names]], range(1), -1)[0]

    def with_whole(self, lines: list[Line], room: int, text: str) -> list[Line]:
        """The lines, with the chosen row in full at the foot."""
        return [*exactly(lines, room - 4), self.rule(""), *exactly(self.wrapped(text, 3), 3)]
