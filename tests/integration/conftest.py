"""An upstream and an operator for every test; the tool environments are made once, as on a provisioned builder."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder.install import InstallError

from tests.support import toolenv
from tests.support.builder import Builder
from tests.support.interpreters import interpreters
from tests.support.operator import Operator
from tests.support.upstream import Upstream


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A builder's folder tools/ with an environment for the Python that runs the tests."""
    folder = tmp_path_factory.mktemp("builder") / "tools"
    folder.mkdir()
    provide(folder, Path(sys.executable))
    return folder


def provide(folder: Path, python: Path) -> None:
    """Let a folder tools/ have the environment of one more interpreter; needs the index pip is configured for."""
    try:
        environment = toolenv.tools(python).parents[1]
    except InstallError as error:
        pytest.skip(f"no tool environment can be made here: {error}")
    place = folder / environment.name
    if not place.exists():
        place.symlink_to(environment)


@pytest.fixture
def two_pythons(tools: Path) -> list[str]:
    """Two interpreters of different versions, the older first."""
    found = interpreters()
    if len(found) < 2:
        pytest.skip("this machine has one Python only; install another, such as pypy3 with pypy3-dev and pypy3-venv")
    chosen = [found[0], found[-1]]
    for python in chosen:
        provide(tools, python)
    return list(map(str, chosen))


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[Builder]:
    with Builder(tmp_path) as builder:
        yield builder


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
