"""Counts the changes that pages about many projects could show.

`project.pages_stale` marks one project's own pages. Pages about many projects show more (trouble with upstream, events,
downloads), from many writers. Reading every row each time would cost with the catalog and not with the change, so
triggers count (catalog/schema.sql).
"""

from __future__ import annotations

import sqlite3


def count_changes(db: sqlite3.Connection) -> int:
    """A number that grows with every change that a page about many projects could show."""
    return int(db.execute("SELECT value FROM meta WHERE key = 'report_changes'").fetchone()["value"])
