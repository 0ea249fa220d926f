"""Sizes, durations and wheel tags in words: filters for the site's templates and for Ansible (filter_plugins/)."""

from __future__ import annotations

import re
from collections.abc import Callable

from ..text import human_duration, human_size, utc

_MACHINES = {
    "aarch64": "64-bit ARM",
    "armv7l": "32-bit ARM (ARMv7)",
    "armv6l": "32-bit ARM (ARMv6)",
    "i686": "32-bit x86",
    "x86_64": "64-bit x86",
    "riscv64": "64-bit RISC-V",
}
_INTERPRETERS = {"cp": "CPython", "pp": "PyPy", "py": "any Python"}
#: The glibc of the manylinux names without a version (PEP 513, 571, 599).
_OLD_MANYLINUX = {"manylinux1": "2.5", "manylinux2010": "2.12", "manylinux2014": "2.17"}

_PYTHON = re.compile(r"(cp|pp|py)(\d)(\d*)")
_LINUX = re.compile(r"(?:(manylinux|musllinux)_(\d+)_(\d+)|(manylinux1|manylinux2010|manylinux2014)|linux)_(\w+)")


def explain_tag(tag: str) -> str:
    """A wheel's tag (PEP 425, 600, 656) in words: `CPython 3.11, Linux on 64-bit ARM, glibc 2.31 or newer`.

    Text that is no tag is returned as it is, and so are parts of a tag that are not known.
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
    if "abi3t" in abi.split("."):
        return f"{version} or newer, also free-threaded"
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
