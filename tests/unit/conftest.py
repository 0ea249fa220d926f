"""What most unit tests begin with; docs/CONTRIBUTING.md has the map of fixtures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import action_loader, connection_loader
from ansible.template import Templar

from tests.support.catalogs import ControllerState
from tests.support.fleet_catalog import Fleet
from tests.support.operator import REPOSITORY

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[ControllerState]:
    """A controller's empty catalog and its folders. A file whose tests share more adds that in a `state` of its own."""
    with ControllerState(tmp_path / "var") as state:
        yield state


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """A catalog with a queue, for who builds what; its targets are 9 (cp39) and 11 (cp311)."""
    with Fleet(tmp_path / "var") as fleet:
        yield fleet


@pytest.fixture
def call(state: ControllerState) -> Call:
    """Runs a module's action with its options, on the state folder of `state`."""
    action_loader.add_directory(str(REPOSITORY / "action_plugins"))

    def run(module: str, *, check: bool = False, **options: Any) -> dict[str, Any]:
        task, loader = Task(), DataLoader()
        task.action, task.args, task.check_mode = module, {"state_dir": str(state.path.parent), **options}, check
        action = action_loader.get(
            module,
            task=task,
            connection=connection_loader.get("local", PlayContext(), os.devnull),
            play_context=PlayContext(),
            loader=loader,
            templar=Templar(loader),
            shared_loader_obj=None,
        )
        answer: dict[str, Any] = action.run(task_vars={})
        return answer

    return run
