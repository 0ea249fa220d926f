"""The search over all projects: its page, and the shards the page's script reads (search_shards)."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

from ..renderer import Renderer
from .search_shards import shards

PAGE = "search/index.html"


def pages(
    db: sqlite3.Connection, render: Renderer, changed: Collection[str] | None
) -> Iterator[tuple[str, bytes | None]]:
    """The search page, and the shards to be written, or removed (None), after the `page` rows of these names changed.

    With None, all there are: what else lies below `search/p/` is then a stray.
    """
    yield from shards(db, changed)
    (projects,) = db.execute("SELECT coalesce(sum(value), 0) FROM counter WHERE kind = 'page'").fetchone()
    yield PAGE, render.page(PAGE, "search.html.j2", projects=projects)
