"""Backoff from an overloaded or broken upstream, shared by all threads that send requests."""

from __future__ import annotations

import threading
import time

#: Seconds without requests after the first, second, … 429 in a row; after the last one, requests end.
_PAUSES = (0.5, 1.0, 2.0, 4.0)
#: Part of a failure that a 403 counts, because an object store may not have many listed names in a row.
_OF_A_FORBIDDEN = 1 / 32


class Backoff:
    """Pauses all threads after a 429, and ends requests when they are pointless."""

    def __init__(self, workers: int) -> None:
        self.gave_up: str | None = None
        self.has_answered = False
        self._workers = workers
        self._failures = 0.0
        self._throttled_in_a_row = 0
        self._pause_until = 0.0
        self._changed = threading.Condition()

    @property
    def is_unreachable(self) -> bool:
        """Whether there is certainly no server."""
        return self.gave_up is not None and not self.has_answered

    def wait(self, seconds: float = 0.0) -> float | None:
        """Wait `seconds`, and for the end of a pause. Returns the time then; None if no more requests are allowed."""
        until = time.monotonic() + seconds
        with self._changed:
            while self.gave_up is None:
                now = time.monotonic()
                left = max(until, self._pause_until) - now
                if left <= 0:
                    return now
                self._changed.wait(left)
        return None

    def succeeded(self) -> None:
        """Upstream gave a usable response."""
        with self._changed:
            self.has_answered = True
            self._failures, self._throttled_in_a_row = 0.0, 0

    def failed(self, *, answered: bool, forbidden: bool = False) -> None:
        """A project could not be read, after all tries; `forbidden`: its status was 403."""
        with self._changed:
            self.has_answered = self.has_answered or answered
            self._failures += _OF_A_FORBIDDEN if forbidden else 1
            # One failure for each thread shows that a host is not there; four, that its responses are useless.
            if self._failures >= self._workers * (4 if self.has_answered else 1):
                self._give_up("too many projects in a row could not be read")

    def throttled(self, started: float) -> None:
        """Upstream returned 429; `started` is the start of that request, in time.monotonic's seconds."""
        with self._changed:
            self.has_answered = True
            if started < self._pause_until:
                return  # begun before the pause: all such requests count as one refusal
            if self._throttled_in_a_row == len(_PAUSES):
                self._give_up("it kept asking for fewer requests (429)")
            else:
                self._pause_until = time.monotonic() + _PAUSES[self._throttled_in_a_row]
                self._throttled_in_a_row += 1

    def stop(self) -> None:
        """End all requests, because their answers are no longer needed."""
        with self._changed:
            self._give_up("the run was stopped")

    def _give_up(self, reason: str) -> None:
        self.gave_up = self.gave_up or reason
        self._changed.notify_all()
