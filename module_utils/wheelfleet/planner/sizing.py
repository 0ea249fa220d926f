"""How much work a host gets, and when: the policy alone, in seconds, without a database.

Every build has predicted seconds, as a normal host would need (speed 1.0); a host of speed 0.5 needs twice as long.
A host works on `slots` builds at once and holds a few more, so that none of its slots ever runs dry. It is given the
longest builds first, each as if for the slot that is free the soonest (longest processing time first, Graham 1969:
within a third of the shortest possible end, and with many builds within a few per cent). How far ahead its slots are
filled shrinks with what is left (guided self-scheduling, Polychronopoulos and Kuck 1987), so that what predictions
miss is evened out by the builds still to come.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Build = TypeVar("Build")

#: A host whose next free slot would find nothing to do within this time is given more. It covers a look (2 s), a
#: visit (3 s), and a prediction that was twice too long.
LOW_WATER_SECONDS = 10.0
#: Slots are filled at least this far ahead, for handing over has a price,
SHORTEST_FILL_SECONDS = 15.0
#: and at most this far: what a lost host held has to be done again, and what it holds nobody else can begin.
LONGEST_FILL_SECONDS = 300.0
#: In between by this part of what is left for each slot of the fleet.
FILL_SHARE = 0.25
#: More than this is never handed over in one visit.
MOST_BUILDS_IN_A_BATCH = 200

#: A host nobody knows yet shows by this many results how fast it is,
PROBES = 3
#: with builds no longer than this, if there are any: a slow host with the longest build would hold up the end.
PROBE_SECONDS = 30.0
#: Speeds are known about so well; hosts that differ less are taken as equal.
SPEED_TOLERANCE = 1.5
#: A slower host is thought to need this many times as long as predicted: the risk is all the fleet's.
SLOW_HOST_CAUTION = 4.0

#: A build that is late will be late by another such part of the time it already took. Durations have heavy tails.
LATE_SHARE = 0.1
#: How many results "a host is as fast as is usual" counts as much as.
SPEED_PRIOR = 0.5
SLOWEST, FASTEST = 0.01, 100.0


@dataclass(frozen=True)
class Load:
    """A host and what it holds. All predictions are those for a normal host; only `elapsed` is the host's own time.

    `building` are (predicted, elapsed) seconds of the builds under way, `waiting` the predicted seconds of those it has
    not begun, in the order it will begin them. `results` is how many builds of this host its `speed` was learned from.
    """

    slots: int
    speed: float = 1.0
    results: int = PROBES
    building: Sequence[tuple[float, float]] = ()
    waiting: Sequence[float] = ()

    def free_slots(self) -> list[float]:
        """In how many seconds each slot is free, as a heap, with all that is held done in order."""
        slots = sorted(seconds_to_go(predicted / self.speed, elapsed) for predicted, elapsed in self.building)
        slots = [0.0] * (self.slots - len(slots)) + slots
        for predicted in self.waiting:
            heapq.heapreplace(slots, slots[0] + predicted / self.speed)
        return slots


@dataclass(frozen=True)
class Rest:
    """What the fleet has still to do: predicted seconds of the builds nobody holds, and who there is for it.

    `power` is the sum of slots times speed over the hosts that are here and at work.
    """

    seconds: float
    power: float

    @property
    def time(self) -> float:
        """Seconds until it is done when nobody ever waits."""
        return self.seconds / max(self.power, SLOWEST)


def seconds_to_go(predicted: float, elapsed: float) -> float:
    """How long a build under way will still take; both in the host's own seconds."""
    return max(predicted - elapsed, elapsed * LATE_SHARE)


def is_low(load: Load) -> bool:
    """Whether the host should be given more now."""
    return load.free_slots()[0] < LOW_WATER_SECONDS


def fill_seconds(load: Load, rest: Rest) -> float:
    """How far ahead the host's slots are filled; a host nobody knows yet only a little."""
    if load.results < PROBES:
        return SHORTEST_FILL_SECONDS
    return min(max(rest.time * FILL_SHARE, SHORTEST_FILL_SECONDS), LONGEST_FILL_SECONDS)


def choose(builds: Iterable[Build], seconds: Callable[[Build], float], load: Load, rest: Rest) -> list[Build]:
    """Which of the builds to hand over now. They come longest first; no more of them are drawn than needed.

    Each goes to the slot that is free first, while one is within `fill_seconds`. So a long build is only given to a
    host that can begin it soon, and never lies behind others while somebody else is idle.
    """
    slots = load.free_slots()
    ahead = fill_seconds(load, rest)
    chosen: list[Build] = []
    # Asked before the next is drawn: drawing has a price.
    candidates = iter(builds)
    while slots[0] < ahead and len(chosen) < MOST_BUILDS_IN_A_BATCH:
        build = next(candidates, None)
        if build is None:
            break
        chosen.append(build)
        heapq.heapreplace(slots, slots[0] + seconds(build) / load.speed)
    return chosen


def fit_for(
    builds: Iterable[Build], seconds: Callable[[Build], float], load: Load, rest: Rest, faster: float
) -> Iterator[Build]:
    """The builds of one target, longest first, but for the longest ones that faster hosts would have done sooner.

    `faster` is the power of the hosts that are here, at work, offer the target and are clearly faster than this one
    (`SPEED_TOLERANCE`); 0 leaves out nothing. A build is left to them while they, doing all that is left to them
    alone, are done with it before this host would be; with caution, as long as they are not busy to the end with that.
    """
    left_to_them = 0.0
    for build in builds:
        left_to_them += seconds(build)
        here = seconds(build) / load.speed
        if not faster or left_to_them / faster >= max(here, min(here * SLOW_HOST_CAUTION, rest.time)):
            yield build


def keep(load: Load, rest: Rest, *, others_idle: bool) -> int:
    """How many of the waiting builds, from the first, the host should keep; the rest goes back to the queue.

    While others have work, it gives back what it will begin much later than was meant when it was given; when
    others are idle, all it will not begin about now.
    """
    patience = LOW_WATER_SECONDS if others_idle else 2 * fill_seconds(load, rest)
    slots = Load(load.slots, load.speed, building=load.building).free_slots()
    for number, predicted in enumerate(load.waiting):
        if slots[0] > patience:
            return number
        heapq.heapreplace(slots, slots[0] + predicted / load.speed)
    return len(load.waiting)


def learned_speed(
    results: Sequence[tuple[float, float]], building: Sequence[tuple[float, float]] = (), *, usual: float = 1.0
) -> float:
    """A host's speed from (predicted, actual) seconds of its newest wheels: the geometric mean of the ratios.

    Builds under way, as (predicted, elapsed), count once they have taken longer than this speed explains. The
    predictions must not depend on the host's speed. `usual` is what is assumed of a host without results. Some 30
    results are enough.
    """
    logs = [math.log(max(predicted, 0.1) / max(actual, 0.1)) for predicted, actual in results]
    prior = SPEED_PRIOR * math.log(usual)
    speed = math.exp((sum(logs) + prior) / (len(logs) + SPEED_PRIOR))
    late = [math.log(max(p, 0.1) / e) for p, e in building if e > 0 and max(p, 0.1) / e < speed]
    if late:
        speed = math.exp((sum(logs) + sum(late) + prior) / (len(logs) + len(late) + SPEED_PRIOR))
    return min(max(speed, SLOWEST), FASTEST)
