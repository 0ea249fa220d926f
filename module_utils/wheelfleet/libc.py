"""The C libraries with which machine code works, and the C library of a target.

A bare `linux_*` tag says nothing of the C library, so what the code itself says counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from .elf import Elf
from .time64_packages import TIME64_PACKAGES

#: The first glibc of systems whose 32-bit ARM has a 64-bit time_t: Ubuntu 24.04 has 2.39, Debian 13 has 2.41, and
#: Debian 12, which has not, has 2.36.
TIME64_LIBC = (2, 39)

_OF_TARGET = re.compile(r"-(glibc|musl)(\d+)\.(\d+)")
_WRITTEN = re.compile(r"(glibc|musl)>=(\d+)\.(\d+)(?:,<(\d+)\.(\d+))?")
_GLIBC = re.compile(r"GLIBC_(\d+)\.(\d+)")
#: What musl calls itself: libc.musl-x86_64.so.1 on Alpine, libc.so elsewhere. That of glibc is libc.so.6.
_MUSL = re.compile(r"libc\.musl-\S+|libc\.so")
#: How CPython 3.11 and newer names extension modules where there is musl: no other Python finds them.
_MUSL_MODULE = re.compile(r"-linux-musl\w*\.so$")
#: Features of the loader with a symbol version of their own, and the first C library that has them.
FEATURES = {"GLIBC_ABI_DT_RELR": (2, 36)}


class NeededLibc(NamedTuple):
    """The C libraries with which a wheel works; as text `glibc>=2.34` or `glibc>=2.34,<2.39`."""

    name: str
    least: tuple[int, int]
    below: tuple[int, int] | None = None

    def __str__(self) -> str:
        end = f",<{self.below[0]}.{self.below[1]}" if self.below else ""
        return f"{self.name}>={self.least[0]}.{self.least[1]}{end}"

    def works_on(self, target: str) -> bool:
        """Whether the wheel works on the target of this name; True if the name does not have its C library."""
        libc = libc_of_target(target)
        if libc is None:
            return True
        name, version = libc
        return name == self.name and self.least <= version and (self.below is None or version < self.below)


def libc_of_target(target: str) -> tuple[str, tuple[int, int]] | None:
    """The C library of the target of this name, and its version; None if the name does not have it."""
    match = _OF_TARGET.search(target)
    return (match[1], (int(match[2]), int(match[3]))) if match else None


def read_needed_libc(text: str) -> NeededLibc | None:
    """What `str` wrote of a `NeededLibc`; None for other text."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    below = (int(match[4]), int(match[5])) if match[4] else None
    return NeededLibc(match[1], (int(match[2]), int(match[3])), below)


def needed_libc(code: Mapping[str, Elf]) -> NeededLibc | None:
    """The C library that the machine code of a wheel (by path) needs; None if it needs none."""
    if any(_MUSL.fullmatch(name) for elf in code.values() for name in elf.needed) or any(
        map(_MUSL_MODULE.search, code)
    ):
        return NeededLibc("musl", (0, 0))
    versions = {version for elf in code.values() for _, version in elf.versions}
    least = [FEATURES[version] for version in versions if version in FEATURES]
    least += [(int(match[1]), int(match[2])) for match in map(_GLIBC.match, versions) if match]
    return NeededLibc("glibc", max(least)) if least else None


def with_time_abi(needed: NeededLibc | None, code: Mapping[str, Elf], packages: Collection[str]) -> NeededLibc | None:
    """The same with the limit that the time_t of the system's libraries sets on 32-bit ARM.

    Debian 13 gave `time_t` 64 bits there, and kept the names of the libraries. So code of one side does not work with
    the libraries of the other. `packages` are those of the libraries that the wheel leaves to the system: on the new
    side their names end in t64.
    """
    if not has_two_time_abis(code) or (needed is not None and needed.name != "glibc"):
        return needed
    if needed is None:
        needed = NeededLibc("glibc", (0, 0))
    if any(package.endswith("t64") for package in packages):
        return needed._replace(least=max(needed.least, TIME64_LIBC))
    if not TIME64_PACKAGES.keys().isdisjoint(packages):
        return needed._replace(below=TIME64_LIBC)
    return needed if needed.least > (0, 0) else None


def has_two_time_abis(code: Mapping[str, Elf]) -> bool:
    """Whether the code is for 32-bit ARM, which has had two sizes of time_t."""
    return any((elf.machine, elf.bits) == ("EM_ARM", 32) for elf in code.values())
