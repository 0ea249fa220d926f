"""A web node gets each publication while the builders are still at work; the node is a folder here, by real rsync."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wheelfleet.engine.host_status import HostState, HostStatus, post_status, status_folder
from wheelfleet.site.mirror import MARKER

from tests.support.catalogs import ControllerState
from tests.support.operator import Operator
from tests.support.site_pages import broken_links

pytestmark = pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync; apt-get install rsync")

RUN = "20261122T140257Z-4711"


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture
def controller(operator: Operator) -> Iterator[ControllerState]:
    with ControllerState(operator.state) as state:
        yield state


def playbook(operator: Operator, node: Path) -> str:
    """A play with the task of web nodes in build.yml alone."""
    arguments = {
        "state_dir": str(operator.state),
        "site_dir": str(operator.site),
        "root": str(node),
        "run": RUN,
        "hosts": ["pi1"],
        "interval": 0.2,
    }
    path = operator.root / "status.yml"
    play = {
        "hosts": "webnodes",
        "gather_facts": False,
        "tasks": [{"name": "Keep the web node up to date", "wheelfleet_status": arguments}],
    }
    path.write_text(json.dumps([play]))
    return str(path)


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_a_web_node_gets_each_publication_while_builders_build(
    operator: Operator, controller: ControllerState, tmp_path: Path
) -> None:
    node = tmp_path / "node"
    node.mkdir()
    folder = status_folder(operator.state)
    post_status(folder, HostStatus("pi1", RUN, state=HostState.BUILDING))
    with operator.running(playbook=playbook(operator, node)) as run:
        until((node / "status.json").is_file)
        assert not (node / MARKER).exists(), "nothing was published yet"
        for name in ("first", "second", "third"):
            controller.wheel(name, "1.0")
            controller.publish()
            until((node / f"simple/{name}/index.html").is_file)
            assert broken_links(node) == []
            assert run.poll() is None
        post_status(folder, HostStatus("pi1", RUN, state=HostState.IDLE, built=3, final=True))
        output, _ = run.communicate(timeout=60)
    assert run.returncode == 0, output
    shown = json.loads((node / "status.json").read_text())
    assert (shown["state"], shown["built"]) == ("ended", 3)
