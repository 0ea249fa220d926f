"""What a builder says of itself when a run begins: made by the module on it, read by the planner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Report:
    #: What the host is (`probe.Facts`), how many builds it runs at once, and what it sandboxes them with.
    facts: dict[str, Any]
    #: One for each interpreter: `probe.Target` with the paths of its tools and of the interpreter.
    targets: list[dict[str, Any]]
    #: The distribution's packages that builds may use, by name; None where the host has no dpkg.
    packages: list[str] | None = None

    def as_data(self) -> dict[str, Any]:
        """As Ansible carries it. What is inside is not copied: Ansible's own containers refuse that in a filter."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Report:
        """What `as_data` gave, out of a module's result, which has more than that. Raises KeyError."""
        whole = {"facts": {}, "packages": None, **data}
        return cls(**{each.name: whole[each.name] for each in fields(cls)})
