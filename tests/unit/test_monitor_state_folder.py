"""Which run the monitor attaches to, when nobody names a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wheelfleet.monitor.state_folder import NoStateFolder, folder_by, state_folder

REPOSITORY = Path(__file__).resolve().parents[2]


def inventory(**variables: str) -> dict[str, Any]:
    """What ansible-inventory says of a controller in a group of its group."""
    return {
        "_meta": {"hostvars": {"pi0": variables, "pi1": {"controller_state_dir": "/elsewhere"}}},
        "controller": {"children": ["masters"]},
        "masters": {"hosts": ["pi0"]},
        "builders": {"hosts": ["pi1"]},
    }


def test_the_folder_that_is_named_needs_no_inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.run", None)
    assert state_folder(str(tmp_path)) == tmp_path


def test_else_it_is_the_inventorys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = tmp_path / "hosts.yml"
    hosts.write_text("controller: {hosts: {pi0: {controller_state_dir: /srv/wheelfleet}}}\n")
    monkeypatch.setenv("ANSIBLE_INVENTORY", str(hosts))
    assert state_folder("") == Path("/srv/wheelfleet")


def test_groups_of_the_controllers_group_count_and_else_the_role_s_default() -> None:
    assert folder_by(inventory(controller_state_dir="/srv/wheelfleet")) == Path("/srv/wheelfleet")
    assert folder_by(inventory()) == folder_by({}) == REPOSITORY / "var"


def test_a_folder_made_from_variables_is_asked_for() -> None:
    with pytest.raises(NoStateFolder, match="STATE=/path"):
        folder_by(inventory(controller_state_dir="{{ base }}/var"))
