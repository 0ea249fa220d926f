"""The controller's folder that the monitor reads: as given, else as the inventory says, else the role's default."""

from __future__ import annotations

import json
import os
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
    return folder_by(_inventory())


def folder_by(inventory: Mapping[str, Any]) -> Path:
    """The folder by what ansible-inventory says. Raises NoStateFolder if that is made from variables."""
    known = inventory.get("_meta", {}).get("hostvars", {})
    named = next(
        (str(value) for host in _hosts(inventory, "controller") if (value := known.get(host, {}).get(_VARIABLE))), ""
    )
    if not named:
        return _HERE / "var"
    if "{{" in named:
        raise NoStateFolder(f"The inventory makes {_VARIABLE} from variables ({named}); name the folder: STATE=/path.")
    return Path(named).expanduser().absolute()


def _inventory() -> Mapping[str, Any]:
    """What ansible-inventory says; empty where it cannot."""
    try:
        asked = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-inventory")), "--list"],
            cwd=_HERE,
            # Ansible reads no ansible.cfg of a folder that others may write to, and refuses some locales.
            env={"ANSIBLE_CONFIG": str(_HERE / "ansible.cfg"), **os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            check=True,
            timeout=60,
        )
        inventory = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        # No Ansible, or an inventory that it cannot read: the default is as good a guess as there is.
        return {}
    return inventory if isinstance(inventory, dict) else {}


def _hosts(inventory: Mapping[str, Any], group: str) -> list[str]:
    about = inventory.get(group) or {}
    hosts = list(about.get("hosts") or [])
    for child in about.get("children") or []:
        hosts += _hosts(inventory, child)
    return hosts
