"""The controller's folder that the monitor reads: as given, else as the inventory says, else the role's default."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: The repository, in which `make monitor` runs.
_HERE = Path(__file__).resolve().parents[3]
_VARIABLE = "controller_state_dir"


class NoStateFolder(Exception):
    """The folder is not known; the message is a sentence with the cure."""


def state_folder(given: str) -> Path:
    """The folder. Raises NoStateFolder."""
    if given:
        return Path(given).expanduser().absolute()
    named = _named_by_inventory()
    if named is None:
        return _HERE / "var"
    if "{{" in named:
        raise NoStateFolder(f"The inventory makes {_VARIABLE} from variables ({named}); name the folder: STATE=/path.")
    return Path(named).expanduser().absolute()


def _named_by_inventory() -> str | None:
    """What the inventory says for the group controller; None if it does not say."""
    try:
        asked = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-inventory")), "--list"],
            cwd=_HERE,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            check=True,
            timeout=60,
        )
        inventory = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        # No Ansible, or an inventory that it cannot read: the default is as good a guess as there is.
        return None
    if not isinstance(inventory, dict):
        return None
    hosts: Mapping[str, Any] = inventory.get("_meta", {}).get("hostvars", {})
    for host in _hosts(inventory, "controller"):
        if value := hosts.get(host, {}).get(_VARIABLE):
            return str(value)
    return None


def _hosts(inventory: Mapping[str, Any], group: str) -> list[str]:
    about = inventory.get(group) or {}
    hosts = list(about.get("hosts") or [])
    for child in about.get("children") or []:
        hosts += _hosts(inventory, child)
    return hosts
