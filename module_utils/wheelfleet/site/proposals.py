"""The apt packages that would unblock builds, ranked by projects, for the report, the pages and the end of a run."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..apt_packages import Cost
from ..catalog.counters import totals
from ..text import printable

#: Packages proposed, at most.
MOST_PROPOSED = 50
#: Projects named with each.
EXAMPLES = 5


@dataclass(frozen=True)
class Proposal:
    """A package to install. `lookups` counts clients' requests for the projects it would unblock; `examples` are those
    requested most, each with its display name. `installs` are the packages and `bytes` the room on the disk that it
    would take, with what it needs, where it takes most; None if no builder computed it."""

    package: str
    projects: int
    builds: int
    lookups: int
    examples: Mapping[str, str] = field(default_factory=dict)
    installs: int | None = None
    bytes: int | None = None

    @property
    def cost(self) -> str:
        """The cost in words; empty if it is not known."""
        if self.installs is None or self.bytes is None:
            return ""
        return str(Cost(self.installs, self.bytes))

    @property
    def sentence(self) -> str:
        """The proposal in words, with its benefit."""
        projects = "1 project" if self.projects == 1 else f"{self.projects:,} projects"
        requests = "" if not self.lookups else f", asked for {self.lookups:,} time{'' if self.lookups == 1 else 's'}"
        cost = f"; {self.cost}" if self.cost else ""
        return f"install {self.package} (would unblock {projects}{requests}{cost})"

    def as_data(self) -> dict[str, Any]:
        """The proposal for programs."""
        return {**asdict(self), "examples": list(self.examples)}


def proposals(db: sqlite3.Connection, most: int = MOST_PROPOSED) -> list[Proposal]:
    """The proposals, at most `most`: those that would unblock most projects first, then those requested most."""
    builds, lookups = totals(db, "package-builds"), totals(db, "package-lookups")
    ranked = sorted(
        (
            Proposal(package, projects, builds.get(package, 0), lookups.get(package, 0))
            for package, projects in totals(db, "package-projects").items()
            if projects > 0
        ),
        key=lambda each: (-each.projects, -each.lookups, -each.builds, each.package),
    )
    return [_with_facts(db, each) for each in ranked[:most]]


def _with_facts(db: sqlite3.Connection, proposal: Proposal) -> Proposal:
    """The proposal with examples and with the packages and bytes that it adds where it adds most."""
    row = db.execute(
        """
        SELECT json_extract(cost, '$.packages') AS installs, json_extract(cost, '$.bytes') AS bytes FROM provider
        WHERE cost IS NOT NULL AND json_extract(packages, '$[0]') = ? ORDER BY bytes DESC, installs DESC LIMIT 1
        """,
        (proposal.package,),
    ).fetchone()
    proposal = replace(proposal, examples=_examples(db, proposal.package))
    return replace(proposal, installs=row["installs"], bytes=row["bytes"]) if row else proposal


def inventory_line(proposed: Sequence[Proposal]) -> str:
    """The inventory's line that installs all of them; it replaces a line of the same name."""
    return f"builder_apt_extra_packages: [{', '.join(each.package for each in proposed)}]"


def _examples(db: sqlite3.Connection, package: str) -> dict[str, str]:
    rows = db.execute(
        """
        SELECT p.name, p.display_name FROM blocked_by_package u JOIN project p ON p.id = u.project_id
        WHERE u.package = ? ORDER BY u.lookups DESC, u.project_id LIMIT ?
        """,
        (package, EXAMPLES),
    )
    return {row["name"]: printable(row["display_name"]) for row in rows}
