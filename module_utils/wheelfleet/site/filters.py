"""Sizes, durations and wheel tags in words: filters of the site's templates, and of Ansible's (filter_plugins/)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

_MACHINES = {
    "aarch64": "64-bit ARM",
    "armv7l": "32-bit ARM (ARMv7)",
    "armv6l": "32-bit ARM (ARMv6)",
    "i686": "32-bit x86",
    "x86_64": "64-bit x86",
    "riscv64": "64-bit RISC-V",
}
_INTERPRETERS = {"cp": "CPython", "pp": "PyPy", "py": "any Python"}
#: The glibc behind the manylinux names that do not say it (PEP 513, 571, 599).
_OLD_MANYLINUX = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}

_PYTHON = re.compile(r"(cp|pp|py)(\d)(\d*)")
_LINUX = re.compile(r"(?:(manylinux|musllinux)_(\d+)_(\d+)|(manylinux1|manylinux2010|manylinux2014)|linux)_(\w+)")


def human_size(size: float) -> str:
    """Bytes as people read them: `873 bytes`, `1.2 MiB`."""
    if size < 1024:
        return "1 byte" if size == 1 else f"{size:.0f} bytes"
    amount = float(size)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        amount /= 1024
        if amount < 9.95:
            return f"{amount:.1f} {unit}"
        if amount < 1023.5:
            break
    return f"{amount:.0f} {unit}"


def human_duration(seconds: float) -> str:
    """Seconds as people read them: `0.4 s`, `3 min 20 s`, `2 h 5 min`, `1 d 3 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, size, smaller, smaller_size in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            many, rest = divmod(whole, size)
            few = rest // smaller_size
            return f"{many} {unit} {few} {smaller}" if few else f"{many} {unit}"
    return f"{whole} s"


def utc(moment: float) -> str:
    """Seconds since the epoch as people read them: `2026-11-22 18:05`, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment))


def explain_tag(tag: str) -> str:
    """A wheel's tag (PEP 425, 600, 656) in words: `CPython 3.11, Linux on 64-bit ARM, glibc 2.31 or newer`.

    What is not a tag, or one of a system we do not know, is given back as it is.
    """
    parts = tag.split("-")
    if len(parts) != 3:
        return tag
    python, abi, platform = parts
    return f"{_explain_python(python, abi)}, {_explain_platform(platform)}"


def _explain_python(python: str, abi: str) -> str:
    match = _PYTHON.fullmatch(python)
    if not match:
        return python
    kind, major, minor = match.groups()
    version = f"{_INTERPRETERS[kind]} {major}" + (f".{minor}" if minor else "")
    if abi == "abi3" or (kind == "py" and minor):
        return f"{version} or newer"
    if abi == f"{python}t":
        return f"{version} (free-threaded)"
    return version


def _explain_platform(platform: str) -> str:
    if platform == "any":
        return "any system"
    match = _LINUX.fullmatch(platform)
    if not match:
        return platform
    libc, major, minor, old, machine = match.groups()
    system = f"Linux on {_MACHINES.get(machine, machine)}"
    if old:
        return f"{system}, glibc {_OLD_MANYLINUX[old]} or newer"
    if libc:
        return f"{system}, {'glibc' if libc == 'manylinux' else 'musl'} {major}.{minor} or newer"
    return system


FILTERS: dict[str, Callable[..., str]] = {
    "human_size": human_size,
    "human_duration": human_duration,
    "utc": utc,
    "explain_tag": explain_tag,
}
