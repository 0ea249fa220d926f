"""Checks whether an abi3 or abi3t wheel uses only the limited API of the Python in its tag.

abi3info, by the authors of abi3audit, lists each symbol of the limited API with the version that added it, from
CPython's own list. abi3audit does the same check, but prints reports and needs a network library.

abi3t (PEP 803) is the limited API for the GIL's and the free-threaded build of Python 3.15 and later. A wheel for both
ABIs has the compressed tag `abi3.abi3t`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from .elf import Elf

#: PEP 803.
FIRST_MINOR_OF_ABI3T = 15

_STABLE = ("abi3", "abi3t")
_INTERPRETER = re.compile(r"cp3(\d*)")
_OF_ONE_PYTHON = re.compile(r"\.cpython-\d+")
_OF_ABI3 = re.compile(r"\.abi3(?:-[\w-]+)?\.so$")


class Claim(NamedTuple):
    """The part of a wheel's tag about the limited API: the minor version of Python 3, and abi3, abi3t or both."""

    minor: int
    abis: tuple[str, ...]


class BrokenClaim(NamedTuple):
    """A broken claim; `honest` is what the wheel could claim, None if it keeps no limited API at all."""

    sentence: str
    honest: Claim | None


def claim_of(interpreter: str, abi: str) -> Claim | None:
    """The claim of a tag's parts: `cp38` and `abi3`, `cp315` and the compressed `abi3.abi3t`; None without one.

    Of several interpreters (`cp38.cp39`) the first decides, because the oldest has the smallest API.
    """
    match = _INTERPRETER.fullmatch(interpreter.partition(".")[0])
    abis = tuple(each for each in _STABLE if each in abi.split("."))
    # The limited API exists since 3.2 (PEP 384).
    return Claim(int(match[1] or 2), abis) if match and abis else None


def broken_claim(code: Mapping[str, Elf], claim: Claim) -> BrokenClaim | None:
    """Compare a wheel's machine code, by path, with its claim; None if it keeps the limited API."""
    own = {symbol for elf in code.values() for symbol in elf.python_defined}
    since: dict[str, int] = _since()
    minor, abis = claim
    if "abi3t" in abis and minor < FIRST_MINOR_OF_ABI3T:
        return BrokenClaim(f"abi3t exists since Python 3.{FIRST_MINOR_OF_ABI3T}", Claim(FIRST_MINOR_OF_ABI3T, abis))
    latest, culprit, where = minor, "", ""
    for path, elf in sorted(code.items()):
        name = path.rpartition("/")[2]
        if _OF_ONE_PYTHON.search(name):
            return BrokenClaim(f"its {path} is named for one Python only", None)
        if "abi3t" in abis and _OF_ABI3.search(name):
            honest = Claim(minor, ("abi3",)) if "abi3" in abis else None
            return BrokenClaim(f"its {path} is named for abi3, which no free-threaded Python loads", honest)
        for symbol in sorted(elf.python_symbols - own):
            if symbol not in since:
                return BrokenClaim(f"its {path} uses {symbol}, which the limited API does not have", None)
            if since[symbol] > latest:
                latest, culprit, where = since[symbol], symbol, path
    if latest > minor:
        sentence = f"its {where} uses {culprit}, which the limited API has only since Python 3.{latest}"
        return BrokenClaim(sentence, Claim(latest, abis))
    return None


@lru_cache(maxsize=1)
def _since() -> dict[str, int]:
    """By symbol, the minor version of Python 3 that added it to the limited API."""
    from abi3info import DATAS, FUNCTIONS  # type: ignore[import-untyped]

    return {symbol.name: entry.added.minor for known in (FUNCTIONS, DATAS) for symbol, entry in known.items()}
