"""The connection for a controller without OpenSSH's client keeps the promises that the batch relies on."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleAuthenticationFailure, AnsibleConnectionFailure, AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader, init_plugin_loader

from tests.lab import Lab
from tests.support import sdists
from tests.support.fleet_operator import FleetOperator
from tests.support.operator import REPOSITORY
from tests.support.suites import python_tag
from tests.support.upstream import Upstream

ANSIBLE = Path(sys.executable).with_name("ansible")
BINARY = "/usr/bin/python3"
NODE = "build1"


@pytest.fixture(scope="module", autouse=True)
def plugins() -> None:
    """Ansible's plugins and the checkout's, as the command line loads them."""
    init_plugin_loader([])
    connection_loader.add_directory(str(REPOSITORY / "connection_plugins"))


@pytest.fixture
def home(fleet: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The operator's home: ~/.ssh with a key, and the lab's host keys in known_hosts."""
    folder = tmp_path / ".ssh"
    folder.mkdir(mode=0o700)
    for name in ("id_ed25519", "known_hosts"):
        (folder / name).write_bytes((fleet.state / name).read_bytes())
        (folder / name).chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


@pytest.fixture
def connect(fleet: Lab, home: Path) -> Iterator[Callable[..., Any]]:
    """Makes connections to a builder as Ansible's engine does: options, become plugin, and the login."""
    made = []

    def make(*, become: dict[str, str] | None = None, **options: Any) -> Any:
        connection = connection_loader.get("wheelfleet_paramiko", PlayContext())
        connection.set_options(direct={"remote_addr": fleet.address(NODE), "remote_user": "pi", **options})
        if become is not None:
            sudo = become_loader.get("sudo")
            sudo.set_options(direct=become)
            connection.set_become_plugin(sudo)
        made.append(connection)
        fleet.call(connection._connect)
        return connection

    yield make
    for connection in made:
        connection.close()


def run(connection: Any, command: str, **options: Any) -> tuple[int, bytes, bytes]:
    """Run a command as action plugins do: through become, if the connection has one."""
    if connection.become:
        command = connection.become.build_become_command(command, connection._shell)
    return connection.exec_command(command, **options)


def test_output_arrives_byte_for_byte_with_and_without_become(fleet: Lab, connect: Callable[..., Any]):
    size = 5_000_000
    wanted = fleet.ssh(NODE, f"head -c {size} {BINARY} | sha256sum").split()[0]
    for become in (None, {"become_user": "www-data"}):
        status, out, err = run(connect(become=become), f"head -c {size} {BINARY}; id -un >&2; exit 3")
        user = "www-data" if become else "pi"
        assert (status, len(out), hashlib.sha256(out).hexdigest(), err.decode()) == (3, size, wanted, f"{user}\n")


def test_standard_input_arrives_byte_for_byte(connect: Callable[..., Any]):
    data = Path(BINARY if Path(BINARY).exists() else sys.executable).read_bytes()[:1_000_000]
    status, out, _ = run(connect(become={"become_user": "www-data"}), "sha256sum", in_data=data)
    assert (status, out.split()[0].decode()) == (0, hashlib.sha256(data).hexdigest())


def test_files_go_both_ways(connect: Callable[..., Any], tmp_path: Path):
    sent, back = tmp_path / "sent", tmp_path / "back"
    sent.write_bytes(os.urandom(300_000))
    connection = connect()
    connection.put_file(str(sent), "/tmp/wheelfleet-paramiko")
    connection.fetch_file("/tmp/wheelfleet-paramiko", str(back))
    run(connection, "rm /tmp/wheelfleet-paramiko")
    assert back.read_bytes() == sent.read_bytes()


def test_a_host_that_is_not_in_known_hosts_is_refused_and_its_line_shown(
    fleet: Lab, home: Path, connect: Callable[..., Any]
):
    known_hosts = home / ".ssh/known_hosts"
    known_hosts.write_text("")
    with pytest.raises(AnsibleConnectionFailure, match=r"is not known.*put this line into ~/\.ssh/known_hosts") as said:
        connect()
    assert known_hosts.read_text() == ""
    line = str(said.value).partition("known_hosts: ")[2]
    assert line.split()[1:3] in [each.split()[1:3] for each in (fleet.state / "known_hosts").read_text().splitlines()]


def test_a_host_with_another_key_than_the_known_one_is_refused(fleet: Lab, home: Path, connect: Callable[..., Any]):
    lines = (fleet.state / "known_hosts").read_text().splitlines()
    foreign = next(line.split()[1:] for line in lines if fleet.address("web1") in line and "ed25519" in line)
    (home / ".ssh/known_hosts").write_text(f"{fleet.address(NODE)} {' '.join(foreign)}\n")
    with pytest.raises(AnsibleConnectionFailure, match="shows another host key"):
        connect()


def test_a_pi_that_has_only_a_password_is_reached_and_asked_for_it_by_sudo(fleet: Lab, connect: Callable[..., Any]):
    fleet.ssh(
        NODE, "id visitor >/dev/null 2>&1 || sudo useradd -m -G sudo visitor; echo visitor:secret | sudo chpasswd"
    )
    login = {"remote_user": "visitor", "password": "secret", "private_key_file": None}
    become = {"become_user": "root", "become_pass": "secret"}
    assert run(connect(**login, become=become), "id -un; cat", in_data=b"and input") == (0, b"root\nand input", b"")
    with pytest.raises(AnsibleError, match="sudo password is wrong"):
        run(connect(**login, become={**become, "become_pass": "wrong"}), "id -un")
    with pytest.raises(AnsibleAuthenticationFailure, match="does not let visitor in"):
        connect(**{**login, "password": "wrong"})


@pytest.mark.parametrize("fault", ["cut", "hang"])
def test_a_cut_link_and_a_hanging_host_are_noticed_during_a_command(
    fault: str, fleet: Lab, connect: Callable[..., Any]
):
    connection = connect(alive_interval=0.2, alive_patience=1)
    lost: list[BaseException] = []

    def wait_for_ever() -> None:
        try:
            # The parent of the command is the sshd of this connection.
            run(connection, "kill -STOP $PPID; sleep 1000" if fault == "hang" else "sleep 1000")
        except AnsibleConnectionFailure as error:
            lost.append(error)

    thread = threading.Thread(target=wait_for_ever)
    thread.start()
    if fault == "cut":
        fleet.cut(NODE)
    thread.join(60)
    assert lost and "was lost" in str(lost[0])

    fleet.mend(NODE)
    connection.reset()
    fleet.call(connection._connect)
    assert run(connection, "pkill -CONT -u pi sshd; echo there") == (0, b"there\n", b"")


def test_modules_run_as_an_unprivileged_user_without_files_on_the_host(fleet: Lab, home: Path):
    """What ansible-core's own paramiko connection cannot: the host has no ACLs."""
    command = (
        f"all -i {fleet.address(NODE)}, -c wheelfleet_paramiko -u pi -b --become-user www-data "
        "-e ansible_python_interpreter=/usr/bin/python3 -m command -a 'id -un'"
    )
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")}
    done = fleet.run([ANSIBLE, *shlex.split(command)], check=False, cwd=REPOSITORY, env=environment)
    assert done.returncode == 0 and "www-data" in done.stdout.splitlines(), done.stdout + done.stderr


def test_a_builder_is_fed_over_it(home: Path, fleet_operator: FleetOperator, fleet_upstream: Upstream):
    fleet_upstream.add_release(sdists.c_sdist("carried", "1.0"))
    fleet_operator.variables["controller_packages"] = ["carried"]
    fleet_operator.builders, fleet_operator.webnodes = [NODE], []
    fleet_operator.host_variables[NODE] = {"ansible_connection": "wheelfleet_paramiko"}
    run = fleet_operator.build()
    python = python_tag(NODE)
    assert fleet_operator.wheels() == [f"carried-1.0-{python}-{python}-linux_x86_64.whl"], run.output
    assert fleet_operator.build().changed == 0
