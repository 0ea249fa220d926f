"""Metrics of the controller itself: disk, memory, swap, load and temperature."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .host_metrics import HostMetrics, parse_metrics


class ControllerMetrics(HostMetrics, total=False):
    """Metrics of the controller; keys of unknown values are missing. Swap is in bytes."""

    swap_total: int
    swap_free: int


def read_controller_metrics(state_dir: Path) -> ControllerMetrics:
    """The metrics of this machine; the disk is that of the controller's folder."""
    memory = _memory()
    words = [f"total={memory['MemTotal']}"] if "MemTotal" in memory else []
    words += [f"free={memory['MemAvailable']}"] if "MemAvailable" in memory else []
    words += [f"heat={degrees}" for degrees in _temperatures()]
    metrics: ControllerMetrics = {**parse_metrics(" ".join(["metrics", *words]))}  # type: ignore[typeddict-item]
    if "SwapTotal" in memory and "SwapFree" in memory:
        metrics |= {"swap_total": memory["SwapTotal"] * 1024, "swap_free": memory["SwapFree"] * 1024}
    with suppress(OSError):
        metrics["load"] = list(os.getloadavg())
        metrics["cores"] = os.cpu_count() or 1
        disk = shutil.disk_usage(state_dir)
        metrics |= {"disk_total": disk.total, "disk_free": disk.free}
    return metrics


def _memory() -> dict[str, int]:
    """The amounts of proc_meminfo(5) in KiB, by name."""
    amounts = {}
    with suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, amount = line.partition(":")
            with suppress(ValueError, IndexError):
                amounts[name] = int(amount.split()[0])
    return amounts


def _temperatures() -> Iterator[str]:
    """What each sensor says, in thousandths of a degree."""
    for zone in sorted(Path("/sys/class/thermal").glob("thermal_zone*/temp")):
        with suppress(OSError):
            yield zone.read_text().strip()
