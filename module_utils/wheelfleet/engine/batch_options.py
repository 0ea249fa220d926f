"""The options of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class BatchOptions:
    """Options of the play; M(wheelfleet_batch) documents them."""

    state_dir: Path
    run: str
    hosts: int
    own_index_url: str | None
    crates_index: str
    go_proxy: str
    pip_options: Mapping[str, Any]
    limits: Mapping[str, Any]
    environment: Mapping[str, Any]
    sandbox: bool
    repair: bool
    repair_exclude: Sequence[str]
    check_imports: bool
    max_attempts: int
    min_free: int
    rebuild_percent: float = 0.0
    preinstalled: Sequence[str] = ()
    leave_for_packages: bool = False
