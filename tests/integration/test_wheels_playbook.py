"""playbooks/wheels.yml: an operator's order about published wheels, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

from wheelfleet.planner.inputs import PlanInputs

from tests.support.controller import Controller
from tests.support.operator import Operator, Run
from tests.support.wheels import wheel_file

WHEEL = "demo-1.0-py3-none-any.whl"


def test_an_order_is_rehearsed_given_and_refused_as_it_is_typed(tmp_path: Path):
    operator = Operator(tmp_path)
    controller = Controller(operator.state)
    with controller.catalog.writing() as db:
        PlanInputs(["demo"], [], False, "1", {}).remember(db)
    controller.send(wheel_file("demo", "1.0"))

    def order(action: str, what: str, *arguments: str, expect: int = 0) -> Run:
        words = json.dumps({"action": action, "what": [what], "reason": "crashes on a Pi Zero"})
        return operator.play("playbooks/wheels.yml", "-e", words, *arguments, expect=expect)

    rehearsed = order("withdraw", "demo==1.0", "--check", "--diff")
    assert f"-{WHEEL}: listed" in rehearsed.output
    assert f"+{WHEEL}: withdrawn (crashes on a Pi Zero)" in rehearsed.output
    assert controller.one("SELECT count(*) FROM control") == 0

    assert order("withdraw", "demo==1.0").changed == 1
    assert operator.verdicts() == {"demo 1.0": "skip"}
    assert controller.one("SELECT withdrawn FROM wheel") == "crashes on a Pi Zero"

    refused = order("restore", "dmeo", expect=2)
    assert "The fleet has published no wheel of a project dmeo; do you mean demo?" in " ".join(refused.output.split())

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = wheel_file("demo", "1.0", build="1", files={"demo.py": "mended = True\n"})
    (elsewhere / other.filename).write_bytes(other.data)
    assert order("import", str(elsewhere)).changed == 1
    controller.state.publish()
    assert operator.wheels() == [other.filename]
