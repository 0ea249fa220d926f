"""The context of a session: catalog, host, options of the batch, clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..catalog.database import Catalog
from .batch_options import BatchOptions


@dataclass(frozen=True)
class Clock:
    """The controller's clocks in seconds: `now` since the epoch, `monotonic` without corrections. Tests replace it."""

    now: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Context:
    """One host in one run."""

    catalog: Catalog
    host: str
    options: BatchOptions
    clock: Clock = field(default_factory=Clock)
