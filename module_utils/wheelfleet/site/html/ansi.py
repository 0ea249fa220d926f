"""A log's lines as a terminal shows them: carriage returns applied, colours named, other controls left out."""

from __future__ import annotations

import re
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from ...text import printable

#: ECMA-48: control sequences (parameters, final letter), strings (titles, links), other escapes; control characters.
_CONTROL = re.compile(
    r"\x1b\[([0-?]*)[ -/]*([@-~])"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-Z\\^-~]"
    r"|[\x00-\x08\x0a-\x1f\x7f-\x9f]"
)
#: The colours of ECMA-48 and their bright siblings; the stylesheet has a class for each.
_COLOURS = {str(30 + number): f"ansi{number}" for number in range(8)}
_COLOURS |= {str(90 + number): f"ansi{8 + number}" for number in range(8)}
_FIRST_OF_256 = {str(number): f"ansi{number}" for number in range(16)}
#: How many parameters follow 38, 48 or 58 and the kind of colour: a number of 256, or red, green and blue.
_COLOUR_LENGTH = {"5": 1, "2": 3}


class Run(NamedTuple):
    """Text of one style: `css` has its classes, `ansi0` to `ansi15` and `bold`, or is empty."""

    css: str
    text: str


class Terminal:
    """Reads a log line by line. Colours last until they are changed, also across lines."""

    def __init__(self) -> None:
        self._colour = ""
        self._bold = False

    @property
    def _css(self) -> str:
        return f"{self._colour} bold".lstrip() if self._bold else self._colour

    def line(self, text: str) -> list[Run]:
        """The visible text of a complete line, without control characters."""
        if text.isprintable():
            return [Run(self._css, text)] if text else []
        cells: list[tuple[str, str]] = []
        column = at = 0
        for control in _CONTROL.finditer(text):
            column = self._write(cells, column, text[at : control.start()])
            at = control.end()
            parameters, final = control.groups()
            if final == "m":
                self._set_style(parameters)
            elif final == "K":
                _erase(cells, column, parameters)
            elif control[0] == "\r":
                column = 0
            elif control[0] == "\b":
                column = max(0, column - 1)
        self._write(cells, column, text[at:])
        while cells and cells[-1][1] == " ":
            cells.pop()
        return [
            Run(css, printable("".join(letter for _, letter in run))) for css, run in groupby(cells, key=itemgetter(0))
        ]

    def _write(self, cells: list[tuple[str, str]], column: int, text: str) -> int:
        end = column + len(text)
        css = self._css
        cells[column:end] = [(css, letter) for letter in text]
        return end

    def _set_style(self, parameters: str) -> None:
        if parameters[:1] in ("<", "=", ">", "?"):
            return  # a private sequence, no colour
        words = iter(parameters.split(";"))
        for word in words:
            if word in ("", "0"):
                self._colour, self._bold = "", False
            elif word == "1":
                self._bold = True
            elif word == "22":
                self._bold = False
            elif word == "39":
                self._colour = ""
            elif word in ("38", "48", "58"):
                numbers = [next(words, "") for _ in range(_COLOUR_LENGTH.get(next(words, ""), 0))]
                if word == "38" and len(numbers) == 1:
                    self._colour = _FIRST_OF_256.get(numbers[0], self._colour)
            else:
                self._colour = _COLOURS.get(word, self._colour)


def _erase(cells: list[tuple[str, str]], column: int, parameters: str) -> None:
    if parameters in ("", "0", "2"):
        del cells[column:]
    if parameters in ("1", "2"):
        cells[: column + 1] = [("", " ")] * min(len(cells), column + 1)
