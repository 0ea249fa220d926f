"""The modules of orders: what they refuse before they look at the catalog, and what they say when no run is at work."""

from __future__ import annotations

import pytest

from tests.support.catalogs import TARGET, ControllerState
from tests.unit.conftest import Call


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"action": "", "what": ["pi1"]},
            "Say what to order, such as action=pause; the orders are pause, drain, resume, forget.",
        ),
        (
            {"action": "pauze", "what": ["pi1"]},
            "pauze is no order about builders; the orders are pause, drain, resume, forget.",
        ),
        ({"action": "pause", "what": []}, "Say what to pause, with what=…."),
        ({"action": "pause", "what": ["pi1"], "hours": "banana"}, "hours is banana; give a number."),
        (
            {"action": "pause", "what": ["pi1"], "hours": "-3"},
            "hours is -3; give how long the order is in force, or leave it out.",
        ),
    ],
)
def test_an_order_that_lacks_something_is_refused_in_a_sentence(
    call: Call, state: ControllerState, options: dict[str, object], sentence: str
) -> None:
    answer = call("wheelfleet_builders", reason="x", **options)
    assert (answer["failed"], answer["msg"]) == (True, sentence)


def test_retention_first_asks_for_a_rule_then_for_a_reason(call: Call, state: ControllerState) -> None:
    assert call("wheelfleet_retention")["msg"].startswith("Say what is kept: ")
    assert call("wheelfleet_retention", newest="x")["msg"] == "newest is x; give a whole number."
    assert call("wheelfleet_retention", offered="x")["msg"] == "offered is x; give true or false."
    assert call("wheelfleet_retention", newest="1")["msg"].startswith("Say why, ")


def test_an_order_while_no_run_is_at_work_says_when_it_counts(
    call: Call, state: ControllerState, capsys: pytest.CaptureFixture[str]
) -> None:
    state.wheel("spam", "1.0", serves=[TARGET])
    order = {"action": "withdraw", "what": ["spam==1.0"], "reason": "crashes"}
    assert call("wheelfleet_wheels", check=True, **order)["changed"]
    assert "No run is at work" not in capsys.readouterr().out
    assert call("wheelfleet_wheels", **order)["changed"]
    assert "No run is at work; the next run of build.yml shows it on the site" in capsys.readouterr().out
