"""Carries out operators' orders that concern the plan alone: at each poll of a session, and in the operator's command.

Each order is carried out once: its answer says what came of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from ..catalog import builders, controls
from ..catalog.controls import Control
from ..catalog.database import Catalog
from . import missing_packages


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


_BY_VERB: dict[str, Callable[[sqlite3.Connection, Control, float], None]] = {"forget": _forget}
