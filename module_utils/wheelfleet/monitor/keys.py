"""What the keys do: they change the operator's place, and give orders after a question was answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from . import reins
from .place import Place, Row, View, chosen_row, rows_of
from .snapshot import Snapshot

#: The keys by their names; other keys are the letters they type.
UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END = "up", "down", "page up", "page down", "home", "end"
ENTER, ESCAPE, BACKSPACE, TAB, BACK_TAB = "enter", "escape", "backspace", "tab", "back tab"

_ALSO: Mapping[str, str] = {"k": UP, "j": DOWN, " ": PAGE_DOWN, "b": PAGE_UP, "g": HOME, "G": END}
#: Characters of a reason.
_LONGEST = 300


class Keys:
    """The operator's keys, on one run's state folder."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.place = Place()
        self.ended = False
        #: True after an order: the screen should show soon what came of it.
        self.has_ordered = False
        self._wanted: reins.Rein | None = None

    def press(self, key: str, snapshot: Snapshot) -> None:
        """Do what the key means here."""
        place = self.place
        place.message = ""
        if self._wanted is not None:
            self._answer(key, self._wanted)
        elif place.help:
            place.help = False
        elif key == "q":
            self.ended = True
        elif key == "?":
            place.help = True
        elif key in ("\t", TAB, BACK_TAB) or (key.isdigit() and 1 <= int(key) <= len(View)):
            self._turn_to(key)
        elif key == ENTER:
            place.details = place.view in (View.FLEET, View.BUILDS) and not place.details
        elif key == ESCAPE:
            place.details = False
        elif not self._move(_ALSO.get(key, key), rows_of(snapshot, place.view)):
            self._ask(key, snapshot)

    def _turn_to(self, key: str) -> None:
        views = list(View)
        if key.isdigit():
            self.place.view = views[int(key) - 1]
        else:
            step = -1 if key == BACK_TAB else 1
            self.place.view = views[(views.index(self.place.view) + step) % len(views)]
        self.place.details = False

    def _move(self, key: str, listed: Sequence[Row]) -> bool:
        row, page = self.place.row, self.place.page
        rows = {UP: row - 1, DOWN: row + 1, PAGE_UP: row - page, PAGE_DOWN: row + page, HOME: 0, END: len(listed)}
        if key not in rows:
            return False
        self.place.choose(rows[key], listed)
        return True

    def _ask(self, key: str, snapshot: Snapshot) -> None:
        wanted = reins.rein(self.place.view, key, chosen_row(snapshot, self.place))
        if wanted is None:
            return
        if trouble := snapshot.catalog.trouble or reins.refused(self.state_dir, wanted):
            self.place.message = trouble
            return
        self._wanted = wanted
        self.place.question = wanted.question
        self.place.typed = "" if wanted.asks_why else None

    def _answer(self, key: str, wanted: reins.Rein) -> None:
        place = self.place
        if key == ESCAPE:
            place.message = "Nothing was ordered."
        elif key == ENTER:
            if place.typed is not None and not place.typed.strip():
                place.question = f"{wanted.question} Type a reason first: it is shown on the site."
                return
            place.message = reins.give(self.state_dir, wanted, place.typed or "")
            self.has_ordered = True
        else:
            if place.typed is not None:
                if key == BACKSPACE:
                    place.typed = place.typed[:-1]
                elif len(key) == 1 and key.isprintable() and len(place.typed) < _LONGEST:
                    place.typed += key
            return
        self._wanted, place.question, place.typed = None, "", None
