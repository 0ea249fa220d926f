"""Real runs that flow: wheels are published while others are built, and new releases are built while a run follows."""

from __future__ import annotations

import json
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.engine.flow import flow_process

from tests.support import sdists
from tests.support.operator import Operator
from tests.support.processes import kill
from tests.support.site_pages import index_without_times
from tests.support.upstream import Upstream
from tests.support.waiting import until

#: A build that waits for a file.
GATE = "import os, time\nwhile not os.path.exists({gate!r}): time.sleep(0.02)\n"
FOLLOW = ("-e", "controller_follow=true", "-e", "controller_follow_interval=0.5")


@pytest.fixture
def quick(operator: Operator) -> Operator:
    # The gate is outside of the builds' own folders.
    operator.variables |= {"builder_sandbox": False, "builder_parallel": 2, "site_html_pages": False}
    return operator


def test_a_wheel_is_published_while_another_build_goes_on(quick: Operator, upstream: Upstream, tmp_path: Path):
    quick.variables["controller_packages"] = ["early", "late"]
    upstream.add_release(sdists.pure_sdist("early", "1.0"))
    upstream.add_release(sdists.pure_sdist("late", "1.0", script=GATE.format(gate=str(tmp_path / "gate"))))
    with quick.running() as process:
        until(lambda: quick.wheels() == ["early-1.0-py3-none-any.whl"], "the first wheel on the site", 120)
        assert process.poll() is None
        ended = quick.play("playbooks/end.yml")
        assert "hands out nothing more" in ended.output
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "1 new wheel" in printed(quick)
    assert quick.query("SELECT 1 FROM attempt WHERE state = 'open'"), "the other build is left to the next run"
    (tmp_path / "gate").touch()
    quick.build()
    assert quick.wheels() == ["early-1.0-py3-none-any.whl", "late-1.0-py3-none-any.whl"]
    assert quick.attempts() == [("early", "built"), ("late", "built")]


def test_a_run_that_follows_builds_what_appears(quick: Operator, upstream: Upstream):
    quick.variables["controller_packages"] = ["eggs"]
    upstream.add_release(sdists.pure_sdist("eggs", "1.0"))
    with quick.running(*FOLLOW) as process:
        until(lambda: "eggs-1.0-py3-none-any.whl" in quick.wheels(), "the first release on the site", 120)
        upstream.add_release(sdists.pure_sdist("eggs", "2.0"))
        until(lambda: "eggs-2.0-py3-none-any.whl" in quick.wheels(), "the second one", 60)
        flow = flow_process(quick.state)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 143, output
    assert "upstream changed 1 project" in printed(quick)
    assert "Next: ansible-playbook build.yml" in output
    until(lambda: flow_process(quick.state) != flow, "the end of the flow", 10)
    assert json.loads((quick.site / "status.json").read_text())["state"] == "ended"
    assert quick.build().changed == 0


#: An ssh to a host that is off until a file exists; it is this machine.
SSH = """#!/bin/sh
case " $* " in *" -O "*) exit 0;; esac
[ -e {gate} ] || {{ echo "ssh: connect to host pi1 port 22: No route to host" >&2; exit 255; }}
for last; do :; done
exec sh -c "$last"
"""


class OverSsh(Operator):
    """One of two builders is reached by a program in the place of ssh."""

    ssh: Path

    def inventory(self) -> dict[str, Any]:
        inventory = super().inventory()
        over_ssh = {"ansible_connection": "ssh", "ansible_ssh_transfer_method": "piped"}
        over_ssh |= {"ansible_ssh_executable": str(self.ssh), "builder_home": str(self.root / "pi1")}
        inventory["builders"]["hosts"]["pi1"] = over_ssh
        return inventory


def test_a_builder_that_was_off_joins_the_run_when_it_answers(quick: Operator, upstream: Upstream, tmp_path: Path):
    gate, ssh = tmp_path / "on", tmp_path / "ssh"
    ssh.write_text(SSH.format(gate=gate))
    ssh.chmod(0o755)
    operator = OverSsh(quick.root, {**quick.variables, "controller_packages": ["eggs"]})
    operator.ssh = ssh
    (operator.root / "pi1").mkdir(parents=True)
    (operator.root / "pi1" / "tools").symlink_to(quick.home / "tools")
    upstream.add_release(sdists.pure_sdist("eggs", "1.0"))
    with operator.running(*FOLLOW) as process:
        until(operator.wheels, "a run that goes on without it", 120)
        assert "is called again and again" in shown(operator)
        gate.touch()
        until(lambda: "for new releases" in shown(operator), "that it has joined", 120)
        operator.play("playbooks/end.yml")
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "joins when it does" in output
    assert operator.attempts() == [("eggs", "built")]


def shown(operator: Operator) -> str:
    """What the status of the builder says."""
    file = operator.state / "run" / "status" / "pi1.json"
    return file.read_text() if file.exists() else ""


@pytest.mark.long
def test_below_the_least_free_space_nothing_is_handed_out(quick: Operator, upstream: Upstream):
    quick.variables |= {"controller_packages": ["eggs"], "controller_min_free": "900T"}
    upstream.add_release(sdists.pure_sdist("eggs", "1.0"))
    run = quick.build(expect=2)
    assert "nothing is handed out until there is room" in " ".join(run.output.split())
    assert quick.attempts() == []
    quick.variables["controller_min_free"] = "1M"
    quick.build()
    assert quick.attempts() == [("eggs", "built")]


@pytest.mark.long
def test_a_run_of_some_minutes_ends_in_time_and_publishes(quick: Operator, upstream: Upstream, tmp_path: Path):
    quick.variables |= {"controller_packages": ["early", "late"], "controller_run_minutes": 1}
    upstream.add_release(sdists.pure_sdist("early", "1.0"))
    upstream.add_release(sdists.pure_sdist("late", "1.0", script=GATE.format(gate=str(tmp_path / "gate"))))
    began = time.monotonic()
    quick.build()
    # Under load some seconds later; without an end the build would be ended by its own limit, after 120 s.
    assert time.monotonic() - began < 90
    assert quick.wheels() == ["early-1.0-py3-none-any.whl"]
    (tmp_path / "gate").touch()
    quick.variables["controller_run_minutes"] = 0
    quick.build()
    assert quick.attempts() == [("early", "built"), ("late", "built")]


@pytest.mark.long
def test_a_run_that_follows_needs_a_fork_for_each_host(quick: Operator, upstream: Upstream):
    quick.builders = ("pi1", "pi2")
    quick.variables["controller_packages"] = ["eggs"]
    upstream.add_release(sdists.pure_sdist("eggs", "1.0"))
    run = quick.build("--forks", "2", "-e", "controller_follow=true", expect=2)
    assert "a fork for each builder and web node: 3, and there are 2" in " ".join(run.output.split())


def printed(operator: Operator) -> str:
    """What the flow printed."""
    return (operator.state / "run" / "flow.log").read_text()


@pytest.mark.long
def test_a_flow_killed_again_and_again_leaves_the_same_index(quick: Operator, upstream: Upstream, tmp_path: Path):
    """Runs that follow, whose flow is killed at random moments; each ends by itself, and the next goes on."""
    chance = random.Random(13)
    names = [f"egg{number}" for number in range(12)]
    quick.variables |= {"controller_packages": names, "controller_newest": "all"}
    undisturbed = Operator(tmp_path / "undisturbed", dict(quick.variables), quick.builders)
    for name in names:
        upstream.add_release(sdists.pure_sdist(name, "1.0"))
    for version in ("2.0", "3.0", "4.0"):
        with quick.running(*FOLLOW) as process:
            flow = until(lambda: flow_process(quick.state), "a flow", 120)
            for name in names:
                upstream.add_release(sdists.pure_sdist(name, version))
            time.sleep(chance.uniform(0.2, 15.0))
            kill(int(str(flow)))
            output, _ = process.communicate(timeout=240)
        assert process.returncode == 0, output
        assert "ended before its run did" in output
    quick.build()
    undisturbed.home.mkdir(parents=True)
    (undisturbed.home / "tools").symlink_to(quick.home / "tools")
    undisturbed.build()
    assert index_without_times(quick.site) == index_without_times(undisturbed.site)
    assert len(quick.wheels()) == 4 * len(names)
