"""The terminal: draws frames by curses, which sends only the cells that changed, and reads keys."""

from __future__ import annotations

import curses
import locale
import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import suppress

from ..engine.watched import WATCHED_SECONDS, watch
from . import keys
from .cells import ASCII, UNICODE, Characters
from .keys import Keys
from .lines import Line, Style
from .place import View
from .snapshot import Reader
from .views import frame

#: Seconds between two redraws without a key.
BEAT = 1.0

_KEYS: Mapping[int, str] = {
    curses.KEY_UP: keys.UP,
    curses.KEY_DOWN: keys.DOWN,
    curses.KEY_PPAGE: keys.PAGE_UP,
    curses.KEY_NPAGE: keys.PAGE_DOWN,
    curses.KEY_HOME: keys.HOME,
    curses.KEY_END: keys.END,
    curses.KEY_ENTER: keys.ENTER,
    curses.KEY_BACKSPACE: keys.BACKSPACE,
    curses.KEY_BTAB: keys.BACK_TAB,
}
_LETTERS: Mapping[str, str] = {
    "\r": keys.ENTER,
    "\n": keys.ENTER,
    "\x1b": keys.ESCAPE,
    "\x7f": keys.BACKSPACE,
    "\b": keys.BACKSPACE,
    "\t": keys.TAB,
}
_COLOURS: Mapping[Style, int] = {
    Style.GOOD: curses.COLOR_GREEN,
    Style.LOOK: curses.COLOR_YELLOW,
    Style.BAD: curses.COLOR_RED,
}


class NoTerminal(Exception):
    """The program cannot be shown here; the message says why and what to do."""


def characters_of(environment: Mapping[str, str]) -> Characters:
    """The characters of the operator's terminal, as its locale says; also sets curses up for them."""
    name = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
    if not re.search(r"utf-?8", name, re.IGNORECASE):
        return ASCII
    for each in ("", "C.UTF-8"):
        try:
            locale.setlocale(locale.LC_CTYPE, each)
        except locale.Error:
            # The locale that SSH brought along was never generated here.
            continue
        return UNICODE
    return ASCII


def show(reader: Reader) -> None:
    """Show the run until the operator leaves. Raises NoTerminal."""
    characters = characters_of(os.environ)
    # Escape is a key here, and what begins with it arrives at once.
    os.environ.setdefault("ESCDELAY", "50")
    try:
        curses.setupterm()
    except curses.error as error:
        kind = os.environ.get("TERM") or "not set"
        raise NoTerminal(
            f"The terminal's type (TERM) is {kind}, which this machine does not know ({error}); try TERM=xterm."
        ) from error
    if not curses.tigetstr("cup"):
        raise NoTerminal("This terminal cannot move its cursor; take another, or TERM=xterm.")
    try:
        curses.wrapper(_Program(reader, characters).work)
    except KeyboardInterrupt:
        return


class _Program:
    def __init__(self, reader: Reader, characters: Characters) -> None:
        self._reader = reader
        self._characters = characters
        self._keys = Keys(reader.state_dir)
        self._attributes: dict[Style, int] = {}
        self._asked_for_logs = 0.0

    def work(self, window: curses.window) -> None:
        """Draw each BEAT and after each key, until the operator leaves."""
        self._attributes = _attributes()
        with_cursor = False
        due, snapshot = 0.0, self._reader.read()
        while not self._keys.ended:
            now = time.monotonic()
            if now >= due or self._keys.has_ordered:
                snapshot = self._reader.read(at_once=self._keys.has_ordered)
                self._keys.has_ordered = False
                due = max(due + BEAT, now + BEAT / 2)
            self._ask_for_logs(now)
            self._draw(window, frame(snapshot, self._keys.place, *_size(window), self._characters))
            with_cursor = _set_cursor(self._keys.place.typed is not None, with_cursor)
            window.timeout(max(int((due - time.monotonic()) * 1000), 1))
            key = _read_key(window)
            if key:
                self._keys.press(key, snapshot)
            elif not os.isatty(sys.stdin.fileno()):
                # The connection is gone. Nobody says so where make leads the session: it waits for its children.
                return

    def _ask_for_logs(self, now: float) -> None:
        """Have sessions fetch the ends of logs while they are shown."""
        if self._keys.place.view is View.BUILDS and now - self._asked_for_logs >= WATCHED_SECONDS / 3:
            self._asked_for_logs = now
            self._keys.place.may_watch = watch(self._reader.state_dir)

    def _draw(self, window: curses.window, lines: list[Line]) -> None:
        height, width = window.getmaxyx()
        for row, line in enumerate(lines[:height]):
            window.move(row, 0)
            for text, style in line:
                try:
                    window.addstr(text, self._attributes[style])
                except curses.error:
                    # The cell at the lower right was written, and the cursor has no place behind it.
                    break
            if window.getyx()[0] == row and window.getyx()[1] < width:
                window.clrtoeol()
        window.refresh()


def _size(window: curses.window) -> tuple[int, int]:
    height, width = window.getmaxyx()
    return width, height


def _attributes() -> dict[Style, int]:
    """The attributes of the styles. Without colours, what needs a look is bold, and every state is a word anyway."""
    attributes = {
        Style.PLAIN: curses.A_NORMAL,
        Style.STRONG: curses.A_BOLD,
        Style.QUIET: curses.A_DIM,
        Style.GOOD: curses.A_NORMAL,
        Style.LOOK: curses.A_BOLD,
        Style.BAD: curses.A_BOLD,
        Style.BAR: curses.A_REVERSE,
        Style.CHOSEN: curses.A_BOLD,
    }
    if curses.has_colors() and not os.environ.get("NO_COLOR"):
        with suppress(curses.error):
            curses.use_default_colors()
        for number, (style, colour) in enumerate(_COLOURS.items(), start=1):
            curses.init_pair(number, colour, -1)
            attributes[style] = curses.color_pair(number) | (curses.A_BOLD if style is Style.BAD else 0)
    return attributes


def _set_cursor(wanted: bool, shown: bool) -> bool:
    try:
        curses.curs_set(1 if wanted else 0)
    except curses.error:
        return shown
    return wanted


def _read_key(window: curses.window) -> str:
    """The name of the key that was pressed; empty if none was until the time is over."""
    try:
        key = window.get_wch()
    except curses.error:
        return ""
    if isinstance(key, int):
        return _KEYS.get(key, "")
    return _LETTERS.get(key, key)
