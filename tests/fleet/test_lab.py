"""What the lab promises to the fleet tests."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from pip._internal.models.index import PyPI

from tests.lab import Lab, LabError, Settings
from tests.lab.processes import alive
from tests.lab.registries import debian_mirror
from tests.support import sdists
from tests.support.fleet_operator import FleetOperator
from tests.support.suites import suite
from tests.support.upstream import Upstream


def fetches(url: str) -> str:
    """A shell command for nodes: print the status of the answer to a request, or why there is none."""
    return (
        "python3 -c '\nimport urllib.request, urllib.error\n"
        f'try: print(urllib.request.urlopen("{url}", timeout=10).status)\n'
        "except urllib.error.HTTPError as error: print(error.code)\n"
        "except OSError as error: print(error)'"
    )


def test_a_node_is_a_host_with_systemd_and_a_user_with_sudo(nodes: Lab):
    said = nodes.ssh("build1", "id -un; hostname; sudo -n id -un; cat /proc/1/comm; systemctl is-system-running")
    assert said.split() == ["pi", "build1", "root", "systemd", "running"]


def test_ssh_refuses_a_node_whose_host_key_is_not_the_known_one(nodes: Lab):
    known = nodes.state / "known_hosts"
    before = known.read_text()
    other = before.replace(nodes.address("build1"), "0.0.0.0").replace(nodes.address("build2"), nodes.address("build1"))
    try:
        known.write_text(other)
        with pytest.raises(subprocess.CalledProcessError) as refused:
            nodes.ssh("build1", "true")
    finally:
        known.write_text(before)
    assert "Host key verification failed" in refused.value.stderr


def test_an_operators_playbook_reaches_every_node_and_closes_connections(
    fleet_operators: Callable[..., FleetOperator], tmp_path: Path
):
    operator = fleet_operators("http://unused.invalid/simple/")
    playbook = tmp_path / "ping.yml"
    playbook.write_text(
        "- name: Reach the nodes\n  hosts: builders:webnodes\n  gather_facts: false\n  tasks:\n"
        "    - name: Say who may become root\n      ansible.builtin.command: sudo -n id -un\n"
    )
    run = operator.play(str(playbook))
    assert {host: counts["changed"] for host, counts in run.recap.items()} == dict.fromkeys(
        ("build1", "build2", "build3", "web1"), 1
    )
    sockets = operator.environment["ANSIBLE_SSH_CONTROL_PATH_DIR"]
    assert len(list(Path(sockets).iterdir())) == 4
    operator.stop_masters()
    assert not list(Path(sockets).iterdir())


def test_a_power_cut_loses_what_was_not_synced_and_keeps_what_was(fleet: Lab):
    fleet.ssh("build1", "echo kept > kept; sync kept; sync -f .; echo lost > lost")
    fleet.kill("build1")
    assert not fleet.running("build1") and not fleet.pids("build1")
    fleet.start("build1")
    assert fleet.ssh("build1", "cat kept lost 2>/dev/null", check=False) == "kept\n"


def test_a_reboot_keeps_everything(fleet: Lab):
    fleet.ssh("build1", "echo written > file")
    before = fleet.ssh("build1", "ps -o lstart= -p 1")
    fleet.reboot("build1")
    assert fleet.ssh("build1", "cat file") == "written\n"
    assert fleet.ssh("build1", "ps -o lstart= -p 1") != before


def test_a_fresh_disk_forgets_everything_but_who_the_node_is(fleet: Lab):
    fleet.ssh("build1", "touch file; sudo touch /etc/file; sync")
    fleet.fresh("build1")
    assert fleet.ssh("build1", "ls file /etc/file; hostname", check=False) == "build1\n"


def test_a_cut_cable_is_silent_and_connections_go_on_once_it_is_mended(fleet: Lab):
    with subprocess.Popen(
        fleet.enter(fleet.ssh_command("build1", "read line; echo got $line")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as open_session:
        fleet.cut("build1")
        open_session.stdin.write("through\n")
        open_session.stdin.flush()
        with pytest.raises(subprocess.CalledProcessError) as cut:
            fleet.run([*fleet.ssh_command("build1"), "-oConnectTimeout=2", "true"])
        assert "timed out" in cut.value.stderr or "No route to host" in cut.value.stderr
        assert open_session.poll() is None
        fleet.mend("build1")
        assert open_session.stdout.read() == "got through\n"


def test_a_slow_cable_delays_both_ways_and_limits_the_rate(fleet: Lab):
    fleet.slow("build1", "8mbit", delay_ms=50)

    def quickest_round_trip() -> float:
        """In milliseconds."""
        return float(fleet.ssh("build2", "sudo ping -c 3 -i 0.2 build1").rsplit("= ", 1)[1].split("/")[0])

    assert quickest_round_trip() >= 100
    begun = time.monotonic()
    fleet.ssh("build1", "head -c 2M /dev/zero")
    assert time.monotonic() - begun > 2  # 16 Mbit
    fleet.slow("build1", "off")
    assert quickest_round_trip() < 100


def test_a_full_disk_takes_no_more_until_it_is_emptied(fleet: Lab):
    write = "head -c 20M /dev/zero > file && sync file && echo written; rm file"
    fleet.fill("build1", leave=10_000_000)
    assert "written" not in fleet.ssh("build1", write, check=False)
    assert "No space left on device" in fleet.ssh("build1", f"({write}) 2>&1", check=False)
    fleet.unfill("build1")
    assert fleet.ssh("build1", write) == "written\n"


def test_a_node_that_needs_more_memory_than_it_has_kills_and_lives(fleet: Lab):
    allocate = "python3 -c 'len(bytearray(300 << 20)); print(\"had it\")'"
    fleet.mem("build1", "200M")
    assert fleet.ssh("build1", allocate, check=False) == ""
    fleet.mem("build1", "max")
    assert fleet.ssh("build1", allocate) == "had it\n"


def test_a_node_with_a_fifth_of_a_processor_gets_no_more(fleet: Lab):
    fleet.cpu("build1", 20)
    work = "import time; t = time.monotonic()\nwhile time.process_time() < .3: pass\nprint(time.monotonic() - t)"
    assert float(fleet.ssh("build1", f"python3 -c '{work}'")) > 1


def test_a_node_reaches_the_registries_by_name_and_nothing_else(fleet: Lab):
    mirror = f"{debian_mirror()}/dists/{suite('build1')}/Release"
    assert fleet.ssh("build1", fetches(mirror)) == "200\n"
    assert fleet.ssh("build1", fetches(f"{PyPI.simple_url}/pip/")) == "200\n"
    assert "Name or service not known" in fleet.ssh("build1", fetches("http://wheelfleet.invalid/"))
    # Whoever asks the gateway for another name is refused, and there is no route to other addresses.
    assert fleet.ssh("build1", fetches(f"http://{fleet.gateway}/")) == "403\n"
    assert "Network is unreachable" in fleet.ssh("build1", fetches("http://192.0.2.1/"))
    fleet.internet(False)
    assert fleet.ssh("build1", fetches(mirror)) == "403\n"


def test_a_server_of_the_test_is_reached_by_nodes_and_by_the_lab_alone(nodes: Lab, fleet_upstream: Upstream):
    fleet_upstream.add_release(sdists.pure_sdist("spam", "1.0"))
    page = f"{fleet_upstream.index_url}spam/"
    assert nodes.ssh("build1", fetches(page)) == "200\n"
    assert nodes.call(urllib.request.urlopen, page).status == 200
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(page, timeout=1)


@pytest.mark.long
def test_an_emulated_node_says_it_is_a_32_bit_pi(lab: Lab, arm_node: str):
    assert lab.ssh(arm_node, "uname -m; dpkg --print-architecture; sudo id -un") == "armv7l\narmhf\nroot\n"


@pytest.mark.long
def test_a_32_bit_host_may_have_a_64_bit_kernel_beside_one_that_has_not(lab: Lab):
    lab.up("wide:armhf:bookworm:uname=aarch64", "narrow:armhf:bookworm")
    try:
        asked = "uname -m; dpkg --print-architecture; sudo -n id -un"
        assert lab.ssh("wide", asked).split() == ["aarch64", "armhf", "root"]
        assert lab.ssh("narrow", asked).split() == ["armv7l", "armhf", "root"]
        lab.reboot("wide")
        assert lab.ssh("wide", "uname -m") == "aarch64\n"
    finally:
        lab.remove("wide", "narrow")


def test_what_is_asked_of_no_node_is_refused_in_one_sentence(nodes: Lab):
    with pytest.raises(LabError, match=f"the lab {nodes.settings.name} has no node build9"):
        nodes.kill("build9")


def test_nothing_is_left_when_a_lab_goes_down(lab: Lab):
    settings = Settings(lab.settings.home, f"{lab.settings.name}x")
    other = Lab(settings)
    other.up("one")
    processes = {*other.pids("one")}
    assert processes
    with subprocess.Popen(other.enter(["sleep", "600"])) as begun_inside:
        other.down()
    assert begun_inside.returncode == -signal.SIGKILL
    assert not settings.state.exists()
    assert not [file for file in Path("/run/netns").iterdir() if file.name.split("-")[0] == settings.name]
    assert not [pid for pid in processes if alive(pid)]
    assert not [folder for folder, *_ in os.walk("/sys/fs/cgroup") if folder.endswith(f"fleet-{settings.name}")]
    assert str(settings.state) not in subprocess.run(["losetup", "-a"], capture_output=True, text=True).stdout
