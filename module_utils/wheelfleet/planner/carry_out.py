"""Carries out operators' orders that concern the plan alone: at each poll of a session, and in the operator's command.

Each order is carried out once: its answer says what came of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from ..catalog import attempts, builders, controls, release_targets
from ..catalog.controls import Control
from ..catalog.database import Catalog
from ..control import builds
from . import missing_packages
from .inputs import PlanInputs
from .rejudge import judge_again


def carry_out(catalog: Catalog, now: float) -> None:
    """Carry out what is new. Without news it is a look into an index."""
    if not controls.unanswered(catalog.db, tuple(_BY_VERB)):
        return
    with catalog.writing() as db:
        for control in controls.unanswered(db, tuple(_BY_VERB)):
            _BY_VERB[control.verb](db, control, now)


def _forget(db: sqlite3.Connection, control: Control, now: float) -> None:
    host = control.subject
    row = db.execute(
        """
        SELECT seen_at, (SELECT count(*) FROM attempt a WHERE a.host = b.host AND a.state = 'open') AS held
        FROM builder b WHERE host = ?
        """,
        (host,),
    ).fetchone()
    if row is not None and (row["held"] or row["seen_at"] > control.at):
        controls.end(db, [control.id], now, "It is kept, because it took part in a run meanwhile.")
        return
    builders.forget(db, host)
    missing_packages.forget_host(db, host)
    controls.end(db, [control.id], now, "It is forgotten.")


def _judge(db: sqlite3.Connection, control: Control, now: float) -> None:
    """Give the project the verdicts that follow from what is skipped now."""
    name = builds.releases_of(control.subject).name
    row = db.execute("SELECT id FROM project WHERE name = ?", (name,)).fetchone()
    if row is not None:
        judge_again(db, row["id"], now)
    if control.verb == "skip":
        controls.answer(db, control.id, "It is not built.")
    else:
        controls.end(db, [control.id], now, "It is built again where it is needed.")


def _first(db: sqlite3.Connection, control: Control, now: float) -> None:
    """Put first what is queued, and what failed or was stopped, which is tried again.

    `control.orders.firsts` has the order until nothing of it is left.
    """
    failed = builds.failed_attempts(db, builds.releases_of(control.subject), control.target)
    inputs = PlanInputs.remembered(db)
    if failed and inputs is not None:
        attempts.requeue(db, failed, inputs.as_policy().max_attempts)
    release_targets.put_first(db, builds.keys(db, control), now)
    controls.answer(db, control.id, "It is next.")


_BY_VERB: dict[str, Callable[[sqlite3.Connection, Control, float], None]] = {
    "forget": _forget,
    "skip": _judge,
    "unskip": _judge,
    "first": _first,
}
