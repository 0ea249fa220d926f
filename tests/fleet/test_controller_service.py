"""The service that repeats build.yml, on a booted controller that visits a builder over SSH."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from tests.lab import Lab
from tests.support import sdists
from tests.support.operator import REPOSITORY
from tests.support.suites import spec
from tests.support.upstream import Upstream

NODE, BUILDER = "ctl", "build1"
RUNS = "wheelfleet/var/runner/artifacts"

#: A build that says that it has begun and goes on when it may.
WAITS = """
import pathlib, time
pathlib.Path("/home/pi/service/begun").touch()
while not pathlib.Path("/home/pi/service/go").exists():
    time.sleep(0.1)
"""


@dataclass
class BootedController:
    """A node with the checkout, its own virtual environment and a key to the builder, as an operator sets it up."""

    lab: Lab
    variables: dict[str, Any]

    def sh(self, command: str, **options: Any) -> str:
        return self.lab.ssh(NODE, command, **options)

    def configure(self, **variables: Any) -> None:
        """Write the inventory."""
        self.variables |= variables
        inventory = {
            "controller": {
                "hosts": {
                    "localhost": {
                        "ansible_connection": "local",
                        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                    }
                }
            },
            "builders": {"hosts": {BUILDER: {"ansible_host": self.lab.address(BUILDER)}}},
            "all": {"vars": self.variables},
        }
        self.sh("cat > inventory.new && mv inventory.new inventory.yml", input=yaml.safe_dump(inventory))

    def provision(self, *arguments: str) -> str:
        """Run the controller's part of provision.yml."""
        play = f"ansible-playbook -i ~/inventory.yml --limit localhost {' '.join(arguments)} playbooks/provision.yml"
        return self.sh(f"cd wheelfleet && PATH=$PWD/.venv/bin:$PATH && {play} 2>&1 || true")

    def wait_until(self, condition: str) -> None:
        """Until a shell condition holds on the controller."""
        loop = f"timeout 90 sh -c {shlex.quote(f'until {condition}; do sleep 0.2; done')}"
        assert self.lab.run(self.lab.ssh_command(NODE, loop), check=False).returncode == 0, (
            f"never: {condition}\n{self.journal()}"
        )

    def runs(self) -> list[str]:
        """The states of the runs whose artifacts are kept, oldest first."""
        return self.sh(f"cd {RUNS} && for run in $(ls -tr); do cat $run/status 2>/dev/null; echo; done").split()

    def journal(self) -> str:
        return self.sh("sudo journalctl -u wheelfleet-run.service --no-pager -o cat -n 60")

    def service(self, name: str) -> str:
        """One of the properties systemd has of the service."""
        return self.sh(f"systemctl show wheelfleet-run.service --value -p {name}").strip()

    def catalog(self, sql: str) -> list[list[Any]]:
        """Ask the catalog."""
        code = (
            "import sqlite3, json, sys; db = sqlite3.connect('file:wheelfleet/var/catalog.sqlite?mode=ro', uri=True); "
            "print(json.dumps(db.execute(sys.stdin.read()).fetchall()))"
        )
        return json.loads(self.sh(f'python3 -c "{code}"', input=sql))


def changed(output: str) -> int:
    found = re.search(r"localhost .*\bchanged=(\d+) .*\bfailed=0", output)
    assert found, output
    return int(found[1])


@pytest.fixture
def controller(fleet: Lab, fleet_upstream: Upstream) -> Iterator[BootedController]:
    fleet.up(spec(NODE))
    install = "sudo apt-get update -qq && sudo apt-get install -qq -y --no-install-recommends"
    fleet.ssh(NODE, f"{install} python3-venv openssh-client >/dev/null 2>&1")
    fleet.ssh(BUILDER, f"python3 -c 'import ensurepip' 2>/dev/null || {{ {install} python3-venv >/dev/null 2>&1; }}")
    fleet.ssh(BUILDER, "mkdir -p service")
    for name in ("id_ed25519", "known_hosts"):
        fleet.ssh(NODE, f"umask 077; mkdir -p .ssh; cat > .ssh/{name}", input=(fleet.state / name).read_text())
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    present = [name for name in files if (REPOSITORY / name).exists() and not name.startswith("tests/")]
    archive = subprocess.run(["tar", "-C", REPOSITORY, "-c", *present], stdout=subprocess.PIPE, check=True).stdout
    unpack = fleet.enter(fleet.ssh_command(NODE, "mkdir -p wheelfleet && tar -x -C wheelfleet"))
    subprocess.run(unpack, input=archive, check=True)
    fleet.ssh(NODE, "cd wheelfleet && python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt")
    controller = BootedController(
        fleet,
        {
            "ansible_user": "pi",
            "controller_upstream_url": fleet_upstream.index_url,
            "controller_cooldown_hours": 0,
            "controller_service": True,
            "controller_service_interval": "1s",
            "controller_service_keep_runs": 1,
            "builder_home": "/home/pi/service/builder",
            "builder_user": "",
            "builder_provision": False,
            # A build of these tests waits for the test by files outside.
            "builder_sandbox": False,
        },
    )
    controller.configure()
    yield controller
    fleet.ssh(NODE, "sudo systemctl stop wheelfleet-run.timer wheelfleet-run.service", check=False)
    fleet.ssh(BUILDER, "touch service/go")


@pytest.mark.long
def test_the_service_repeats_builds_and_may_be_stopped_at_any_time(
    controller: BootedController, fleet_upstream: Upstream
):
    fleet_upstream.add_release(sdists.pure_sdist("fails", "1.0", script="raise AssertionError"))
    fleet_upstream.add_release(sdists.pure_sdist("waits", "1.0", script=WAITS))

    # Words that systemd does not understand are refused.
    controller.configure(controller_service_interval="fortnightly")
    assert "controller_service_interval is fortnightly, which systemd does not read" in controller.provision()
    controller.configure(controller_service_interval="1s")

    # A rehearsal says what would change and changes nothing; then it is done; then there is nothing left to do.
    assert changed(controller.provision("--check", "--diff")) >= 1
    assert controller.sh("ls /etc/systemd/system/wheelfleet* 2>/dev/null || echo none") == "none\n"
    assert changed(controller.provision()) >= 1
    assert changed(controller.provision()) == 0

    # The timer repeats build.yml, as the operator's account; the last run is kept, and the one at work.
    finished = "sudo journalctl -u wheelfleet-run.service -o cat | grep -c 'Deactivated successfully'"
    controller.wait_until(f"[ $({finished}) -ge 3 ]")
    assert len(controller.sh(f"ls {RUNS}").split()) <= 2
    assert controller.sh("stat -c %U wheelfleet/var/catalog.sqlite") == "pi\n"

    # A package that fails is a result, not a failed run. Stopped in the middle of a build, the run ends at once …
    controller.configure(controller_packages=["fails", "waits"])
    controller.wait_until(f"ssh {controller.lab.address(BUILDER)} test -e service/begun")
    controller.sh("sudo systemctl stop wheelfleet-run.timer wheelfleet-run.service")
    assert (controller.service("ActiveState"), controller.service("Result")) == ("inactive", "success")
    assert controller.runs()[-1] == "canceled"
    assert controller.sh("pgrep -l '^(ansible|ssh$)' || echo none") == "none\n"

    # … and nothing is lost: the next run takes in what the builder went on with.
    controller.lab.ssh(BUILDER, "touch service/go")
    controller.sh("sudo systemctl start --wait wheelfleet-run.service || true")
    assert controller.service("ExecMainStatus") == "0", controller.journal()
    attempts = controller.catalog(
        "SELECT p.name, a.outcome FROM attempt a JOIN release r ON r.id = a.release_id "
        "JOIN project p ON p.id = r.project_id ORDER BY p.name"
    )
    assert attempts == [["fails", "failed"], ["waits", "built"]], controller.journal()
    assert "waits-1.0-py3-none-any.whl" in controller.sh("cat wheelfleet/var/site/simple/waits/index.json")

    # A run that hangs is ended by systemd, and the next one takes its build in.
    controller.configure(controller_packages=["waits"], controller_service_watchdog="30s", controller_newest="all")
    assert changed(controller.provision()) >= 1
    controller.sh("sudo systemctl stop wheelfleet-run.timer wheelfleet-run.service")
    controller.lab.ssh(BUILDER, "rm -f service/go service/begun")
    fleet_upstream.add_release(sdists.pure_sdist("waits", "2.0", script=WAITS))
    controller.sh("sudo systemctl start wheelfleet-run.service")
    controller.wait_until(f"ssh {controller.lab.address(BUILDER)} test -e service/begun")
    controller.wait_until("systemctl show wheelfleet-run.service -p StatusText | grep -q 'builds go on'")
    controller.sh("sudo pkill -STOP -x ansible-playboo")
    controller.wait_until("[ $(systemctl show wheelfleet-run.service --value -p ActiveState) = failed ]")
    assert controller.service("Result") == "watchdog", controller.journal()
    assert controller.sh("pgrep -l '^ansible' || echo none") == "none\n"
    controller.lab.ssh(BUILDER, "touch service/go")
    controller.sh("sudo systemctl start --wait wheelfleet-run.service || true")
    assert controller.service("ExecMainStatus") == "0", controller.journal()
    assert controller.catalog(
        "SELECT r.version, a.outcome FROM attempt a JOIN release r ON r.id = a.release_id WHERE r.version = '2.0'"
    ) == [["2.0", "built"]]

    # A run that follows builds what appears; when it is told to end, the service begins the next one at once.
    controller.configure(
        controller_service_follow=True,
        controller_follow_interval=1,
        controller_service_interval="1h",
        controller_service_watchdog="1h",
    )
    assert changed(controller.provision()) >= 1
    controller.sh("sudo systemctl start wheelfleet-run.service")
    fleet_upstream.add_release(sdists.pure_sdist("waits", "3.0"))
    controller.wait_until("grep -q waits-3.0 wheelfleet/var/site/simple/waits/index.json")
    before = controller.service("InvocationID")
    controller.sh("cd wheelfleet && .venv/bin/ansible-playbook -i ~/inventory.yml playbooks/end.yml")
    follows = "systemctl show wheelfleet-run.service --value -p"
    controller.wait_until(f"[ $({follows} InvocationID) != {before} ] && [ $({follows} ActiveState) = active ]")
    controller.sh("sudo systemctl stop wheelfleet-run.timer wheelfleet-run.service")

    # Not wanted any more, it goes; what was built stays.
    controller.configure(controller_service=False)
    assert changed(controller.provision()) >= 1
    assert changed(controller.provision()) == 0
    assert controller.sh("ls /etc/systemd/system/wheelfleet* 2>/dev/null || echo none") == "none\n"
    assert controller.sh("systemctl is-active wheelfleet-run.timer || true") == "inactive\n"
