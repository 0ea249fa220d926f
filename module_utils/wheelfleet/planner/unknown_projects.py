"""Projects of the inventory that upstream does not have, or not in the requested versions."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from ..catalog.projects import known_names
from ..nearest import nearest
from .scope import ScopeRule
from .unconsidered import Unconsidered


def unknown_projects(db: sqlite3.Connection, rules: Iterable[ScopeRule]) -> list[Unconsidered]:
    """The entries of `controller_packages` that upstream cannot satisfy; for unread ones see `unread_projects`."""
    found = []
    for rule in rules:
        project = db.execute("SELECT id, name, state FROM project WHERE name = ?", (rule.name,)).fetchone()
        if project is None:
            continue
        what = f"{rule.spelled or rule.name}{rule.specifier}"
        if project["state"] == "absent":
            near = nearest(rule.name, known_names(db, rule.name))
            meant = f"; do you mean {near}?" if near else "."
            sentence = f"Upstream knows no project of this name{meant}"
            cure = "Correct the name in controller_packages, or remove it."
            found.append(Unconsidered(what, "controller_packages", "unknown-project", sentence, cure))
        elif project["state"] == "deleted":
            cure = "Remove it from controller_packages."
            sentence = "Upstream has removed the project."
            found.append(Unconsidered(what, "controller_packages", "unknown-project", sentence, cure))
        elif project["state"] == "present" and (sentence := _no_release(db, project["id"], rule)):
            cure = "Correct the versions in controller_packages, or remove the entry."
            found.append(Unconsidered(what, "controller_packages", "no-release", sentence, cure))
    return found


def unread_projects(db: sqlite3.Connection, rules: Iterable[ScopeRule], doubted: Container[str]) -> list[Unconsidered]:
    """The entries of `controller_packages` whose page was never read, or whose absence is `doubted`."""
    found = []
    for rule in rules:
        project = db.execute("SELECT state, problem FROM project WHERE name = ?", (rule.name,)).fetchone()
        if project and project["problem"] and (project["state"] == "new" or rule.name in doubted):
            what = f"{rule.spelled or rule.name}{rule.specifier}"
            cure = "See that the upstream is what it should be; it is asked again by the next run."
            found.append(Unconsidered(what, "controller_packages", "unread", project["problem"], cure))
    return found


def _no_release(db: sqlite3.Connection, project_id: int, rule: ScopeRule) -> str:
    """The reason why no release of a project matches a wish; empty if one does."""
    rows = db.execute(
        """
        SELECT DISTINCT r.version FROM release r JOIN upstream_file f ON f.release_id = r.id WHERE r.project_id = ?
        """,
        (project_id,),
    )
    versions = [Version(row["version"]) for row in rows]
    if not versions:
        return "Upstream has no file of this project that can be installed or built from."
    asked = SpecifierSet(rule.specifier)
    if any(asked.contains(version, prereleases=True) for version in versions):
        return ""
    return f"Upstream has no release that matches {asked}; its newest is {max(versions)}."
