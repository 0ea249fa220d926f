"""playbooks/builders.yml, builds.yml and projects.yml: orders as they are typed, while no run is at work."""

from __future__ import annotations

import json
from pathlib import Path

from wheelfleet.catalog import controls
from wheelfleet.control import orders
from wheelfleet.planner.inputs import PlanInputs

from tests.support.controller import Controller
from tests.support.operator import Operator, Run


def test_orders_are_rehearsed_given_and_refused_as_they_are_typed(tmp_path: Path) -> None:
    operator = Operator(tmp_path, builders=("pi1", "pi2"))
    controller = Controller(operator.state)
    db = controller.catalog.db
    with controller.catalog.writing() as change:
        PlanInputs(["demo"], [], False, "1", {}).remember(change)
        change.execute("UPDATE project SET in_scope = 1, pages_stale = 0")

    def order(playbook: str, action: str, what: object, *arguments: str, reason: str = "", expect: int = 0) -> Run:
        words = json.dumps({"action": action, "what": what, "reason": reason})
        return operator.play(f"playbooks/{playbook}.yml", "-e", words, *arguments, expect=expect)

    rehearsed = order("builders", "drain", "all", "--check", "--diff", reason="moves")
    assert rehearsed.changed == 1
    assert [line.split(" (")[0] for line in rehearsed.lines(r"^\+drain")] == ["+drain pi1", "+drain pi2"]
    assert "nothing is ordered" in rehearsed.output
    assert controls.newest(db, 9) == []

    refused = order("builders", "pause", ["pi1", "pi3"], reason="new SD card", expect=2)
    assert "No builder is called pi3; do you mean pi2?" in " ".join(refused.output.split())
    assert controls.newest(db, 9) == [], "nor is the other one paused"

    for nothing in ([], "", None):
        refused = order("builders", "pause", nothing, reason="new SD card", expect=2)
        assert "Say what to pause, with what=…." in " ".join(refused.output.split())

    assert order("builders", "pause", ["pi1"], reason="new SD card").changed == 1
    assert list(orders.holds(db)) == ["pi1"]

    assert order("builds", "skip", ["demo==1.0"], reason="hangs").changed == 1
    assert operator.verdicts() == {"demo 1.0": "skip"}

    assert order("projects", "pages", "demo").changed == 1
    assert controller.one("SELECT pages_stale FROM project WHERE name = 'demo'") == 1
