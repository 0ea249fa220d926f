"""The adjustments of an attempt, for people and programs: the fleet's own remedies, and the project's recipe."""

from __future__ import annotations

import json
from typing import Any

from ..contract.adjustments import Adjustments
from ..text import printable


def tried_with(remedies: str | None) -> tuple[dict[str, str], ...]:
    """What an attempt's `remedies` say: [{name, why, change}], `change` in words."""
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
    """The remedy that the next try has and this one had not; None where there is no such try."""
    if try_with is None:
        return None
    had = [entry["name"] for entry in tried_with(remedies)]
    new = [entry["name"] for entry in tried_with(try_with) if entry["name"] not in had]
    if new:
        return f"It was tried again with {', '.join(new)}."
    if len(tried_with(try_with)) < len(had):
        return "It was tried again without what had helped another release."
    return "It was tried again on a builder with more memory."
