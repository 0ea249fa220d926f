"""The types of the rules: what was asked, what follows, and the refusal of what makes no sense."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ..catalog.controls import Control

#: The host of events that concern no builder.
CONTROLLER = "controller"


class BadOrder(Exception):
    """The order makes no sense; the message is one sentence that names the reason and the cure."""


@dataclass(frozen=True)
class Asked:
    """An order as it was given. `inventory` has the builders of the inventory, None if the caller has none."""

    who: str
    verb: str
    subject: str
    target: str
    reason: str
    until: float | None
    now: float
    inventory: Collection[str] | None = None

    @property
    def because(self) -> str:
        """The end of a sentence about the order: who gave it, and why."""
        return f"by {self.who}: {self.reason.rstrip('.')}." if self.reason else f"by {self.who}."


@dataclass(frozen=True)
class Decision:
    """What follows from an order.

    `sentence` is its event, and "It" there is the `host`. `subject` is the normalised subject. `same` is the order that
    says the same already, so that nothing changes. `lifts` are orders that this one ends. An order that does not
    `lasts` is carried out as it is given.
    """

    sentence: str
    subject: str
    host: str = CONTROLLER
    same: Control | None = None
    lifts: Sequence[Control] = ()
    lasts: bool = True
    answer: str | None = None


#: Decides about one order, in the caller's transaction, in which it may also carry the order out. Raises BadOrder.
Rule = Callable[[sqlite3.Connection, Asked], Decision]
#: The single subjects that an operator's word means for a verb: the hosts of `all`, the attempts of NAME==VERSION.
#: Raises BadOrder.
Expand = Callable[[sqlite3.Connection, Asked], list[str]]


def same_as(asked: Asked, given: Sequence[Control]) -> Control | None:
    """The order of these that says what is asked: the same verb, target, reason and end."""
    wanted = (asked.verb, asked.target, asked.reason, asked.until)
    return next((each for each in given if (each.verb, each.target, each.reason, each.until) == wanted), None)
