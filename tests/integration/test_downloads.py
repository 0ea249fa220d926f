"""Downloads on their whole way: real pip and uv, the real nginx and its log, real Ansible, the catalog."""

from __future__ import annotations

import gzip
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.support.catalogs import ControllerState
from tests.support.nginx import NginxSite, nginx_site
from tests.support.operator import Operator, Run

UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path / "operator")


@pytest.fixture
def state(operator: Operator) -> Iterator[ControllerState]:
    """A catalog with one project and its wheel, published; building the wheel took 12 seconds."""
    with ControllerState(operator.state) as state:
        state.wheel("demo", "1.0")
        state.publish()
        yield state


@pytest.fixture
def server(state: ControllerState) -> Iterator[NginxSite]:
    with nginx_site(state.site) as server:
        yield server


def count(operator: Operator, log: Path, *arguments: str) -> Run:
    """A run as far as it counts downloads."""
    operator.variables["webnode_access_log"] = str(log)
    operator.root.mkdir(exist_ok=True)
    playbook = operator.root / "downloads.yml"
    role = {"name": "webnode", "tasks_from": "downloads"}
    run = {"webnode_run": {"state_dir": str(operator.state)}}
    task = {"name": "Count downloads", "ansible.builtin.import_role": role, "vars": run}
    playbook.write_text(yaml.safe_dump([{"hosts": "webnodes", "gather_facts": False, "tasks": [task]}]))
    return operator.play(str(playbook), *arguments)


def install(*command: str, index: str, into: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_NO_CONFIG": "1"}
    answer = subprocess.run(
        [*command, "--index-url", index, "--target", str(into)], env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr


def install_with_pip_and_uv(server: NginxSite, folder: Path) -> None:
    index = f"{server.url}/simple/"
    install(sys.executable, "-m", "pip", "install", "--no-cache-dir", "demo", index=index, into=folder / "pip")
    assert UV
    install(UV, "pip", "install", "--no-cache", "--python", sys.executable, "demo", index=index, into=folder / "uv")
    server.requests()  # by now they are in the log


def counted(operator: Operator) -> dict[str, tuple[int, int, float]]:
    rows = operator.query("SELECT name, downloads, lookups, saved_seconds FROM use_total")
    return {row["name"]: (row["downloads"], row["lookups"], row["saved_seconds"]) for row in rows}


def test_what_pip_and_uv_install_is_counted_once_through_rotation(
    operator: Operator, server: NginxSite, tmp_path: Path
):
    install_with_pip_and_uv(server, tmp_path / "first")

    rehearsed = count(operator, server.access_log, "--check")
    assert (rehearsed.failed, rehearsed.changed, counted(operator)) == (0, 1, {})

    first = count(operator, server.access_log)
    assert (first.failed, first.changed) == (0, 1)
    assert counted(operator) == {"demo": (2, 2, 24.0)}
    clients = {
        (row["kind"], row["key"]): row["downloads"]
        for row in operator.query("SELECT kind, key, downloads FROM client_day WHERE kind <> 'system'")
    }
    assert clients == {
        ("all", ""): 2,
        ("installer", "pip"): 1,
        ("installer", "uv"): 1,
        ("python", PYTHON): 2,
        ("machine", platform.machine()): 2,
    }
    assert b"127.0.0.1" in server.access_log.read_bytes()
    with (operator.state / "catalog.sqlite").open("rb") as catalog:
        assert b"127.0.0.1" not in catalog.read()

    second = count(operator, server.access_log)
    assert (second.failed, second.changed, counted(operator)) == (0, 0, {"demo": (2, 2, 24.0)})

    rotated = server.access_log.with_name(f"{server.access_log.name}.2.gz")
    rotated.write_bytes(gzip.compress(server.access_log.read_bytes()))
    os.truncate(server.access_log, 0)
    install_with_pip_and_uv(server, tmp_path / "second")
    third = count(operator, server.access_log)
    assert (third.failed, third.changed, counted(operator)) == (0, 1, {"demo": (4, 4, 48.0)})


def test_a_machine_without_a_web_server_counts_nothing_quietly(operator: Operator, state: ControllerState):
    run = count(operator, operator.root / "no.log")
    assert (run.failed, run.changed) == (0, 0)
    assert "WARNING" not in run.output


def test_counting_can_be_switched_off(operator: Operator, server: NginxSite, tmp_path: Path):
    install_with_pip_and_uv(server, tmp_path)
    operator.variables["webnode_count_downloads"] = False
    assert count(operator, server.access_log).failed == 0
    assert counted(operator) == {}


def test_a_web_node_that_does_not_answer_is_a_warning_and_the_run_goes_on(operator: Operator, state: ControllerState):
    operator.variables |= {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    run = count(operator, Path("/var/log/nginx/wheelfleet-access.log"))
    assert (run.failed, run.changed) == (0, 0)
    assert "Downloads from localhost are not counted" in " ".join(run.output.split())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without a password")
def test_a_log_that_may_not_be_read_is_a_warning_that_names_the_cure(operator: Operator, server: NginxSite):
    operator.variables |= {
        "ansible_become": True,
        "ansible_become_user": "nobody",
        "ansible_become_method": "su",
        "ansible_become_flags": "-s /bin/sh",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    run = count(operator, server.access_log)
    assert (run.failed, run.changed) == (0, 0)
    assert f"{server.folder} may not be read there; let Ansible become root" in " ".join(run.output.split())
