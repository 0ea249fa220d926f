"""How much work a host gets and when: the policy in numbers. What it achieves in a run: test_planner_simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from wheelfleet.planner.sizing import (
    LONGEST_FILL_SECONDS,
    LOW_WATER_SECONDS,
    MOST_BUILDS_IN_A_BATCH,
    PROBES,
    SHORTEST_FILL_SECONDS,
    Load,
    Rest,
    choose,
    choose_urgent,
    fill_seconds,
    fit_for,
    is_low,
    keep,
    learned_speed,
    seconds_to_go,
    too_late,
)

HOUR = 3600.0
#: So much left that batches are at their largest.
PLENTY = Rest(seconds=1000 * HOUR, power=1.0)
NOTHING = Rest(seconds=0.0, power=1.0)


def chosen(seconds: list[float], load: Load, rest: Rest = PLENTY) -> list[float]:
    return choose(sorted(seconds, reverse=True), float, load, rest)


def fitting(seconds: list[float], load: Load, rest: Rest, faster: float) -> list[float]:
    return list(fit_for(sorted(seconds, reverse=True), float, load, rest, faster))


# ------------------------------------------------------------------- when


def test_a_host_with_a_free_slot_is_low():
    assert is_low(Load(slots=1))
    assert is_low(Load(slots=2, building=[(HOUR, 0.0)]))


def test_a_host_is_low_before_it_runs_dry_and_not_while_it_has_enough():
    assert not is_low(Load(slots=1, building=[(60.0, 0.0)]))
    assert is_low(Load(slots=1, building=[(60.0, 60.0 - LOW_WATER_SECONDS / 2)]))
    assert not is_low(Load(slots=1, building=[(60.0, 59.0)], waiting=[LOW_WATER_SECONDS]))


def test_waiting_builds_fill_the_slots_that_are_free_first():
    load = Load(slots=2, building=[(100.0, 0.0), (20.0, 0.0)], waiting=[30.0])
    assert sorted(load.free_slots()) == [50.0, 100.0]


def test_a_slow_host_has_longer_to_do_on_the_same_work():
    assert Load(slots=1, speed=0.1, waiting=[10.0]).free_slots() == [100.0]


def test_a_late_build_is_thought_to_stay_late():
    assert seconds_to_go(100.0, 40.0) == 60.0
    assert seconds_to_go(100.0, 5 * HOUR) == 0.5 * HOUR


# --------------------------------------------------------------- how much


def test_each_free_slot_gets_one_of_the_longest_builds():
    assert chosen([5 * HOUR, 4 * HOUR, 3 * HOUR, 2 * HOUR, 60.0], Load(slots=2)) == [5 * HOUR, 4 * HOUR]


def test_short_builds_are_handed_over_many_at_once_while_much_is_left():
    assert len(chosen([10.0] * 1000, Load(slots=1))) == LONGEST_FILL_SECONDS / 10.0


def test_batches_shrink_as_the_queue_drains():
    left = [4000.0, 400.0, 40.0, 0.0]
    sizes = [sum(chosen([5.0] * 1000, Load(slots=1), Rest(seconds, power=2.0))) for seconds in left]
    assert sizes == sorted(sizes, reverse=True)
    assert (sizes[0], sizes[-1]) == (LONGEST_FILL_SECONDS, SHORTEST_FILL_SECONDS)


def test_a_host_leaves_idle_hosts_their_share_of_a_short_rest():
    builds = [2.0] * 6
    assert chosen(builds, Load(slots=1), Rest(12.0, power=3.0)) == builds
    assert chosen(builds, Load(slots=1), Rest(12.0, power=3.0, idle=2.0)) == [2.0, 2.0]
    assert chosen([1.0], Load(slots=1), Rest(0.0, power=3.0, idle=2.0)) == [1.0]


def test_a_fleet_of_twice_the_power_gets_smaller_batches_of_the_same_queue():
    one, two = (fill_seconds(Load(slots=1), Rest(600.0, power)) for power in (1.0, 2.0))
    assert one == 2 * two


def test_no_more_builds_are_drawn_than_are_handed_over():
    drawn = []

    def builds() -> Iterator[float]:
        while True:
            drawn.append(100.0)
            yield 100.0

    assert choose(builds(), float, Load(slots=1), PLENTY) == drawn == [100.0] * 3


def test_one_visit_has_an_end_however_short_the_builds_are():
    assert len(chosen([0.001] * 10_000, Load(slots=1))) == MOST_BUILDS_IN_A_BATCH


def test_a_host_that_holds_enough_gets_nothing():
    assert chosen([10.0], Load(slots=1, waiting=[LONGEST_FILL_SECONDS])) == []


def test_a_host_nobody_knows_gets_little_at_a_time():
    assert fill_seconds(Load(slots=1, results=PROBES - 1), PLENTY) == SHORTEST_FILL_SECONDS


# ---------------------------------------------------------- slower hosts


def test_a_host_as_fast_as_the_others_may_have_the_longest_build():
    assert fitting([5 * HOUR, 10.0], Load(slots=1), PLENTY, faster=0.0) == [5 * HOUR, 10.0]


def test_the_only_host_of_a_target_gets_everything_however_slow_it_is():
    assert fitting([5 * HOUR, 10.0], Load(slots=1, speed=0.01), NOTHING, faster=0.0) == [5 * HOUR, 10.0]


def test_a_slow_host_leaves_the_longest_builds_to_the_others():
    seconds = [HOUR] * 10 + [10.0] * 1000
    rest = Rest(sum(seconds), power=1.1)
    assert fitting(seconds, Load(slots=1, speed=0.1), rest, faster=1.0) == [10.0] * 1000


def test_a_slow_host_leaves_the_last_builds_to_faster_ones():
    assert fitting([60.0, 60.0], Load(slots=1, speed=0.1), Rest(120.0, 2.1), faster=2.0) == []


def test_a_slower_host_takes_its_share_of_long_builds_when_that_helps():
    five = [5 * HOUR] * 5
    assert fitting(five, Load(slots=1), Rest(sum(five), power=21.0), faster=2.0)[:1] == [5 * HOUR]


# -------------------------------------------------------------- taken back


def test_a_host_keeps_what_it_will_begin_soon():
    assert keep(Load(slots=1, waiting=[5.0, 5.0]), NOTHING, others_idle=True) == 2
    assert keep(Load(slots=1, building=[(60.0, 0.0)], waiting=[5.0, 5.0]), PLENTY, others_idle=False) == 2


def test_when_others_are_idle_a_host_gives_back_what_it_will_not_begin_now():
    load = Load(slots=1, building=[(5.0, 0.0)], waiting=[20.0, 20.0, 20.0])
    assert keep(load, NOTHING, others_idle=True) == 1


def test_a_host_with_a_build_longer_than_predicted_gives_back_the_rest():
    load = Load(slots=1, building=[(10.0, 3 * HOUR)], waiting=[20.0])
    assert keep(load, PLENTY, others_idle=False) == 0


def test_a_host_with_another_slot_free_soon_keeps_its_next_build():
    load = Load(slots=2, building=[(10.0, 3 * HOUR), (5.0, 0.0)], waiting=[20.0])
    assert keep(load, PLENTY, others_idle=False) == 1


# ------------------------------------------------------------------ speed


def test_a_host_nobody_knows_is_taken_for_a_normal_one():
    assert learned_speed([]) == 1.0


@pytest.mark.parametrize("speed", [0.1, 0.5, 1.0, 4.0])
def test_the_speed_is_learned_from_what_was_predicted_and_what_it_took(speed: float):
    assert learned_speed([(60.0, 60.0 / speed)] * 30) == pytest.approx(speed, rel=0.05)


def test_one_prediction_far_off_does_not_make_a_host_slow():
    assert learned_speed([(10.0, 10.0)] * 29 + [(10.0, 1000.0)]) > 0.8


def test_a_build_under_way_counts_once_it_is_late():
    known = [(10.0, 10.0)] * 3
    assert learned_speed(known, [(10.0, 9.0)]) == learned_speed(known)
    assert learned_speed(known, [(10.0, 1000.0)]) < 0.5


# ------------------------------------------------------------------- before the end of the run


def test_no_build_is_handed_out_that_cannot_end_in_time():
    builds = [500.0, 90.0, 60.0, 40.0, 30.0]
    assert chosen(builds, Load(slots=1, until=100.0)) == [90.0]
    assert chosen(builds, Load(slots=1, speed=0.5, until=100.0)) == [40.0]
    assert chosen(builds, Load(slots=1, building=[(50.0, 10.0)], until=100.0)) == [60.0]
    assert chosen(builds, Load(slots=1, until=-1.0)) == []
    assert choose_urgent(builds, float, lambda _: 0.0, Load(slots=1, until=100.0), PLENTY) == [90.0]


def test_what_waits_goes_back_if_it_cannot_end_in_time_any_more():
    load = Load(slots=1, building=[(50.0, 10.0)], waiting=[500.0, 30.0, 20.0, 10.0])
    assert too_late(load) == []
    assert too_late(replace(load, until=1000.0)) == []
    assert too_late(replace(load, until=80.0)) == [0, 2]
    assert too_late(replace(load, until=0.0)) == [0, 1, 2, 3]
