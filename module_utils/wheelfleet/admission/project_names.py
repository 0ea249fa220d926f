"""What a result tells of the sdist's own names, believed only in shape and bounds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..contract.bounds import MOST_SDIST_NAMES

_BACKEND = re.compile(r"[\w.:-]{1,200}")
_MODULE = re.compile(r"\w{1,100}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")


@dataclass(frozen=True)
class Project:
    """What the sdist says of itself (contract/result.py); empty of a builder that does not tell."""

    backend: str | None = None
    modules: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Project:
        """Out of a result, in whatever form that is."""
        value = document.get("project")
        if not isinstance(value, dict):
            return cls()
        backend = value.get("backend")
        return cls(
            backend=backend if isinstance(backend, str) and _BACKEND.fullmatch(backend) else None,
            modules=frozenset(_words(value.get("modules"), _MODULE)),
            declared=frozenset(_words(value.get("declared"), _PROJECT)),
        )


def _words(value: Any, form: re.Pattern[str]) -> list[str]:
    words = value[:MOST_SDIST_NAMES] if isinstance(value, list) else []
    return [word for word in words if isinstance(word, str) and form.fullmatch(word)]
