"""What a person meant by a word that is not known."""

from __future__ import annotations

import pytest
from wheelfleet.nearest import do_you_mean, nearest

CLASSES = ["missing-header", "missing-library", "network", "timeout"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("missing-headr", "missing-header"),
        ("missing_header", "missing-header"),
        ("Missing-Library", "missing-library"),
        ("timeouts", "timeout"),
        ("netwrok", "network"),
    ],
)
def test_a_misspelt_word_gets_the_nearest_known_one(word: str, meant: str):
    assert nearest(word, CLASSES) == meant
    assert do_you_mean(word, CLASSES) == f"; do you mean {meant}?"


def test_a_word_like_none_of_few_gets_all_of_them():
    assert nearest("xyz", CLASSES) is None
    assert do_you_mean("xyz", CLASSES) == "; known are missing-header, missing-library, network, timeout"


def test_a_word_like_none_of_many_or_of_none_gets_nothing():
    assert do_you_mean("xyz", [f"word{number}" for number in range(100)]) == ""
    assert do_you_mean("xyz", []) == ""


def test_of_two_equally_near_words_the_one_with_swapped_letters_is_meant():
    assert nearest("prot", ["root", "port"]) == "port"


def test_the_same_mistake_gets_the_same_answer_in_any_order_of_words():
    assert nearest("abx", ["abz", "aby"]) == nearest("abx", ["aby", "abz"]) is not None
