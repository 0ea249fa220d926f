"""The adjustments of an attempt, for people and programs."""

from __future__ import annotations

import json
from typing import Any

from ..contract.adjustments import Adjustments
from ..text import printable


def tried_with(remedies: str | None) -> tuple[dict[str, str], ...]:
    """An attempt's `remedies` as [{name, why, change}], `change` in words."""
    entries: list[dict[str, Any]] = json.loads(remedies) if remedies else []
    return tuple(
        {
            "name": printable(entry["name"]),
            "why": printable(entry["why"]),
            "change": printable(Adjustments.from_data(entry["change"]).in_words()),
        }
        for entry in entries
    )


def goes_on_with(remedies: str | None, try_with: str | None) -> str | None:
    """The sentence on what the next try changed; None if there is no next try."""
    if try_with is None:
        return None
    had = [entry["name"] for entry in tried_with(remedies)]
    new = [entry["name"] for entry in tried_with(try_with) if entry["name"] not in had]
    if new:
        return f"It was tried again with {', '.join(new)}."
    if len(tried_with(try_with)) < len(had):
        return "It was tried again without what had helped another release."
    return "It was tried again on a builder with more memory."
