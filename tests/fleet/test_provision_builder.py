"""A host becomes a builder and leaves the fleet again: the builder role's provisioning, really run on booted hosts."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.lab import Lab
from tests.support.builder import Builder
from tests.support.fleet_operator import FleetOperator
from tests.support.node_files import copy_to_node
from tests.support.operator import REPOSITORY, Run
from tests.support.sdists import pure_sdist
from tests.support.suites import spec

NODE = "build4"
HOME = "/var/lib/wheelfleet"
STAMP = "/etc/wheelfleet/builder"
CMDLINE = "/boot/firmware/cmdline.txt"
BOARD = "Raspberry Pi 3 Model B Plus Rev 1.3"

#: Few packages, for the full table takes minutes to install.
VARIABLES = {
    "builder_apt_packages": ["libffi-dev", "no-such-package-dev"],
    "builder_apt_extra_packages": ["libyaml-dev"],
    "builder_swap": "64M",
}

#: What provisioning makes, beside packages.
TRACES = (
    f"getent passwd wheelfleet; getent group wheelfleet; cat {CMDLINE}; "
    f"ls -d {HOME} /etc/wheelfleet /etc/systemd/journald.conf.d/* /var/swap.wheelfleet 2>/dev/null; "
    "ls /var/lib/systemd/linger"
)

#: Starts a real worker on one assignment, as a visit does.
START_WORKER = """
import json, sys
from wheelfleet.builder.inbox import hand_over
from wheelfleet.builder.worker import start_worker
home = sys.argv[1]
hand_over(home, [json.load(open("assignment.json"))])
start_worker(home, "/tmp/lib", sys.executable)
"""


@dataclass
class Site:
    """A host of the lab, and the operator who provisions it."""

    lab: Lab
    operator: FleetOperator
    folder: Path
    node: str

    def ask(self, command: str) -> str:
        """What the command says on the host."""
        return self.lab.ssh(self.node, command)

    def provision(self, *arguments: str, expect: int = 0, **variables: object) -> Run:
        self.operator.variables = {**VARIABLES, **variables}
        return self.operator.play("playbooks/provision.yml", "--limit", self.node, *arguments, expect=expect)

    def retire(self, *arguments: str, expect: int = 0) -> Run:
        return self.operator.play("playbooks/retire.yml", *arguments, expect=expect)

    def fingerprint(self, **variables: object) -> str:
        """What the controller says should be in the stamp. It asks the host for nothing, which may be off."""
        self.operator.variables = {**VARIABLES, **variables}
        told = self.folder / "fingerprint"
        role = {"name": "builder", "tasks_from": "provision"}
        tell = {"content": "{{ builder_provision_fingerprint }}", "dest": str(told), "mode": "0600"}
        self.play(
            {"ansible.builtin.import_role": role, "vars": {"builder_provision": False}},
            {"ansible.builtin.copy": tell, "delegate_to": "localhost"},
            role_path=str(REPOSITORY / "roles/builder"),
        )
        return told.read_text()

    def play(self, *tasks: dict[str, object], **variables: object) -> Run:
        """Run a play of these tasks, without facts, on the host."""
        play = {"hosts": self.node, "gather_facts": False, "vars": variables, "tasks": tasks}
        path = self.folder / "play.yml"
        path.write_text(yaml.safe_dump([play]))
        return self.operator.play(str(path))


@pytest.fixture(scope="module")
def fresh(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A host booted for the first time: a Pi whose memory controller is off, and which swaps to compressed memory."""
    folder = tmp_path_factory.mktemp("builder")
    lab.up(f"{spec(NODE)}:board={BOARD},memory_controller=off,zram=on")
    operator = FleetOperator(folder / "operator", builders=[NODE], lab=lab)
    site = Site(lab, operator, folder, NODE)
    site.ask(f"sudo mkdir -p {CMDLINE.rpartition('/')[0]}")
    lab.ssh(NODE, f"sudo tee {CMDLINE}", input="console=tty1 root=PARTUUID=1-02 rootwait\n")
    yield site
    operator.close()


@pytest.fixture(scope="module")
def check(fresh: Site) -> Run:
    """Check mode on the fresh host, which must change nothing."""
    question = f"dpkg-query --show; {TRACES}"
    before = fresh.ask(question)
    run = fresh.provision("--check", "--diff")
    assert fresh.ask(question) == before
    return run


@pytest.fixture(scope="module")
def runs(fresh: Site, check: Run) -> dict[str, Run]:
    """The first runs on the fresh host."""
    return {"first": fresh.provision(), "second": fresh.provision()}


@pytest.fixture(scope="module")
def builder(fresh: Site, runs: dict[str, Run]) -> Site:
    """The provisioned host."""
    return fresh


@pytest.fixture(scope="module")
def retired(builder: Site) -> dict[str, Run]:
    """Retiring it while its worker is in the middle of a build, and once more."""
    with builder.lab.call(socket.create_server, (builder.lab.gateway, 0)) as silent_server:
        silent_server.settimeout(60)
        # The build comes no further than to its sdist, so that its tools need only be there.
        tools = "/tmp/tools/bin/python"
        builder.ask(f"mkdir -p /tmp/tools/bin; ln -s /usr/bin/python3 {tools}; ln -s /bin/true /tmp/tools/bin/uv")
        assignment = Builder(builder.folder).assignment(pure_sdist("x", "1"), tools=tools)
        assignment["sdist"]["url"] = f"http://{builder.lab.gateway}:{silent_server.getsockname()[1]}/x-1.tar.gz"
        file = builder.folder / "assignment.json"
        file.write_text(json.dumps(assignment))
        library = REPOSITORY / "module_utils/wheelfleet"
        copy_to_node(builder.lab, NODE, {"/tmp/lib/wheelfleet": library, "/tmp/lib/assignment.json": file})
        builder.lab.ssh(NODE, f"cd /tmp/lib && sudo -u wheelfleet python3 - {HOME}", input=START_WORKER)
        builder.ask("sudo -u wheelfleet touch /tmp/strewn")
        connection, _ = silent_server.accept()
        with connection:
            assert builder.operator.processes()
            runs = {"check": builder.retire("--limit", NODE, "--check"), "first": builder.retire("--limit", NODE)}
    return {**runs, "second": builder.retire("--limit", NODE)}


def test_check_mode_on_a_fresh_host_says_what_would_be_done(check: Run):
    assert check.recap[NODE]["changed"] > 0
    assert check.lines("^  .* libffi-dev ")


def test_a_second_run_changes_nothing(runs: dict[str, Run]):
    assert runs["first"].recap[NODE]["changed"] > 0
    assert runs["second"].recap[NODE]["changed"] == 0


def test_the_stamp_says_what_the_controller_expects(builder: Site):
    assert builder.ask(f"cat {STAMP}") == builder.fingerprint()
    assert builder.ask(f"stat -c '%U %a' {STAMP}").split() == ["root", "644"]


def test_the_controller_expects_another_stamp_when_a_variable_changes(builder: Site):
    assert builder.fingerprint(builder_apt_extra_packages=["libyaml-dev", "libzmq3-dev"]) != builder.fingerprint()


def test_the_operators_own_package_is_installed_with_compilers_and_sandbox(builder: Site):
    wanted = "libyaml-dev libffi-dev build-essential bubblewrap python3-dev python3-venv"
    said = builder.ask(f"dpkg-query --show --showformat '${{db:Status-Status}}\\n' {wanted}")
    assert said.split() == ["installed"] * len(wanted.split())


def test_a_package_that_apt_does_not_know_is_named_and_stops_nothing(runs: dict[str, Run]):
    assert len(runs["first"].lines("apt knows no package no-such-package-dev here: skipped")) == 1


def test_the_build_user_has_no_password_and_no_login(builder: Site):
    assert builder.ask("sudo passwd --status wheelfleet").split()[1] == "L"
    assert builder.ask("getent passwd wheelfleet").strip().split(":")[5:] == [HOME, "/usr/sbin/nologin"]
    ssh = ["ssh", "-F", str(builder.lab.ssh_config), f"wheelfleet@{builder.lab.address(NODE)}", "true"]
    assert builder.lab.run(ssh, check=False, stdin=subprocess.DEVNULL).returncode != 0
    with pytest.raises(subprocess.CalledProcessError):
        builder.ask("sudo su wheelfleet -c id")


def test_the_build_user_is_in_no_other_group_and_may_not_become_root(builder: Site):
    assert builder.ask("id --groups --name wheelfleet").split() == ["wheelfleet"]
    with pytest.raises(subprocess.CalledProcessError):
        builder.ask("sudo -u wheelfleet sudo -n true")


def test_ansible_can_become_the_build_user_and_give_it_files(builder: Site):
    builder.play(
        {"ansible.builtin.copy": {"content": "x", "dest": f"{HOME}/given", "mode": "0600"}},
        {"ansible.builtin.command": f"rm {HOME}/given"},
        ansible_become=True,
        ansible_become_user="wheelfleet",
    )


def test_the_journal_is_limited(builder: Site):
    said = builder.ask("systemd-analyze cat-config systemd/journald.conf")
    assert f"SystemMaxUse={100 << 20}" in said.splitlines()


def test_a_pis_kernel_is_told_to_limit_memory_and_a_reboot_is_due(builder: Site, runs: dict[str, Run]):
    assert builder.ask(f"cat {CMDLINE}") == "console=tty1 root=PARTUUID=1-02 rootwait cgroup_enable=memory\n"
    assert runs["first"].lines("A reboot is due")
    assert runs["second"].lines("A reboot is due")


def test_the_user_of_the_builds_has_a_systemd_that_stays(builder: Site):
    shown = builder.ask("loginctl show-user wheelfleet --property=Linger --property=State")
    assert shown.split() == ["State=lingering", "Linger=yes"]


def test_a_container_is_left_the_clock_and_the_swap_of_its_host(runs: dict[str, Run]):
    assert runs["first"].lines("No swap was added: a container")
    assert runs["first"].lines("The clock is left alone: a container")


def test_swap_to_compressed_memory_is_memory_and_does_not_count(builder: Site):
    assert "/dev/zram0" in builder.ask("cat /proc/swaps")
    told = builder.folder / "swap"
    read = {"ansible.builtin.slurp": {"src": "{{ item }}"}, "loop": ["/proc/meminfo", "/proc/swaps"]}
    tell = {"content": "{{ builder_swap_of_others }}", "dest": str(told), "mode": "0600"}
    builder.play(
        {"ansible.builtin.include_vars": str(REPOSITORY / "roles/builder/vars/provision.yml")},
        {**read, "register": "builder_proc"},
        {"ansible.builtin.copy": tell, "delegate_to": "localhost"},
    )
    assert told.read_text() == "0"


def test_the_board_is_what_the_device_tree_says(builder: Site):
    copy_to_node(builder.lab, NODE, {"/tmp/probe/wheelfleet": REPOSITORY / "module_utils/wheelfleet"})
    said = builder.ask("cd /tmp/probe && python3 -c 'from wheelfleet.builder import probe; print(probe._board())'")
    assert said.strip() == BOARD


@pytest.mark.long
def test_provisioning_waits_for_others_that_use_apt(builder: Site):
    builder.operator.variables = {**VARIABLES, "builder_apt_extra_packages": ["libyaml-dev", "tree"]}
    builder.lab.hold_apt(NODE)
    with builder.operator.running("--limit", NODE, playbook="playbooks/provision.yml") as run:
        assert next((line for line in run.stdout if "Refresh apt's lists" in line), None)
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(10)
        builder.lab.release_apt(NODE)
        output, _ = run.communicate(timeout=600)
    assert run.returncode == 0, output
    assert builder.ask("dpkg-query --show tree")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"builder_home": "/home/pi"}, "builder_home is /home/pi, which is not empty and belongs to"),
        ({"builder_pythons": ["python3", "python2.7"]}, "builder_pythons names python2.7. build4 has no such command"),
        ({"builder_swap": "much"}, "builder_swap is much; write auto, 0 for none, or a size such as 1G"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_provisioned_is_said_in_a_sentence(builder: Site, variables: dict[str, object], sentence: str):
    run = builder.provision(expect=2, **variables)
    assert sentence in " ".join(run.output.split())
    assert builder.ask("stat -c %U /home/pi").strip() == "pi"
    assert builder.ask("getent passwd wheelfleet | cut -d: -f6").strip() == HOME


def test_the_builders_folder_can_be_moved(builder: Site):
    question = "getent passwd wheelfleet | cut -d: -f6; loginctl show-user wheelfleet --property=Linger"
    for home in ("/srv/elsewhere", HOME):
        builder.provision(builder_home=home)
        assert builder.ask(question).split() == [home, "Linger=yes"]
    builder.ask("sudo rm -r /srv/elsewhere")


def test_nothing_is_retired_without_a_limit(builder: Site):
    run = builder.retire(expect=2)
    assert run.lines("Name each host that leaves the fleet")
    assert builder.ask(f"ls {STAMP}")


def test_a_host_that_does_not_answer_is_one_sentence(builder: Site):
    builder.operator.host_variables[NODE] = {"ansible_port": 9}
    run = builder.retire("--limit", NODE, expect=2)
    del builder.operator.host_variables[NODE]
    assert run.lines("build4 cannot be reached, so nothing on it was cleaned")


def test_retiring_in_check_mode_ends_nothing(retired: dict[str, Run]):
    assert retired["check"].recap[NODE]["changed"] > 0
    # The worker it met was there for the real one.
    assert retired["first"].lines("TASK .*Ask the worker to leave")


def test_a_retired_host_keeps_its_packages_and_nothing_else(builder: Site, retired: dict[str, Run]):
    assert builder.ask(TRACES).splitlines() == ["console=tty1 root=PARTUUID=1-02 rootwait cgroup_enable=memory"]
    assert not [line for line in builder.ask("ps -eo args").splitlines() if "wheelfleet" in line]
    assert "strewn" not in builder.ask("ls /tmp").split()
    assert builder.ask("dpkg-query --show libyaml-dev")


def test_retiring_twice_changes_nothing(retired: dict[str, Run]):
    assert retired["second"].recap[NODE]["changed"] == 0
