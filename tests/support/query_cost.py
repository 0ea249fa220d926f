"""The cost of a database query, counted instead of timed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any


def steps(db: sqlite3.Connection, ask: Callable[[], Any]) -> int:
    """The number of instructions of SQLite's virtual machine that `ask` takes, in steps of ten."""
    counted = 0

    def count() -> None:
        nonlocal counted
        counted += 10

    db.set_progress_handler(count, 10)
    try:
        ask()
    finally:
        db.set_progress_handler(None, 0)
    return counted
