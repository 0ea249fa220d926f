"""The default inventory against PyPI itself: what a newcomer's first command does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from wheelfleet.upstream.pip_config import pip_settings

from tests.support.operator import ANSIBLE_PLAYBOOK, REPOSITORY
from tests.support.servers import serve


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of a controller that ran build.yml once with the default inventory."""
    folder = tmp_path_factory.mktemp("default") / "state"
    first = build(folder)
    if "did not answer at all" in first.stdout:
        pytest.skip(f"the index pip is configured for cannot be reached: {pip_settings().index_url}")
    assert first.returncode == 0, first.stdout
    return folder


def build(state: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """build.yml with the default inventory, its folders moved below the test's."""
    folders = {
        "controller_state_dir": str(state),
        "builder_home": str(state / "builder"),
        "builder_own_index_url": f"{(state / 'site').as_uri()}/simple",
    }
    return subprocess.run(
        [str(ANSIBLE_PLAYBOOK), "-i", "inventory/local", "-e", json.dumps(folders), *arguments, "build.yml"],
        cwd=REPOSITORY,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def rows(state: Path) -> dict[str, dict]:
    return {row["project"]: row for row in json.loads((state / "site/report/report.json").read_text())["rows"]}


def test_sdist_only_c_extensions_are_built(state: Path):
    built = {name for name, row in rows(state).items() if row["status"] == "built"}
    assert {"rpi-gpio", "spidev", "netifaces", "smbus"} <= built


def test_a_wheel_of_upstream_is_left_alone_and_the_report_says_why(state: Path):
    row = rows(state)["smbus2"]
    assert row["status"] == "upstream"
    assert "smbus2-" in row["reason"] and ".whl" in row["reason"]


def test_a_missing_library_is_a_named_failure_that_names_the_package(state: Path):
    row = rows(state)["pycups"]
    if row["status"] == "built":
        pytest.skip("libcups2-dev is installed here, so that nothing is missing")
    assert row["failure_class"] == "missing-header"
    assert "libcups2-dev" in row["advice"]


def test_the_wheels_install_and_import(state: Path, tmp_path: Path):
    with serve(state / "site") as site:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--isolated", "install", "--quiet", "--target", str(tmp_path)),
                *("--index-url", f"{site.url}/simple", "netifaces", "spidev"),
            ],
            check=True,
        )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import netifaces, spidev; print(netifaces.interfaces())"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert "lo" in done.stdout


def test_a_second_run_has_nothing_to_do(state: Path):
    again = build(state)
    assert again.returncode == 0, again.stdout
    assert "changed=0" in again.stdout
    assert " localhost builds " not in again.stdout
