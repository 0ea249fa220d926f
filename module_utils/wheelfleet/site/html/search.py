"""The search over all projects: its page, and the shards that the page's script reads (search_shards.py)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator

from ..renderer import Renderer, as_json
from .search_shards import COLUMNS, STATUS_ORDER, ShardProject, row_of, shards

PAGE = "search/index.html"
#: The projects that are found by any part of their names; their order ranks results.
POPULAR = "search/popular.json"
MOST_POPULAR = 400

_INSTALLED_MOST = f"""
    SELECT {COLUMNS} FROM (
        SELECT name, downloads FROM use_total WHERE downloads > 0 ORDER BY downloads DESC, name LIMIT :most
    ) used CROSS JOIN site_project p ON p.name = used.name
    ORDER BY used.downloads DESC, used.name
"""
_LISTED = f"SELECT {COLUMNS} FROM site_project p WHERE p.listed ORDER BY p.name LIMIT :most"


def pages(
    db: sqlite3.Connection, render: Renderer, changed: Collection[str] | None
) -> Iterator[tuple[str, bytes | None]]:
    """The search page, and the shards to write or remove (None) after the `site_project` rows of these names changed.

    With None, all shards: other files below `search/p/` are then strays.
    """
    yield from shards(db, changed)
    yield POPULAR, as_json({"rows": [row_of(project) for project in _popular(db)]})
    (projects,) = db.execute("SELECT coalesce(sum(value), 0) FROM counter WHERE kind = 'page'").fetchone()
    yield PAGE, render.page(PAGE, "search.html.j2", projects=projects, statuses=status_words(render))


def _popular(db: sqlite3.Connection, most: int = MOST_POPULAR) -> list[ShardProject]:
    """The projects installed most, the most popular first, then others that are listed; at most `most`."""
    found = {
        ShardProject(*row): None
        for question in (_INSTALLED_MOST, _LISTED)
        for row in db.execute(question, {"most": most})
    }
    return list(found)[:most]


def status_words(render: Renderer) -> str:
    """The statuses with their titles by the letter that a shard has for them, in its order, as JSON for scripts."""
    return json.dumps({status[0]: (status, render.states[status].title) for status in STATUS_ORDER})
