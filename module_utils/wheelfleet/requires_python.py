"""Parses Requires-Python (core metadata) in the same way for pages of an index and wheels."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

#: Characters. The site publishes the value unchanged, so other parsers must manage it as well.
_LONGEST = 500


def constraint(stated: Any) -> str | None:
    """An untrusted value as text; None for no constraint, as which pip treats an invalid one."""
    return _constraint(stated) if isinstance(stated, str) else None


@lru_cache(maxsize=4096)
def _constraint(stated: str) -> str | None:
    return stated.strip() if _is_sensible(stated) and _read(stated.strip()) else None


@lru_cache(maxsize=4096)
def allows(requires_python: str | None, version: Version) -> bool:
    """Whether the constraint allows a Python version; None allows each."""
    specifiers = _read((requires_python or "").strip())
    return specifiers is None or specifiers.contains(version, prereleases=True)


def is_installable(stated: str) -> bool:
    """Whether pip and uv both install a wheel with this value.

    pip accepts any; uv corrects mistakes that were once common: `>=3.6.*`, and quotes around a version.
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
