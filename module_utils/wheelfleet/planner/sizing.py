"""The size of batches: how much work a host gets, and when. Pure policy in seconds, without a database.

Each build has predicted seconds on a normal host (speed 1.0); a host of speed 0.5 needs twice as long. A host works on
`slots` builds at once and holds a few more, so that no slot runs dry. It gets the longest builds first, each for the
slot that is free first (longest processing time first, Graham 1969: within a third of the shortest possible end, and
with many builds within a few per cent), after what people wait for (catalog/priorities). Slots are filled less far
ahead when less is left (guided self-scheduling, Polychronopoulos and Kuck 1987), so that later builds even out wrong
predictions.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Build = TypeVar("Build")

#: A host gets more when a slot would run dry within this time. It covers a poll (2 s), a hand-over (3 s), and a
#: prediction that was twice too long.
LOW_WATER_SECONDS = 10.0
#: Slots are filled at least this far ahead, because each hand-over takes time,
SHORTEST_FILL_SECONDS = 15.0
#: and at most this far, because a lost host's builds start again and no other host can begin them meanwhile.
LONGEST_FILL_SECONDS = 300.0
#: In between they are filled ahead by this part of the time that the fleet still needs.
FILL_SHARE = 0.25
#: If idle hosts share what is left, the slots are filled as far as that lasts, but at least this far.
SHORTEST_SHARE_SECONDS = 1.0
MOST_BUILDS_IN_A_BATCH = 200

#: Of the work that a host is given, this part is the build that waits longest. So nothing waits for ever behind what
#: comes before it.
OLDEST_SHARE = 0.1
#: A build comes early if its own time is more than this part of the time that the fleet still needs, because it would
#: put off the end of the run.
LONGEST_SHARE = 0.5
#: What a host has not begun after this time, though it began builds that it got later, goes back to the queue.
OVERTAKEN_SECONDS = 900.0
#: An urgent build goes back after this time if the host began nothing since, because others may be free sooner.
STUCK_SECONDS = 60.0

#: A new host's speed is known after this many results,
PROBES = 3
#: from builds no longer than this, if there are any: a slow host with the longest build would delay the end of the run.
PROBE_SECONDS = 30.0
#: Speeds that differ by less than this factor count as equal.
SPEED_TOLERANCE = 1.5
#: A slower host is assumed to need this many times its prediction, because a late build delays the whole fleet.
SLOW_HOST_CAUTION = 4.0

#: A late build is expected to take this part of its time so far in addition, because durations have heavy tails.
LATE_SHARE = 0.1
#: The usual speed counts as this many results.
SPEED_PRIOR = 0.5
SLOWEST, FASTEST = 0.01, 100.0


@dataclass(frozen=True)
class Load:
    """A host and its builds. Predictions are for a normal host; only `elapsed` is the host's own time.

    `building` are (predicted, elapsed) seconds of builds that go on. `waiting` are predicted seconds of unstarted
    builds, in their order. `results` is the number of builds from which `speed` was learned. Builds have to end within
    `until` seconds; None: there is no such limit.
    """

    slots: int
    speed: float = 1.0
    results: int = PROBES
    building: Sequence[tuple[float, float]] = ()
    waiting: Sequence[float] = ()
    until: float | None = None

    def free_slots(self) -> list[float]:
        """Seconds until each slot is free if the host works through all its builds in order, as a heap."""
        slots = sorted(seconds_to_go(predicted / self.speed, elapsed) for predicted, elapsed in self.building)
        slots = [0.0] * (self.slots - len(slots)) + slots
        for predicted in self.waiting:
            heapq.heapreplace(slots, slots[0] + predicted / self.speed)
        return slots


@dataclass(frozen=True)
class Rest:
    """The rest of the queue: predicted seconds of the builds that no host holds, and the `power` of the fleet.

    `power` is the sum of slots times speed over the trusted hosts of the run. `idle` is the part of it that has nothing
    to do and could take over builds of the host that asks.
    """

    seconds: float
    power: float
    idle: float = 0.0

    @property
    def time(self) -> float:
        """Seconds until it is done if no slot is ever idle."""
        return self.seconds / max(self.power, SLOWEST)


def seconds_to_go(predicted: float, elapsed: float) -> float:
    """The remaining seconds of a build; all in the host's own seconds."""
    return max(predicted - elapsed, elapsed * LATE_SHARE)


def is_low(load: Load) -> bool:
    """Whether the host should get more builds now."""
    return load.free_slots()[0] < LOW_WATER_SECONDS


def fill_seconds(load: Load, rest: Rest) -> float:
    """How far ahead the host's slots are filled; for a host of unknown speed the least.

    It shares what is left with hosts that are idle.
    """
    ahead = SHORTEST_FILL_SECONDS
    if load.results >= PROBES:
        ahead = min(max(rest.time * FILL_SHARE, SHORTEST_FILL_SECONDS), LONGEST_FILL_SECONDS)
    if rest.idle:
        share = rest.seconds / (load.slots * load.speed + rest.idle)
        ahead = min(ahead, max(share, SHORTEST_SHARE_SECONDS))
    return ahead


def choose(builds: Iterable[Build], seconds: Callable[[Build], float], load: Load, rest: Rest) -> list[Build]:
    """The builds to hand over now. `builds` come longest first, and no more are drawn than needed.

    Each goes to the slot that is free first, while that is within `fill_seconds`. So only a host that can begin a long
    build soon gets it. A build that would not end in time (`Load.until`) is left out.
    """
    slots = load.free_slots()
    ahead = fill_seconds(load, rest)
    chosen: list[Build] = []
    candidates = iter(builds)
    while slots[0] < ahead and len(chosen) < MOST_BUILDS_IN_A_BATCH:
        build = next(candidates, None)
        if build is None:
            break
        ends = slots[0] + seconds(build) / load.speed
        if load.until is None or ends <= load.until:
            chosen.append(build)
            heapq.heapreplace(slots, ends)
    return chosen


def choose_urgent(
    builds: Iterable[Build], seconds: Callable[[Build], float], waited: Callable[[Build], float], load: Load, rest: Rest
) -> list[Build]:
    """The urgent builds to hand over now, before what the host holds. `load.waiting` has only what comes before them.

    A host takes one if it can begin it at once. Who waited for some time is taken by a host that can begin it within
    that time: so of busy hosts the one takes it that is free first, though none knows the others.
    """
    slots = load.free_slots()
    most = fill_seconds(load, rest)
    chosen: list[Build] = []
    for build in builds:
        if slots[0] >= min(max(waited(build), LOW_WATER_SECONDS), most) or len(chosen) == MOST_BUILDS_IN_A_BATCH:
            break
        ends = slots[0] + seconds(build) / load.speed
        if load.until is None or ends <= load.until:
            chosen.append(build)
            heapq.heapreplace(slots, ends)
    return chosen


def too_late(load: Load) -> list[int]:
    """The numbers of the waiting builds that would not end in time (`Load.until`)."""
    slots = Load(load.slots, load.speed, building=load.building).free_slots()
    late = []
    for number, predicted in enumerate(load.waiting):
        ends = slots[0] + predicted / load.speed
        if load.until is not None and ends > load.until:
            late.append(number)
        else:
            heapq.heapreplace(slots, ends)
    return late


def oldest_is_due(seconds: float, passed_over: float) -> bool:
    """Whether the build that waits longest comes next, after so much other work (predicted seconds)."""
    return passed_over * OLDEST_SHARE >= seconds


def longest_from(load: Load, rest: Rest) -> float:
    """The predicted seconds from which on a build would put off the end of the run if it began later."""
    return max(rest.time * load.speed * LONGEST_SHARE, 0.0)


def fit_for(
    builds: Iterable[Build],
    seconds: Callable[[Build], float],
    load: Load,
    rest: Rest,
    faster: float,
    waited: Callable[[Build], float] = lambda build: 0.0,
) -> Iterator[Build]:
    """The builds of one target, in their order, without those that faster hosts would finish sooner.

    `faster` is the power of the trusted hosts that offer the target and are clearly faster (SPEED_TOLERANCE); 0 leaves
    out nothing. A build is left to them while they finish it, and all that was left to them before, sooner than this
    host would. This host's time counts SLOW_HOST_CAUTION times, up to the rest of the run. The time that a build
    `waited` counts as theirs, because they are not free.
    """
    left_to_them = 0.0
    for build in builds:
        left_to_them += seconds(build)
        here = seconds(build) / load.speed
        if not faster or left_to_them / faster + waited(build) >= max(here, min(here * SLOW_HOST_CAUTION, rest.time)):
            yield build


def keep(load: Load, rest: Rest, *, others_idle: bool) -> int:
    """The number of waiting builds, from the first, that the host should keep; the rest goes back to the queue.

    It keeps builds that it begins within LOW_WATER_SECONDS if others are idle, else within twice `fill_seconds`.
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

    Builds that go on, as (predicted, elapsed), count if they took longer than this speed explains. Predictions must be
    for a normal host. `usual` is the speed of a host without results. Some 30 results are enough.
    """
    logs = [math.log(max(predicted, 0.1) / max(actual, 0.1)) for predicted, actual in results]
    prior = SPEED_PRIOR * math.log(usual)
    speed = math.exp((sum(logs) + prior) / (len(logs) + SPEED_PRIOR))
    late = [math.log(max(p, 0.1) / e) for p, e in building if e > 0 and max(p, 0.1) / e < speed]
    if late:
        speed = math.exp((sum(logs) + sum(late) + prior) / (len(logs) + len(late) + SPEED_PRIOR))
    return min(max(speed, SLOWEST), FASTEST)
