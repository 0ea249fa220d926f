"""The scope and policy of the run at work, kept in the catalog for builders that join later."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..catalog import projects
from ..catalog.meta import get_meta, set_meta
from .requirements_files import RequirementsFile
from .scope import Policy, Scope


@dataclass(frozen=True)
class PlanInputs:
    """The variables of scope and policy; see the options of M(wheelfleet_delta)."""

    packages: Sequence[Any]
    requirements: Sequence[RequirementsFile]
    everything: bool
    newest: str
    policy: Mapping[str, Any]

    def scope(self) -> Scope:
        """The scope. Raises BadScope."""
        return Scope.from_data(self.packages, self.requirements, self.everything, self.newest)

    def as_policy(self) -> Policy:
        """The policy. Raises BadScope."""
        return Policy.from_data(self.policy)

    def remember(self, db: sqlite3.Connection) -> None:
        """Keep them in the catalog, and mark projects as stale whose skip entries changed."""
        data = json.dumps(asdict(self))
        if get_meta(db, "plan") == data:
            return
        before = PlanInputs.remembered(db)
        set_meta(db, "plan", data)
        # Skipped releases leave the index even if they are out of scope (site/listing).
        was = set(before.as_policy().skip) if before else set()
        names = {skip.name for skip in was ^ set(self.as_policy().skip)}
        # A project that is named has a page of its own (site/html/packed.py).
        was_named = {rule.name for rule in before.scope().rules} if before else set()
        names |= was_named ^ {rule.name for rule in self.scope().rules}
        for name in names:
            projects.mark_stale(db, name)

    @classmethod
    def remembered(cls, db: sqlite3.Connection) -> PlanInputs | None:
        """The inputs of the last run that was planned; None before the first one."""
        text = get_meta(db, "plan")
        if text is None:
            return None
        data = json.loads(text)
        return cls(**{**data, "requirements": [RequirementsFile.from_data(file) for file in data["requirements"]]})
