"""An upstream and an operator for every test; the tool environments are made once, as on a provisioned builder."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from wheelfleet.build.install import InstallError, tool_environment

from tests.support.interpreters import interpreters
from tests.support.operator import REPOSITORY, Operator
from tests.support.upstream import Upstream


@pytest.fixture(scope="session")
def tools() -> Path:
    """A builder's folder tools/, kept from one test run to the next; new interpreters are added when first used."""
    home = REPOSITORY / ".pytest_cache" / "d" / "builder"
    home.mkdir(parents=True, exist_ok=True)
    provision(home, sys.executable)
    return home / "tools"


def provision(home: Path, python: str) -> None:
    """Make a tool environment as the builder role does; needs the index pip is configured for."""
    requirements = yaml.safe_load((REPOSITORY / "roles/builder/defaults/main.yml").read_text())[
        "builder_tool_requirements"
    ]
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            tool_environment(home, python, requirements)
        except InstallError as error:
            pytest.skip(f"no tool environment can be made here: {error}")


@pytest.fixture
def two_pythons(tools: Path) -> list[str]:
    """Two interpreters of different versions, the older first."""
    found = [str(python) for python in interpreters()]
    if len(found) < 2:
        pytest.skip("this machine has one Python only; install another, such as pypy3 with pypy3-dev and pypy3-venv")
    chosen = [found[0], found[-1]]
    for python in chosen:
        provision(tools.parent, python)
    return chosen


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def operators(tmp_path: Path, tools: Path) -> Iterator[Callable[..., Operator]]:
    """Makes operators; in the end none of their workers and builds may be left."""
    made: list[Operator] = []

    def make(index_url: str, packages: list[Any] | None = None, **variables: Any) -> Operator:
        root = tmp_path / f"operator{len(made)}"
        operator = Operator(
            root, {"controller_upstream_url": index_url, "controller_packages": packages or [], **variables}
        )
        operator.home.mkdir(parents=True)
        (operator.home / "tools").symlink_to(tools)
        made.append(operator)
        return operator

    yield make
    for operator in made:
        end = time.monotonic() + 60
        while (left := operator.processes()) and time.monotonic() < end:
            time.sleep(0.1)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert not left, f"processes left: {left}"


@pytest.fixture
def operator(operators: Callable[..., Operator], upstream: Upstream) -> Operator:
    """The operator whose upstream is the test's own; a test sets packages by `operator.variables`."""
    return operators(upstream.index_url)
