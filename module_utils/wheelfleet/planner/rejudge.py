"""Judge one project again in the middle of a run, by what the run was asked for: a build told something new of it."""

from __future__ import annotations

import sqlite3

from ..catalog import projects
from .builders import offered_targets
from .inputs import PlanInputs
from .requirements_files import pinned_wishes
from .scope import Wish
from .verdicts import judge_project, wishes_by_name


def judge_again(db: sqlite3.Connection, project_id: int, now: float) -> None:
    """Let verdicts and queue follow in the caller's transaction; by the next planning where no run is remembered."""
    inputs = PlanInputs.remembered(db)
    if inputs is None:
        projects.rejudge(db, project_id)
        return
    scope, targets = inputs.scope(), offered_targets(db)
    project = db.execute("SELECT name, in_scope FROM project WHERE id = ?", (project_id,)).fetchone()
    wishes: list[Wish] = []
    if project["in_scope"]:
        named = wishes_by_name([*scope.wishes, *pinned_wishes(db, scope.requirements, targets)])
        wishes = [*named.get(project["name"], []), *scope.everything_wishes]
    judge_project(db, project_id, wishes, targets, inputs.as_policy(), now)
