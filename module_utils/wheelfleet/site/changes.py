"""Whether anything that pages about many projects show has changed.

`project.pages_stale` says the same about one project's own pages. The others show more (trouble with upstream, events,
downloads), from many writers; asking every row each time would cost with the catalog and not with the change. So
triggers of the catalog count (catalog/schema.sql).
"""

from __future__ import annotations

import sqlite3


def count_changes(db: sqlite3.Connection) -> int:
    """A number that grows with every change such a page could show."""
    return int(db.execute("SELECT value FROM meta WHERE key = 'report_changes'").fetchone()["value"])
