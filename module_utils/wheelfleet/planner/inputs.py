"""What a run was asked for, kept for builders that join while it is at work: the inventory's scope and policy."""

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
    """The scope's and the policy's variables; see the options of M(wheelfleet_delta)."""

    packages: Sequence[Any]
    requirements: Sequence[RequirementsFile]
    everything: bool
    newest: str
    policy: Mapping[str, Any]

    def scope(self) -> Scope:
        """Raises BadScope."""
        return Scope.from_data(self.packages, self.requirements, self.everything, self.newest)

    def as_policy(self) -> Policy:
        """Raises BadScope."""
        return Policy.from_data(self.policy)

    def remember(self, db: sqlite3.Connection) -> None:
        """Keep them in the catalog."""
        data = json.dumps(asdict(self))
        if get_meta(db, "plan") == data:
            return
        before = PlanInputs.remembered(db)
        set_meta(db, "plan", data)
        # Skipping takes off the index what was published (site/listing.py), also of releases nobody asks for now.
        was = set(before.as_policy().skip) if before else set()
        for name in {skip.name for skip in was ^ set(self.as_policy().skip)}:
            projects.mark_stale(db, name)

    @classmethod
    def remembered(cls, db: sqlite3.Connection) -> PlanInputs | None:
        """Those of the run at work; None before the first one."""
        text = get_meta(db, "plan")
        if text is None:
            return None
        data = json.loads(text)
        return cls(**{**data, "requirements": [RequirementsFile.from_data(file) for file in data["requirements"]]})
