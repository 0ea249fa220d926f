"""The search over all projects: its page, and the shards that the page's script reads (search_shards.py)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator

from ..renderer import Renderer
from .search_shards import STATUS_ORDER, shards

PAGE = "search/index.html"


def pages(
    db: sqlite3.Connection, render: Renderer, changed: Collection[str] | None
) -> Iterator[tuple[str, bytes | None]]:
    """The search page, and the shards to write or remove (None) after the `site_project` rows of these names changed.

    With None, all shards: other files below `search/p/` are then strays.
    """
    yield from shards(db, changed)
    (projects,) = db.execute("SELECT coalesce(sum(value), 0) FROM counter WHERE kind = 'page'").fetchone()
    yield PAGE, render.page(PAGE, "search.html.j2", projects=projects, statuses=status_words(render))


def status_words(render: Renderer) -> str:
    """The statuses with their titles by the letter that a shard has for them, in its order, as JSON for scripts."""
    return json.dumps({status[0]: (status, render.states[status].title) for status in STATUS_ORDER})
