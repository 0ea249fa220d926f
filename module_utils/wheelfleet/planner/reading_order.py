"""The order in which pages of upstream are requested: what people wait for first, and never more in memory than needed.

First come projects that installers asked for, most asked first, then those that the operator names, then known projects
that changed, then all others, the newest changes first. Projects whose last request failed come last, so that they hold
up nobody. The order is drawn up once, as a temporary table of numbers.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator

#: Rows read from the catalog at once.
PORTION = 500


class ReadingOrder:
    """The projects to request, in order. `ids` has those that were requested and not answered for good.

    Use it in a `with` statement; one at a time for each connection.
    """

    def __init__(self, db: sqlite3.Connection, condition: str, named: Iterable[str], now: float) -> None:
        """`condition` is SQL about `project`, in which the table `named` has the given names."""
        self.db = db
        self.condition = condition
        self.named = json.dumps(sorted(set(named)))
        self.now = now
        self.ids: dict[str, int] = {}
        #: How many projects are to be requested, and how many were.
        self.total = self.taken = 0
        #: How many of the requested ones upstream had.
        self.known = 0

    def __enter__(self) -> ReadingOrder:
        self.db.execute("DROP TABLE IF EXISTS temp.to_read")
        self.db.execute("CREATE TEMP TABLE to_read (place INTEGER PRIMARY KEY, project_id INTEGER NOT NULL)")
        self.total = self.db.execute(
            f"""
            INSERT INTO to_read (project_id)
            WITH named (name) AS (SELECT value FROM json_each(:named))
            SELECT id FROM project LEFT JOIN use_total u USING (name)
            WHERE {self.condition} AND (retry_at IS NULL OR retry_at <= :now)
            ORDER BY problem IS NOT NULL, coalesce(u.lookups, 0) DESC, name IN (SELECT name FROM named) DESC,
                state = 'new', want_serial DESC, id
            """,
            {"named": self.named, "now": self.now},
        ).rowcount
        return self

    def __exit__(self, *_: object) -> None:
        self.db.execute("DROP TABLE temp.to_read")

    def rows(self, until: float | None) -> Iterator[sqlite3.Row]:
        """The projects, until a time of `time.monotonic`; at least one portion."""
        while self.taken < self.total and (not self.taken or until is None or time.monotonic() < until):
            portion = self.db.execute(
                """
                SELECT p.id, p.name, p.state, p.etag, p.last_modified, p.want_serial, p.have_serial, p.page_digest
                FROM to_read o JOIN project p ON p.id = o.project_id WHERE o.place BETWEEN ? AND ? ORDER BY o.place
                """,
                (self.taken + 1, self.taken + PORTION),
            ).fetchall()
            if not portion:
                return
            for row in portion:
                self.taken += 1
                self.known += row["state"] == "present"
                self.ids[row["name"]] = row["id"]
                yield row

    def present(self, names: Iterable[str]) -> set[str]:
        """Those of the names, which were requested, that upstream had until now."""
        found = set()
        for name in names:
            (state,) = self.db.execute("SELECT state FROM project WHERE id = ?", (self.ids[name],)).fetchone()
            if state == "present":
                found.add(name)
        return found
