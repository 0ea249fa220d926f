"""Requires-Python (core metadata), read in one way wherever it stands: on a page of an index, or in a wheel."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

#: Characters. Readers of our index get it as it is, so it must not be something that only this parser masters.
_LONGEST = 500


def constraint(stated: Any) -> str | None:
    """What a stranger stated, as text; None for no constraint, which is how pip takes what it cannot read."""
    if isinstance(stated, str) and _is_sensible(stated) and _read(stated.strip()):
        return stated.strip()
    return None


def allows(requires_python: str | None, version: Version) -> bool:
    """Whether it admits a Python; no constraint admits every one."""
    specifiers = _read((requires_python or "").strip())
    return specifiers is None or specifiers.contains(version, prereleases=True)


def is_installable(stated: str) -> bool:
    """Whether pip and uv both install a wheel that states this. pip takes anything; uv mends the mistakes that were
    once common: `>=3.6.*`, and quotes around a version.
    """
    mended = re.sub(r"(?P<compared>[<>]=?\s*[0-9.]+?)\.\*", r"\g<compared>", re.sub("[\"']", "", stated))
    return _is_sensible(stated) and (not stated.strip() or _read(mended.strip()) is not None)


def _is_sensible(text: str) -> bool:
    return len(text) <= _LONGEST and text.isascii() and text.isprintable()


@lru_cache(maxsize=4096)
def _read(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text) or None
    except InvalidSpecifier:
        return None
