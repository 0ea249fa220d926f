"""Metrics of a builder: temperature, memory, disk, load. Each poll reads them in shell, for people.

The builder runs untrusted code, so values that are not plausible are left out.
"""

from __future__ import annotations

import re
from typing import TypedDict


class HostMetrics(TypedDict, total=False):
    """Metrics of a builder; keys of unknown values are missing."""

    #: When they were read, in epoch seconds by the controller's clock.
    at: int
    #: Of the hottest sensor, in °C.
    temperature: float
    #: Bytes; free is MemAvailable of proc(5).
    memory_total: int
    memory_free: int
    #: Bytes of the disk of builds; free is the space that unprivileged users may fill.
    disk_total: int
    disk_free: int
    #: The load averages over 1, 5 and 15 minutes (proc(5)).
    load: list[float]
    #: Cores that are online.
    cores: int


#: Prints one line for `parse_metrics`. It uses only builtins of the shell, because on a Pi each process takes
#: milliseconds. In containers and on boards without sensors some of these files are missing.
METRICS_COMMAND = (
    "v=metrics; { "
    'while read -r k n _; do case $k in MemTotal:) v="$v total=$n";; MemAvailable:) v="$v free=$n"; break;; esac; '
    "done </proc/meminfo; "
    'read -r a b c _ </proc/loadavg && v="$v load=$a,$b,$c"; '
    'read -r n </sys/devices/system/cpu/online && v="$v cores=$n"; '
    'for z in /sys/class/thermal/thermal_zone*/temp; do read -r n <"$z" && v="$v heat=$n"; done; '
    '} 2>/dev/null; echo "$v"; '
)

_NUMBER = re.compile(r"[0-9]{1,12}")
_HEAT = re.compile(r"-?[0-9]{1,7}")
_LOAD = re.compile(r"([0-9]{1,6}\.[0-9]{2}),([0-9]{1,6}\.[0-9]{2}),([0-9]{1,6}\.[0-9]{2})")
_RANGE = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?")
#: Sensors that are not connected report 0, -273 or 255 °C.
_COLDEST, _HOTTEST = -40.0, 150.0


def parse_metrics(line: str) -> HostMetrics:
    """The plausible values of the line."""
    metrics: HostMetrics = {}
    heat = []
    for word in line.split()[1:]:
        name, _, value = word.partition("=")
        if name == "total" and _NUMBER.fullmatch(value):
            metrics["memory_total"] = int(value) * 1024
        elif name == "free" and _NUMBER.fullmatch(value):
            metrics["memory_free"] = int(value) * 1024
        elif name == "load" and (averages := _LOAD.fullmatch(value)):
            metrics["load"] = [float(average) for average in averages.groups()]
        elif name == "cores" and (cores := _cores(value)):
            metrics["cores"] = cores
        elif name == "heat" and _HEAT.fullmatch(value):
            heat.append(int(value) / 1000)
    if possible := [degrees for degrees in heat if degrees and _COLDEST < degrees < _HOTTEST]:
        metrics["temperature"] = round(max(possible), 1)
    return metrics


def _cores(ranges: str) -> int:
    """The number of cores in the kernel's list: 4 for `0-3`, 3 for `0,2-3`; 0 if it is malformed."""
    count = 0
    for part in ranges.split(","):
        found = _RANGE.fullmatch(part)
        if not found:
            return 0
        first, last = int(found[1]), int(found[2] or found[1])
        count += last - first + 1
    return max(count, 0)
