"""When a web node gets the next publication while a run goes on."""

from __future__ import annotations

from dataclasses import dataclass

from .journal import Position

#: A mirror is followed by a pause of so many times its own length, but of no more than the interval. So a few wheels on
#: a quiet site come within seconds, and many mirrors take at most a tenth of the time.
PAUSE = 10


@dataclass
class MirrorSchedule:
    """The publications of one web node. Moments are monotonic, in seconds; `interval` is the longest pause."""

    interval: float
    #: The state that the node has; None: not known yet.
    there: Position | None = None
    #: No mirror begins before this moment.
    next: float = 0.0

    def is_due(self, here: Position | None, now: float) -> bool:
        """Whether to mirror now; `here` is the site's state, None while a publication is at work."""
        return here is not None and here != self.there and now >= self.next

    def done(self, position: Position | None, began: float, ended: float) -> None:
        """Note that the node has this state now."""
        self.there = position
        self.next = min(began + self.interval, ended + PAUSE * (ended - began))

    def failed(self, now: float, pause: float) -> None:
        """Note that the node could not be reached; it may have any state."""
        self.there = None
        self.next = now + pause
