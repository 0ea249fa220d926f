"""Scope and policy from the inventory: what can be written, and what every mistake is answered with."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.version import Version
from wheelfleet.planner.scope import BadScope, Policy, Scope, ScopeRule


def test_a_package_is_a_name_or_a_requirement_or_says_how_many_releases():
    scope = Scope.from_data(
        ["RPi.GPIO", "spidev>=3.6", {"name": "sysv_ipc", "newest": 3}, {"name": "a", "newest": "all"}]
    )
    assert scope.rules == (
        ScopeRule("rpi-gpio"),
        ScopeRule("spidev", ">=3.6"),
        ScopeRule("sysv-ipc", "", 3),
        ScopeRule("a", "", None),
    )


def test_the_default_number_of_releases_holds_for_entries_that_name_none():
    assert Scope.from_data(["a", {"name": "b", "newest": 1}], newest="all").rules == (
        ScopeRule("a", "", None),
        ScopeRule("b"),
    )


@pytest.mark.parametrize(
    ("packages", "names"),
    [
        (["spidev >= >= 3"], "spidev >= >= 3"),
        (["spidev @ https://example.org/x.tar.gz"], "URLs"),
        (["spidev; python_version < '3'"], "markers"),
        ([{"nmae": "spidev"}], "nmae"),
        ([{"name": "spidev", "newest": 0}], "newest"),
        ([{"name": "spidev", "newest": "some"}], "some"),
    ],
)
def test_a_bad_package_entry_is_named_with_its_cure(packages: list, names: str):
    with pytest.raises(BadScope, match=names):
        Scope.from_data(packages)


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        ({"prereleases": "sometimes"}, "controller_prereleases"),
        ({"build": "maybe"}, "controller_build"),
        ({"cooldown_hours": "a day"}, "controller_cooldown_hours"),
        ({"cooldown_hours": -1}, "controller_cooldown_hours"),
        ({"max_attempts": 0}, "controller_max_attempts"),
        ({"skip": ["tensorflow"]}, "name and a reason"),
        ({"adopt_requirements": ["helping", "two words"]}, "two words"),
        ({"skip": [{"name": "a", "reason": "b", "version": "1"}]}, "version"),
        ({"skip": [{"name": "a", "reason": "b", "versions": "below two"}]}, "below two"),
    ],
)
def test_a_bad_policy_is_named_with_its_cure(policy: dict, names: str):
    with pytest.raises(BadScope, match=names):
        Policy.from_data(policy)


@pytest.mark.parametrize(
    ("said", "adopted"),
    [
        (["Help_Ing"], {"help-ing"}),
        ("helping", {"helping"}),
        (True, True),
        ("true", True),
        ([], set()),
        (False, set()),
        ("no", set()),
    ],
)
def test_what_is_adopted_may_be_said_in_yaml_or_with_e(said: Any, adopted: Any):
    policy = Policy.from_data({"adopt_requirements": said})
    assert policy.adopt_requirements == adopted
    assert Scope.from_data([]).fingerprint(policy) == Scope.from_data([]).fingerprint(Policy()), "no verdict changes"


def test_a_skip_entry_matches_by_name_versions_and_part_of_a_target():
    (skip,) = Policy.from_data({"skip": [{"name": "Demo", "versions": "<2", "target": "armv6l", "reason": "why"}]}).skip
    assert skip.matches("demo", Version("1.0"), "cp311-cp311-linux_armv6l-glibc2.36")
    assert not skip.matches("demo", Version("2.0"), "cp311-cp311-linux_armv6l-glibc2.36")
    assert not skip.matches("demo", Version("1.0"), "cp311-cp311-linux_aarch64-glibc2.36")
