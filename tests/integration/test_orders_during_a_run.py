"""An operator steers a real run with a real worker: builds are stopped, the builder is paused and resumed."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections.abc import Callable
from typing import Any

from tests.support.operator import ANSIBLE_PLAYBOOK, REPOSITORY, Operator
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream

ENDLESS = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time; time.sleep(900)'])"


def ad_hoc(operator: Operator, module: str, arguments: str) -> str:
    """Give an order without a playbook; returns its message."""
    operator.command()
    command = [str(ANSIBLE_PLAYBOOK.with_name("ansible")), "-i", str(operator.root / "hosts.yml"), "controller"]
    done = subprocess.run(
        [*command, "-m", module, "-a", arguments], cwd=REPOSITORY, env=operator.environment,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.stdout + done.stderr


def until(holds: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)
    return found


def status(operator: Operator) -> dict[str, Any]:
    """The builder's status file."""
    return dict(json.loads((operator.state / "run/status/localhost.json").read_text()))


def held(operator: Operator) -> dict[str, bool]:
    """The projects of open attempts: whether they have begun."""
    try:
        rows = operator.query("SELECT id, begun_at FROM attempt WHERE state = 'open'")
    except sqlite3.Error:  # there is no catalog yet
        return {}
    return {row["id"].rpartition("-1.0-")[0]: row["begun_at"] is not None for row in rows}


def test_an_operator_steers_a_run_at_work(operator: Operator, upstream: Upstream) -> None:
    names = ("endless-one", "endless-two")
    for name in names:
        upstream.add_release(pure_sdist(name, "1.0", script=ENDLESS))
    upstream.add_release(pure_sdist("quick", "1.0"))
    operator.variables |= {"controller_packages": [*names, "quick"], "builder_parallel": 1}
    with operator.running() as run:
        until(lambda: any(name in names and begun for name, begun in held(operator).items()))
        (first,) = [name for name, begun in held(operator).items() if begun and name in names]
        second = next(name for name in names if name != first)

        said = ad_hoc(operator, "wheelfleet_builders", "action=pause what=localhost reason='new SD card'")
        assert "It was paused by" in said
        until(lambda: held(operator) == {first: True}, 15)
        shown = until(lambda: (now := status(operator))["state"] == "paused" and now)
        assert "new SD card" in shown["note"]
        assert [build["name"] for build in shown["building"]] == [first]

        assert "CHANGED" in ad_hoc(operator, "wheelfleet_builders", "action=resume what=all")

        began = time.monotonic()
        order = {"action": "stop", "what": [f"{first}==1.0"], "reason": "it never ends"}
        assert operator.play("playbooks/builds.yml", "-e", json.dumps(order)).changed == 1
        until(lambda: held(operator).get(second), 30)
        assert time.monotonic() - began < 30
        assert "CHANGED" in ad_hoc(operator, "wheelfleet_builds", f"action=stop what={second} reason='it never ends'")
        output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output
    assert operator.attempts() == [(names[0], "failed"), (names[1], "failed"), ("quick", "built")]
    rows = operator.query("SELECT failure_class, sentence, seconds FROM attempt WHERE outcome = 'failed'")
    assert {row["failure_class"] for row in rows} == {"stopped"}
    assert all(row["sentence"].endswith("stopped it: it never ends.") and row["seconds"] > 0 for row in rows)
    assert operator.wheels() == ["quick-1.0-py3-none-any.whl"]
    assert operator.processes() == []
    said_by_the_run = [line for line in output.splitlines() if "is paused by" in line or "may work again" in line]
    assert len(said_by_the_run) == 2
    events = [row["sentence"] for row in operator.query("SELECT sentence FROM event WHERE who IS NOT NULL ORDER BY id")]
    assert [sentence.partition(" by ")[0] for sentence in events[:2]] == ["It was paused", "It was resumed"]
    fleet = json.loads((operator.site / "fleet" / "fleet.json").read_text())
    assert [event["why"] for event in fleet["events"] if event["who"]][-1] == "new SD card"
