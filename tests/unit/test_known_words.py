"""What operators name and nobody knows is refused with the nearest known word."""

from __future__ import annotations

import pytest
from wheelfleet.planner.known_words import check_retry, check_skipped_targets
from wheelfleet.planner.scope import BadScope, Policy

from tests.support.catalogs import TARGET, ControllerState


@pytest.fixture
def state(state: ControllerState) -> ControllerState:
    state.project("spidev")
    return state


@pytest.mark.parametrize("word", ["missing-header", "spidev", "SpiDev", "all", "RPi.GPIO"])
def test_classes_projects_and_all_can_be_tried_again(state: ControllerState, word: str) -> None:
    check_retry(state.catalog.db, [word], ["rpi-gpio"])


@pytest.mark.parametrize(
    ("word", "meant"),
    [("missing-headr", "missing-header"), ("spidve", "spidev"), ("rpi-gpoi", "rpi-gpio"), ("al", "all")],
)
def test_what_is_neither_is_refused_with_the_nearest_known_word(state: ControllerState, word: str, meant: str) -> None:
    with pytest.raises(BadScope) as refused:
        check_retry(state.catalog.db, [word], ["rpi-gpio"])
    assert str(refused.value) == (
        f"controller_retry names {word}, which is neither a failure class nor a project that is known; "
        f"do you mean {meant}?"
    )


def skip(**entry: str) -> Policy:
    return Policy.from_data({"skip": [{"name": "demo", "reason": "so", **entry}]})


@pytest.mark.parametrize("target", [TARGET, "aarch64", "armv6l", "cp39-", "glibc2.31", "musl", "linux_riscv64", ""])
def test_a_part_of_a_targets_name_can_be_skipped_in_advance(target: str) -> None:
    check_skipped_targets([TARGET], skip(target=target).skip)


@pytest.mark.parametrize(("target", "meant"), [("amrv7l", "armv7l"), ("arm64", "aarch64"), ("x86-64", "x86_64")])
def test_what_is_part_of_no_targets_name_is_refused_with_the_nearest_word(target: str, meant: str) -> None:
    with pytest.raises(BadScope, match=f"names the target {target} for demo, .*; do you mean {meant}[?]$"):
        check_skipped_targets([TARGET], skip(target=target).skip)


def test_a_misspelt_key_of_a_skip_entry_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(BadScope, match=r"versoins; do you mean versions[?]$"):
        skip(versoins="<2")
