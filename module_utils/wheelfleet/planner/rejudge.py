"""Judges one project again during a run, by the run's scope and policy, because a build found something new."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ..catalog import projects
from ..catalog.database import Catalog
from .builders import offered_targets
from .inputs import PlanInputs
from .requirements_files import pinned_rules
from .scope import ScopeRule
from .verdicts import judge_project, rules_by_name


def judge_changed(catalog: Catalog, names: Iterable[str], now: float) -> None:
    """Update verdicts and queue of those projects whose verdicts an operator's order made out of date."""
    for name in names:
        with catalog.writing() as db:
            row = db.execute("SELECT id FROM project WHERE name = ? AND NOT judged", (name,)).fetchone()
            if row is not None:
                judge_again(db, row["id"], now)


def judge_again(db: sqlite3.Connection, project_id: int, now: float) -> None:
    """Update verdicts and queue of a project in the caller's transaction.

    If the catalog has no inputs of a run, the project is marked for the next planning instead.
    """
    inputs = PlanInputs.remembered(db)
    if inputs is None:
        projects.rejudge(db, project_id)
        return
    scope, targets = inputs.scope(), offered_targets(db)
    project = db.execute("SELECT name, in_scope FROM project WHERE id = ?", (project_id,)).fetchone()
    rules: list[ScopeRule] = []
    if project["in_scope"]:
        named = rules_by_name([*scope.rules, *pinned_rules(db, scope.requirements, targets)])
        rules = [*named.get(project["name"], []), *scope.everything_rules]
    judge_project(db, project_id, rules, targets, inputs.as_policy(), now)
