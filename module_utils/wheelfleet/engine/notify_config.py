"""What the notifier needs to know, kept in the controller's folder from one run to the next.

A run that is refused, killed or hung has no variables of Ansible's any more. The file holds the secrets of
controller_notify, so only its owner may read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic_files import write_json
from .channels import BadChannel, Channel, read_channels


@dataclass(frozen=True)
class NotifyConfig:
    """The channels, the address of the site, and the bytes that must be free in the controller's folder."""

    channels: tuple[Channel, ...]
    site_url: str = ""
    min_free: int = 0


def config_file(state_dir: Path) -> Path:
    """The file of controller_notify."""
    return state_dir / "run" / "notify.json"


def keep_config(state_dir: Path, entries: object, *, site_url: str = "", min_free: int = 0) -> bool:
    """Keep the entries of controller_notify; without any the file goes. Returns whether that changed anything.

    Raises BadChannel, and OSError.
    """
    read_channels(entries)
    file = config_file(state_dir)
    data: dict[str, Any] = {"channels": entries, "site_url": site_url, "min_free": min_free}
    if not entries:
        existed = file.exists()
        file.unlink(missing_ok=True)
        return existed
    if _read(file) == data:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, data, mode=0o600)
    return True


def read_config(state_dir: Path) -> NotifyConfig | None:
    """The channels that were kept; None if nobody is to be told."""
    data = _read(config_file(state_dir))
    with suppress(BadChannel, KeyError, TypeError, ValueError):
        return NotifyConfig(tuple(read_channels(data["channels"])), str(data["site_url"]), int(data["min_free"]))
    return None


def _read(file: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
