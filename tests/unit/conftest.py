"""What most unit tests begin with; docs/CONTRIBUTING.md has the map of fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.catalogs import ControllerState
from tests.support.fleet_catalog import Fleet


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
