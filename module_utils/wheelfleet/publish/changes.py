"""Whether anything the report shows has changed.

`project.pages_stale` says the same about the pages pip reads. The report shows far more (verdicts, failures, trouble
with upstream), from many writers; asking every row each time would cost with the catalog and not with the change. So
triggers of the catalog count (catalog/migrations.py).
"""

from __future__ import annotations

import sqlite3


def count_changes(db: sqlite3.Connection) -> int:
    """A number that grows with every change the report could show."""
    return int(db.execute("SELECT value FROM meta WHERE key = 'report_changes'").fetchone()["value"])
