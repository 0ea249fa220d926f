"""Booted hosts for the fleet tests: one lab for the whole session, whole again before each test."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab, missing
from tests.lab.processes import die_with_parent, lab_command
from tests.lab.settings import REPOSITORY, Settings
from tests.support.fleet_operator import FleetOperator
from tests.support.native_bubblewrap import install_native_bubblewrap
from tests.support.suites import BY_TURNS, spec, suite
from tests.support.upstream import Upstream

#: The nodes that most tests share.
NODES = ("build1", "build2", "build3", "web1")
#: The base trees that a fixture needs.
BASE_TREES = {
    "lab": [f"amd64:{suite}" for suite in dict.fromkeys(map(suite, BY_TURNS))],
    "arm_node": [f"armhf:{suite('arm1')}"],
}

#: The process that makes them.
BASES = pytest.StashKey["subprocess.Popen[bytes]"]()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make the base trees that will be needed while other tests run: under emulation one takes minutes, once."""
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    needed = [tree for fixture, trees in BASE_TREES.items() if fixture in wanted for tree in trees]
    if needed and not session.config.option.collectonly and missing() is None:
        session.config.stash[BASES] = subprocess.Popen(
            ["nice", *lab_command("base", *needed)],
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=partial(die_with_parent, signal.SIGTERM),
        )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Do not leave that running when the session is cut short."""
    if process := config.stash.get(BASES, None):
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab without nodes. However pytest ends, killed or not, the lab is taken down."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    settings = Settings.from_environment()
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / f".{settings.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.fail(f"another pytest uses the lab {settings.name}; name yours by the variable FLEET_NAME")
        lab = Lab(settings)
        lab.down()  # what a killed pytest may have left whose warden was killed too
        warden = subprocess.Popen(
            lab_command("_down-after-me"),
            cwd=REPOSITORY,
            env={**os.environ, **settings.environment},
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        lab.up()
        yield lab
        lab.down()
        warden.communicate()


@pytest.fixture(scope="session")
def nodes(lab: Lab) -> Lab:
    """The lab with three builders and a web node."""
    lab.up(*map(spec, NODES))
    return lab


@pytest.fixture(scope="session")
def arm_node(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of an armv7l node under emulation, which can sandbox."""
    lab.up(spec("arm1", "armhf"))
    install_native_bubblewrap(lab, "arm1", tmp_path_factory.mktemp("bubblewrap"))
    return "arm1"


@pytest.fixture(scope="session")
def provisioned(nodes: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The same, provisioned with what a FleetOperator's variables say unless a test changes them."""
    builders = [name for name in NODES if name.startswith("build")]
    operator = FleetOperator(tmp_path_factory.mktemp("provisioner"), {}, builders, ("web1",), lab=nodes)
    try:
        operator.play("playbooks/provision.yml")
    finally:
        operator.close()
    return nodes


@pytest.fixture
def fleet(nodes: Lab) -> Iterator[Lab]:
    """The same, for a test that does damage: afterwards every fault is healed. Disks keep what was written."""
    yield nodes
    nodes.heal()


@pytest.fixture
def fleet_upstream(lab: Lab) -> Iterator[Upstream]:
    """An upstream that nodes and a controller in the lab reach."""
    with Upstream(**lab.listening) as server:
        yield server


@pytest.fixture
def fleet_operators(nodes: Lab, tmp_path: Path) -> Iterator[Callable[..., FleetOperator]]:
    """Makes operators. In the end none of their builds and connections is left, and builders hold no work of theirs."""
    made: list[FleetOperator] = []

    def make(
        index_url: str,
        packages: Sequence[Any] = (),
        *,
        builders: Sequence[str] = ("build1", "build2", "build3"),
        webnodes: Sequence[str] = ("web1",),
        clients: Sequence[str] = (),
        **variables: Any,
    ) -> FleetOperator:
        upstream = {"controller_upstream_url": index_url, "controller_packages": list(packages)}
        operator = FleetOperator(
            tmp_path / f"operator{len(made)}", {**upstream, **variables}, builders, webnodes, clients, lab=nodes
        )
        made.append(operator)
        return operator

    yield make
    for operator in made:
        operator.close()
        operator.clear_builders()


@pytest.fixture
def fleet_operator(
    provisioned: Lab, fleet_operators: Callable[..., FleetOperator], fleet_upstream: Upstream
) -> FleetOperator:
    """The operator of all builders and the web node, provisioned; a test sets packages by `operator.variables`."""
    return fleet_operators(fleet_upstream.index_url)
