"""Compares a wheel's tags with its machine code: the libc, the ARM version and the Python versions that they promise.

A manylinux tag promises that the code runs with any C library at least as new, and needs only the libraries of that
tag's policy (PEP 600); the policies are auditwheel's. A tag for ARMv6 promises a Raspberry Pi 1. A tag abi3 or abi3t
promises the limited API. A wheel that breaks a promise is refused, because it would be installed where it cannot work,
and before another that can.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from packaging.tags import Tag

from ..elf import Elf
from ..libc import FEATURES
from ..limited_api import broken_claim, claim_of
from .wheel_archive import Refused

_MANYLINUX = re.compile(r"manylinux_(?P<major>\d+)_(?P<minor>\d+)_(?P<machine>\w+)")
_LEGACY = {"manylinux1_": "manylinux_2_5_", "manylinux2010_": "manylinux_2_12_", "manylinux2014_": "manylinux_2_17_"}
_GLIBC = re.compile(r"GLIBC_(\d+(?:\.\d+)+)")
#: The loader, which each program uses. No policy lists it, but the C library's own libraries need it.
_LOADER = re.compile(r"ld-linux|ld64\.so\.[12]$")


def promises(tag: Tag) -> bool:
    """Whether a tag promises something that must be checked in the machine code."""
    return (
        tag.platform.startswith(("manylinux", "musllinux"))
        or tag.platform.endswith("_armv6l")
        or claim_of(tag.interpreter, tag.abi) is not None
    )


def check_promises(filename: str, tags: Iterable[Tag], code: Mapping[str, Elf], exclude: Collection[str]) -> None:
    """Compare a wheel's tags with its machine code, which is given by path. Raises Refused.

    `exclude` are patterns of libraries that the operator leaves to the system.
    """
    for tag in sorted(tags, key=str):
        claim = claim_of(tag.interpreter, tag.abi)
        broken = broken_claim(code, claim) if claim is not None else None
        if broken:
            raise Refused(f"{filename} is tagged {tag.interpreter}-{tag.abi}, but {broken.sentence}.")
        for path, elf in sorted(code.items()):
            why = _broken_platform(tag.platform, elf, code, exclude)
            if why:
                raise Refused(f"{filename} is tagged {tag.platform}, but its {path} {why}.")


def _broken_platform(platform: str, elf: Elf, code: Mapping[str, Elf], exclude: Collection[str]) -> str | None:
    if platform.endswith("_armv6l"):
        if elf.arm is None:
            return "does not say for which ARM it is made"
        if why := elf.arm.why_not_v6():
            return why
    if platform.startswith("musllinux"):
        return "needs the GNU C library" if any(_GLIBC.match(version) for _, version in elf.versions) else None
    for legacy, name in _LEGACY.items():
        if platform.startswith(legacy):
            platform = name + platform.removeprefix(legacy)
    match = _MANYLINUX.fullmatch(platform)
    if match is None:
        return None
    promised = int(match["major"]), int(match["minor"])
    carried = {path.rpartition("/")[2] for path in code} | {other.soname for other in code.values()}
    foreign = frozenset(elf.needed) - carried
    return _too_new(elf, promised, match["machine"], foreign) or _not_allowed(
        promised, match["machine"], foreign, exclude
    )


def _too_new(elf: Elf, promised: tuple[int, int], machine: str, foreign: Collection[str]) -> str | None:
    known = _policy(promised, machine)
    allowed: Mapping[str, list[str]] = known["symbol_versions"].get(machine, {}) if known else {}
    for library, version in sorted(elf.versions):
        if library not in foreign and not version.startswith("GLIBC_"):
            continue
        needs = FEATURES.get(version)
        if version.startswith("GLIBC_") and needs is None:
            number = _GLIBC.fullmatch(version)
            needs = tuple(map(int, number[1].split(".")))[:2] if number else (1 << 30, 0)  # type: ignore[assignment]
        family, _, number_of_it = version.partition("_")
        if needs is not None:
            if needs > promised:
                return f"needs {version} of {library}"
        elif family in allowed and number_of_it not in allowed[family]:
            return f"needs {version} of {library}"
    return None


def _not_allowed(
    promised: tuple[int, int], machine: str, foreign: Collection[str], exclude: Collection[str]
) -> str | None:
    known = _policy(promised, machine)
    if known is None:
        return None
    for library in sorted(foreign):
        if library in known["lib_whitelist"] or _LOADER.match(library):
            continue
        if not any(fnmatchcase(library, pattern) for pattern in exclude):
            return f"needs the library {library}, which no system has to have"
    return None


@lru_cache(maxsize=64)
def _policy(promised: tuple[int, int], machine: str) -> Mapping[str, Any] | None:
    """auditwheel's policy for the newest C library that is no newer than `promised`; None without one."""
    best: tuple[tuple[int, int], Mapping[str, Any]] | None = None
    for policy in _policies():
        match = _MANYLINUX.fullmatch(f"{policy['name']}_{machine}")
        if match is None or machine not in policy["symbol_versions"]:
            continue
        libc = int(match["major"]), int(match["minor"])
        if libc <= promised and (best is None or libc > best[0]):
            best = libc, policy
    return best[1] if best else None


@lru_cache(maxsize=1)
def _policies() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        importlib.resources.files("auditwheel.policy").joinpath("manylinux-policy.json").read_text(encoding="utf-8")
    )
    return found
