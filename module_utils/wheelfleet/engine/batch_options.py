"""The options of the batch module, which its two halves (library/ and action_plugins/) both have to accept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BATCH_OPTIONS: dict[str, dict[str, Any]] = {
    "state_dir": {"type": "path", "required": True},
    "run": {"type": "str", "required": True},
    "home": {"type": "path", "required": True},
    "hosts": {"type": "int", "default": 1},
    "parallel": {"type": "int", "default": 0},
    "index_url": {"type": "str", "required": True},
    "credentials": {"type": "str", "default": "", "no_log": True},
    "own_index_url": {"type": "str"},
    "crates_index": {"type": "str", "default": "auto"},
    "cache_url": {"type": "str", "default": ""},
    "pip_options": {"type": "dict", "default": {}},
    "limits": {"type": "dict", "required": True},
    "environment": {"type": "dict", "default": {}},
    "sandbox": {"type": "bool", "default": True},
    "repair": {"type": "bool", "default": True},
    "repair_exclude": {"type": "list", "elements": "str", "default": []},
    "check_imports": {"type": "bool", "default": True},
    "patience": {"type": "float", "default": 300.0},
    "tries": {"type": "int", "default": 5},
    "min_free": {"type": "int", "default": 0},
    "witness_percent": {"type": "float", "default": 0.0},
}


@dataclass(frozen=True)
class BatchOptions:
    """What the play says: see the options of M(wheelfleet_batch)."""

    state_dir: Path
    run: str
    hosts: int
    own_index_url: str | None
    crates_index: str
    pip_options: Mapping[str, Any]
    limits: Mapping[str, Any]
    environment: Mapping[str, Any]
    sandbox: bool
    repair: bool
    repair_exclude: Sequence[str]
    check_imports: bool
    tries: int
    min_free: int
    witness_percent: float = 0.0
