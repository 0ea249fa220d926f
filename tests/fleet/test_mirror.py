"""The published site and the live status reach web nodes over SSH, and carry on after every fault."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.catalog.events import note
from wheelfleet.engine.host_status import Building, HostState, HostStatus, post_status, status_folder
from wheelfleet.site.layout import METRICS, STATUS
from wheelfleet.site.mirror import RECEIVED

from tests.lab import Lab
from tests.support.catalogs import ControllerState
from tests.support.fleet_operator import FleetOperator
from tests.support.operator import Run

#: The second one is a web node for these tests only.
WEBNODES = ("web1", "build1")

RUN = "20261122T140257Z-4711"
PLAYBOOK = """
- name: Bring the site to the web nodes
  hosts: webnodes
  gather_facts: false
  tasks:
    - name: Mirror
      wheelfleet_{module}:
"""


@pytest.fixture(scope="module")
def web_nodes(nodes: Lab) -> Lab:
    """The nodes with what the webnode role would have installed for this."""
    install = "command -v rsync || (sudo apt-get -qq update && sudo apt-get -qq install -y rsync) >/dev/null 2>&1"
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: nodes.ssh(name, install), WEBNODES))
    return nodes


@pytest.fixture
def operator(
    web_nodes: Lab, fleet: Lab, fleet_operators: Callable[..., FleetOperator], tmp_path: Path
) -> Iterator[Webmaster]:
    operator = Webmaster(fleet_operators("http://unused.invalid", builders=(), webnodes=WEBNODES), fleet)
    # Faults shall be noticed in seconds here, not in a minute.
    operator.fleet.variables["ansible_ssh_args"] = (
        "-o ControlMaster=auto -o ControlPersist=60s -o ServerAliveInterval=1 -o ServerAliveCountMax=3"
    )
    operator.fleet.variables["ansible_timeout"] = 3
    for name in WEBNODES:
        fleet.ssh(name, "mkdir site")
    with ControllerState(operator.fleet.state) as operator.controller:
        yield operator
    fleet.heal()
    for name in WEBNODES:
        fleet.ssh(name, "rm -rf site")


class Webmaster:
    """Publishes on the controller, and runs plays of one task on the web nodes."""

    controller: ControllerState

    def __init__(self, fleet: FleetOperator, lab: Lab) -> None:
        self.fleet = fleet
        self.lab = lab

    def playbook(self, module: str, **options: Any) -> str:
        site = self.fleet.site
        arguments = {"site_dir": str(site), "root": "/home/pi/site", **options}
        path = self.fleet.root / f"{module}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PLAYBOOK.format(module=module) + f"        {json.dumps(arguments)}\n")
        return str(path)

    def mirror(self, *arguments: str, expect: int | None = 0, **options: Any) -> Run:
        return self.fleet.play(self.playbook("mirror", **options), *arguments, expect=expect)

    def show_status(self, *arguments: str) -> subprocess.Popen[str]:
        playbook = self.playbook("status", state_dir=str(self.fleet.state), run=RUN, hosts=["pi1", "pi2"], interval=0.2)
        return self.fleet.start(*arguments, playbook=playbook)

    def post_status(self, host: str, **values: Any) -> None:
        post_status(status_folder(self.fleet.state), HostStatus(host, RUN, **values))

    def served(self, name: str) -> list[str]:
        """What visitors of the node see: paths, sizes, times; without what a run's status task alone writes there."""
        lines = self.lab.ssh(name, f"cd site && {LISTING}").splitlines()
        return sorted(line for line in lines if line.split()[0] not in (STATUS, METRICS))

    def published(self) -> list[str]:
        done = subprocess.run(["sh", "-c", LISTING], cwd=self.fleet.site, stdout=subprocess.PIPE, text=True, check=True)
        return sorted(done.stdout.splitlines())

    def status(self, name: str) -> dict[str, Any]:
        text = self.lab.ssh(name, "cat site/status.json", check=False)
        return json.loads(text) if text else {}


LISTING = r"find . -type f -not -path '*/.*' -printf '%P %s %TY-%Tm-%Td %TH:%TM:%.2TS\n'"


def said(run: Run) -> str:
    """The output without the line breaks and indentation that YAML gives long sentences."""
    return " ".join(run.output.split())


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def read_until(process: subprocess.Popen[str], words: str, seconds: float = 120) -> str:
    """The output of a run up to the line that has these words; a run that does not say them in time is ended."""
    assert process.stdout
    read = ""
    impatience = threading.Timer(seconds, process.terminate)
    impatience.start()
    try:
        for line in process.stdout:
            read += line
            if words in line:
                return read
    finally:
        impatience.cancel()
    raise AssertionError(f"the run ended without saying {words!r}:\n{read}")


def test_the_site_comes_to_every_web_node_and_a_second_run_changes_nothing(operator: Webmaster) -> None:
    operator.controller.wheel("spidev", "3.8")
    operator.controller.publish()
    would = operator.mirror("--check", "--diff")
    assert would.changed == 2
    assert "+files/spidev/spidev-3.8-py3-none-any.whl\n" in would.output
    assert operator.served("web1") == []
    assert operator.mirror().changed == 2
    for name in WEBNODES:
        assert operator.served(name) == operator.published()
    assert operator.mirror().changed == 0


def test_a_web_node_that_is_down_is_marked_and_catches_up_later(
    operator: Webmaster,
) -> None:
    operator.controller.wheel("spidev", "3.8")
    operator.controller.publish()
    operator.mirror()
    operator.fleet.stop_masters()
    operator.controller.wheel("spidev", "3.9")
    operator.controller.publish()
    operator.lab.cut("build1")
    run = operator.mirror(expect=4)
    assert (run.recap["build1"]["unreachable"], run.recap["web1"]["unreachable"]) == (1, 0)
    assert re.search(r"build1 does not answer .* the next run of build\.yml brings it up to date", said(run))
    assert operator.served("web1") == operator.published()
    operator.controller.execute("UPDATE project SET state = 'quarantined', pages_stale = 1")
    operator.controller.publish()
    operator.lab.mend("build1")
    operator.mirror()
    for name in WEBNODES:
        assert operator.served(name) == operator.published()


def test_a_cable_cut_within_a_wheel_costs_the_rest_of_it_alone(operator: Webmaster) -> None:
    operator.fleet.webnodes = ("web1",)
    filename = operator.controller.wheel("large", "1.0", source=f"# {os.urandom(3_000_000).hex()}\n")
    operator.controller.publish()
    size = (operator.fleet.site / "files/large" / filename).stat().st_size
    operator.lab.slow("web1", "8mbit", 5)
    with operator.fleet.start("-vv", playbook=operator.playbook("mirror", timeout=3)) as run:
        received = f"du -sb site/{RECEIVED} | cut -f1"
        until(lambda: int(operator.lab.ssh("web1", received, check=False) or 0) > size // 3)
        operator.lab.cut("web1")
        read_until(run, "link lost")
        # In this order, for the new rate disturbs the link once more.
        operator.lab.slow("web1", "off")
        operator.lab.mend("web1")
        output, _ = run.communicate(timeout=120)
    assert run.returncode == 0, output
    assert operator.served("web1") == operator.published()
    assert operator.lab.ssh("web1", "ls -A site/files/large").split() == sorted([filename, f"{filename}.metadata"])


def test_a_web_node_without_room_says_so_and_the_links_it_has_stay_good(operator: Webmaster) -> None:
    operator.fleet.webnodes = ("web1",)
    operator.controller.wheel("small", "1.0")
    operator.controller.publish()
    operator.mirror()
    before = operator.served("web1")
    operator.controller.wheel("large", "1.0", source=f"# {os.urandom(3_000_000).hex()}\n")
    operator.controller.publish()
    operator.lab.fill("web1", leave=1_000_000)
    run = operator.mirror(expect=2)
    assert re.search("rsync could not bring the site to web1 .*No space left on device", said(run))
    assert operator.served("web1") == before
    operator.lab.unfill("web1")
    operator.mirror()
    assert operator.served("web1") == operator.published()


def test_a_web_node_that_loses_power_names_no_empty_file_and_recovers(
    operator: Webmaster,
) -> None:
    operator.fleet.webnodes = ("web1",)
    for number in range(30):
        operator.controller.wheel(f"project{number}", "1.0")
    operator.controller.publish()
    operator.lab.slow("web1", "2mbit", 20)
    with operator.fleet.start(playbook=operator.playbook("mirror", timeout=3, patience=0)) as run:
        until(lambda: operator.lab.ssh("web1", "ls site/simple 2>/dev/null | wc -l", check=False).strip() > "3")
        operator.lab.kill("web1")
        run.communicate(timeout=120)
    operator.lab.start("web1")
    operator.lab.slow("web1", "off")
    named = operator.lab.ssh("web1", "cd site && ls simple 2>/dev/null; true").split()
    for name in named:
        assert operator.lab.ssh("web1", f"find site/files/{name} -name '*.whl' -size +0").strip(), name
    operator.fleet.stop_masters()
    operator.mirror()
    assert operator.served("web1") == operator.published()


def test_the_status_of_a_run_is_on_every_web_node_also_after_a_cut(operator: Webmaster) -> None:
    building = Building("numpy", "2.1.0", "cp311-cp311-linux_aarch64-glibc2.36", time.time())
    operator.post_status("pi1", state=HostState.BUILDING, building=[building], left=7, seconds_left=60.0)
    with operator.controller.catalog.writing() as db:
        note(db, run=RUN, host="pi2", sentence="pi2 was suspended.", now=time.time())
    with operator.show_status("-vv") as run:
        for name in WEBNODES:
            until(lambda name=name: operator.status(name).get("state") == "running")
        seen = operator.status("web1")
        assert (seen["run"], seen["left"], seen["built"]) == (RUN, 7, 0)
        assert [host["building"][0]["name"] for host in seen["hosts"]] == ["numpy"]
        assert seen["events"][0]["sentence"] == "pi2 was suspended."

        operator.lab.cut("build1")
        operator.post_status("pi1", state=HostState.IDLE, built=1, final=True)
        operator.post_status("pi2", state=HostState.BUILDING, built=2)
        until(lambda: operator.status("web1")["built"] == 3)
        read_until(run, "status.json waits for the link")
        operator.lab.mend("build1")
        until(lambda: operator.status("build1")["built"] == 3)

        operator.post_status("pi2", state=HostState.IDLE, built=3, final=True)
        output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    for name in WEBNODES:
        seen = operator.status(name)
        assert (seen["state"], seen["built"], seen["expected_end"]) == ("ended", 4, None)
        assert "\nwheelfleet_run_active 0\n" in operator.lab.ssh(name, "cat site/metrics.prom")
    assert Run(0, output).changed == 0


def test_web_nodes_get_publications_during_a_run_and_a_cut_one_later(operator: Webmaster) -> None:
    def has(name: str, version: str) -> bool:
        return version in operator.lab.ssh(name, "cat site/simple/spidev/index.html", check=False)

    operator.post_status("pi1", state=HostState.BUILDING)
    operator.post_status("pi2", state=HostState.IDLE, final=True)
    with operator.show_status("-vv") as run:
        operator.controller.wheel("spidev", "3.8")
        operator.controller.publish()
        until(lambda: all(has(name, "3.8") for name in WEBNODES))
        operator.lab.cut("build1")
        operator.controller.wheel("spidev", "3.9")
        operator.controller.publish()
        # One that is silent holds up neither the other nor the next publication.
        until(lambda: has("web1", "3.9"))
        operator.controller.wheel("spidev", "3.10")
        operator.controller.publish()
        until(lambda: has("web1", "3.10"))
        operator.lab.mend("build1")
        until(lambda: has("build1", "3.10"))
        operator.post_status("pi1", state=HostState.IDLE, final=True)
        output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    assert Run(0, output).changed == 0
    operator.mirror()
    for name in WEBNODES:
        assert operator.served(name) == operator.published()


def test_a_killed_run_leaves_nobody_behind_who_shows_it(operator: Webmaster) -> None:
    operator.post_status("pi1", state=HostState.BUILDING)
    with operator.show_status() as run:
        until(lambda: all(operator.status(name) for name in WEBNODES))
        (playbook,) = processes(run.pid, "ansible-playbook") or [run.pid]
        workers = children(playbook)
        assert len(workers) >= len(WEBNODES)
        os.kill(playbook, signal.SIGKILL)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def processes(pid: int, word: str) -> list[int]:
    """The topmost descendants (or this process itself) whose command has this word."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if any(part.endswith(word.encode()) for part in command[:2]):
        return [pid]
    return [found for child in children(pid) for found in processes(child, word)]
