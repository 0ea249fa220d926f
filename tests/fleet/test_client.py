"""Clients: after playbooks/client.yml pip and uv on a host install what the fleet built, told nothing themselves."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import Lab
from tests.support.catalogs import ControllerState
from tests.support.fleet_operator import FleetOperator
from tests.support.node_files import copy_to_node
from tests.support.operator import Run
from tests.support.servers import StaticServer, serve
from tests.support.suites import spec

WEB = "web1"
CLIENT = "client1"
ROOT = "/srv/wheelfleet/site"

PIP_CONF = "# set when this host was installed\n[global]\nindex-url = {upstream}\ntimeout = 20\n{trust}"
UV_TOML = '# set when this host was installed\nnative-tls = true\n[[index]]\nurl = "{upstream}"\ndefault = true\n'

FILES = ("/etc/pip.conf", "/etc/uv/uv.toml")


@dataclass
class ClientHost:
    """A host with pip and uv, and the operator who configures it."""

    lab: Lab
    operator: FleetOperator
    #: What its configuration files were before.
    before: dict[str, str]

    def configure(self, *arguments: str, **variables: object) -> Run:
        """Run client.yml with these variables and no others."""
        self.operator.variables = dict(variables)
        return self.operator.play("playbooks/client.yml", *arguments)

    def files(self) -> dict[str, str]:
        return {path: self.lab.ssh(CLIENT, f"cat {path}") for path in FILES}

    def install(self, tool: str, *requirements: str) -> set[str]:
        """Have a tool install into a new folder, by its configuration files alone; what is there then, by name."""
        command = {"pip": "python3 /opt/pip install --no-cache-dir", "uv": "/opt/uv pip install --no-cache -q"}
        wanted = f"{command[tool]} --target $folder {shlex.join(requirements)}"
        prepare = "unset PIP_CERT REQUESTS_CA_BUNDLE; export PIP_DISABLE_PIP_VERSION_CHECK=1; folder=$(mktemp -d)"
        said = self.lab.ssh(CLIENT, f"{prepare}; {wanted} >&2; cd $folder && ls -d *.dist-info", check=False)
        return {line.removesuffix(".dist-info") for line in said.splitlines()}


@pytest.fixture(scope="module")
def upstream(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StaticServer]:
    """The index the host used until now. Of `numbers` it has the newest version, of `fleet-only` none."""
    with ControllerState(tmp_path_factory.mktemp("upstream")) as state:
        state.wheel("numbers", "3.0")
        state.wheel("helper", "1.0")
        state.publish()
        with serve(state.site, **lab.listening) as server:
            yield server


@pytest.fixture(scope="module")
def client(lab: Lab, upstream: StaticServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientHost]:
    """A new host, beside a web node with `numbers` 2.0 and `fleet-only` 1.0, which needs `helper` from upstream."""
    folder = tmp_path_factory.mktemp("client")
    lab.up(spec(WEB), spec(CLIENT))
    operator = FleetOperator(folder / "operator", webnodes=[WEB], clients=[CLIENT], lab=lab)
    operator.play("playbooks/provision.yml", "--limit", WEB)
    with ControllerState(folder / "published") as published:
        published.wheel("numbers", "2.0")
        published.wheel("fleet-only", "1.0", requires_dist=["helper"])
        published.publish()
        copy_to_node(lab, WEB, {ROOT: published.site})
    # Not the wheel that comes with Python: Debian's Python has none.
    (pip,) = (Path(path) for path in importlib.util.find_spec("pip").submodule_search_locations)
    (uv,) = Path(sys.executable).parent.glob("uv")
    lab.ssh(CLIENT, "sudo chown pi /opt && sudo mkdir /etc/uv")
    copy_to_node(lab, CLIENT, {"/opt/pip": pip, "/opt/uv": uv})
    before = {
        "/etc/pip.conf": PIP_CONF.format(
            upstream=f"{upstream.url}/simple/", trust=f"trusted-host = {upstream.url.removeprefix('http://')}\n"
        ),
        "/etc/uv/uv.toml": UV_TOML.format(upstream=f"{upstream.url}/simple/"),
    }
    for path, text in before.items():
        lab.ssh(CLIENT, f"sudo tee {path} >/dev/null", input=text)
    yield ClientHost(lab, operator, before)
    operator.close()


def test_a_host_knows_nothing_of_the_fleet_by_itself(client: ClientHost):
    for tool in ("pip", "uv"):
        assert client.install(tool, "helper") == {"helper-1.0"}
        assert client.install(tool, "fleet-only") == set()


def test_check_mode_shows_the_change_and_makes_none(client: ClientHost):
    rehearsed = client.configure("--check", "--diff")
    assert rehearsed.recap[CLIENT]["changed"] == 1
    assert rehearsed.lines(rf"^\+.*http://{client.lab.address(WEB)}/simple/")
    assert client.files() == client.before


def test_both_install_the_best_version_of_all_indexes(client: ClientHost):
    assert client.configure().recap[CLIENT]["changed"] == 1
    for tool in ("pip", "uv"):
        assert client.install(tool, "fleet-only") == {"fleet_only-1.0", "helper-1.0"}
        # The fleet's older version does not hide upstream's newer one.
        assert client.install(tool, "numbers") == {"numbers-3.0"}
        assert client.install(tool, "numbers<3") == {"numbers-2.0"}
    assert client.configure().recap[CLIENT]["changed"] == 0


def test_the_fleets_index_can_be_the_only_one(client: ClientHost):
    client.configure(client_index_mode="only")
    for tool in ("pip", "uv"):
        assert client.install(tool, "numbers") == {"numbers-2.0"}
        assert client.install(tool, "helper") == set()


def test_absent_brings_every_file_back_to_the_last_byte(client: ClientHost):
    client.configure()
    assert client.files() != client.before
    client.configure(client_state="absent")
    assert client.files() == client.before
    assert client.configure(client_state="absent").recap[CLIENT]["changed"] == 0


def test_files_that_were_not_there_are_made_for_everyone_and_go_again(client: ClientHost):
    client.lab.ssh(CLIENT, "sudo rm -r /etc/uv /etc/pip.conf")
    try:
        client.configure()
        modes = client.lab.ssh(CLIENT, "stat -c '%U %a' /etc/pip.conf /etc/uv /etc/uv/uv.toml")
        assert modes.split("\n")[:3] == ["root 644", "root 755", "root 644"]
        client.configure(client_state="absent")
        assert client.lab.ssh(CLIENT, "ls -d /etc/uv /etc/pip.conf 2>/dev/null", check=False) == ""
    finally:
        client.lab.ssh(CLIENT, "sudo mkdir -p /etc/uv")
        for path, text in client.before.items():
            client.lab.ssh(CLIENT, f"sudo tee {path} >/dev/null", input=text)


def test_without_a_web_node_the_index_must_be_named(client: ClientHost):
    client.operator.variables = {}
    refused = client.operator.play("playbooks/client.yml", "--limit", CLIENT, expect=2)
    assert refused.lines("set client_index_url, or have a host in the group webnodes")
