"""The largest part of a set that works together, where only whole sets can be tried."""

from __future__ import annotations

import pytest
from wheelfleet.builder.compatible_subset import CompatibleSubset


class Trial:
    """A set goes together without the bad ones, and without both of a pair."""

    def __init__(self, bad: set[int], pairs: tuple[tuple[int, int], ...] = (), hints: bool = False) -> None:
        self.bad, self.pairs, self.hints = bad, pairs, hints
        self.max_attempts: list[list[int]] = []
        self.refused: list[int] = []
        self.subset = CompatibleSubset(self.tried, self.hinted, self.refused.append)

    def tried(self, numbers: list[int]) -> bool:
        self.max_attempts.append(numbers)
        return not self.bad & {*numbers} and not any({*pair} <= {*numbers} for pair in self.pairs)

    def hinted(self, group: list[int]) -> set[int]:
        return self.bad & {*group} if self.hints else set()


def test_all_that_go_together_need_one_try() -> None:
    trial = Trial(set())
    trial.subset.add(range(100))
    assert trial.subset.good == list(range(100)) and len(trial.max_attempts) == 1


@pytest.mark.parametrize(("hints", "most"), [(True, 5), (False, 30)])
def test_bad_lines_are_found_with_few_tries_fewer_where_a_try_names_them(hints: bool, most: int) -> None:
    trial = Trial({17, 60}, hints=hints)
    trial.subset.add(range(100))
    assert (trial.refused, trial.subset.good) == ([17, 60], [n for n in range(100) if n not in (17, 60)])
    assert len(trial.max_attempts) <= most


def test_what_was_bad_the_last_time_is_left_out_first_and_tried_again() -> None:
    trial = Trial({17})
    trial.subset.add(range(100), [17, 60])
    assert (trial.refused, len(trial.subset.good), len(trial.max_attempts)) == ([17], 99, 4)


def test_of_a_pair_that_does_not_go_together_the_first_stays() -> None:
    trial = Trial(set(), ((3, 40),))
    trial.subset.add(range(64))
    assert (trial.refused, len(trial.subset.good)) == ([40], 63)


def test_nothing_good_comes_to_an_end() -> None:
    trial = Trial(set(range(9)), hints=True)
    trial.subset.add(range(9))
    assert (trial.refused, trial.subset.good) == (list(range(9)), [])
