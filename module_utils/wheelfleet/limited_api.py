"""Checks whether an abi3 wheel uses only the limited API of the Python in its tag.

abi3info, by the authors of abi3audit, lists each symbol of the limited API with the version that added it, from
CPython's own list. abi3audit does the same check, but prints reports and needs a network library.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from .elf import Elf

_CLAIM = re.compile(r"cp3(\d*)-abi3-")
_OF_ONE_PYTHON = re.compile(r"\.cpython-\d+")


class BrokenClaim(NamedTuple):
    """A broken abi3 tag; `honest` is the minor version that the wheel could claim, None if it is not abi3 at all."""

    sentence: str
    honest: int | None


def claimed_minor(tag: str) -> int | None:
    """The minor version of an abi3 tag: 8 for `cp38-abi3-linux_x86_64`; None for other tags."""
    match = _CLAIM.match(tag)
    if match is None:
        return None
    # The limited API exists since 3.2 (PEP 384).
    return int(match[1] or 2)


def broken_claim(code: Mapping[str, Elf], minor: int) -> BrokenClaim | None:
    """Compare a wheel's machine code, by path, with the tag `cp3{minor}-abi3`; None if it keeps the limited API."""
    own = {symbol for elf in code.values() for symbol in elf.python_defined}
    since: dict[str, int] = _since()
    latest, culprit, where = minor, "", ""
    for path, elf in sorted(code.items()):
        if _OF_ONE_PYTHON.search(path.rpartition("/")[2]):
            return BrokenClaim(f"its {path} is named for one Python only", None)
        for symbol in sorted(elf.python_symbols - own):
            if symbol not in since:
                return BrokenClaim(f"its {path} uses {symbol}, which the limited API does not have", None)
            if since[symbol] > latest:
                latest, culprit, where = since[symbol], symbol, path
    if latest > minor:
        return BrokenClaim(
            f"its {where} uses {culprit}, which the limited API has only since Python 3.{latest}", latest
        )
    return None


@lru_cache(maxsize=1)
def _since() -> dict[str, int]:
    """By symbol, the minor version of Python 3 that added it to the limited API."""
    from abi3info import DATAS, FUNCTIONS  # type: ignore[import-untyped]

    return {symbol.name: entry.added.minor for known in (FUNCTIONS, DATAS) for symbol, entry in known.items()}
