"""The search over all projects: its page, and the shards that the page's script reads (search_shards.py)."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

from ..renderer import Renderer
from .search_shards import shards

PAGE = "search/index.html"


def pages(
    db: sqlite3.Connection, render: Renderer, changed: Collection[str] | None
) -> Iterator[tuple[str, bytes | None]]:
    """The search page, and the shards to write or remove (None) after the `site_project` rows of these names changed.

    With None, all shards: other files below `search/p/` are then strays.
    """
    yield from shards(db, changed)
    (projects,) = db.execute("SELECT coalesce(sum(value), 0) FROM counter WHERE kind = 'page'").fetchone()
    yield PAGE, render.page(PAGE, "search.html.j2", projects=projects)
