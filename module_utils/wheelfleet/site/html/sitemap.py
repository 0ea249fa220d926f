"""The sitemap, for search engines: an index, and shards of which a publication rewrites the few that changed.

A shard holds the projects of a range of ids. So one that comes or goes rewrites one small file, and no other project
moves to another shard. The form is that of sitemaps.org, version 0.9: addresses are absolute, hence there is none
where the operator has not said what the site's own is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import quote
from xml.sax.saxutils import escape

from ..renderer import Renderer

INDEX = "sitemap.xml"
#: The pages that are no project's.
OVERVIEW = "sitemaps/site.xml"

#: Ids a shard spans. The form allows 50,000 addresses; fewer are less to rewrite.
SPAN = 2000

_OVERVIEW_PAGES = tuple(
    f"{folder}index.html" for folder in ("", "search/", "failures/", "fleet/", "statistics/", "use/", "faq/")
)


def pages(
    db: sqlite3.Connection, render: Renderer, changed_names: Collection[str] | None
) -> Iterator[tuple[str, bytes | None]]:
    """The index, and each shard that one of these names is in (None: all shards). For None instead of bytes the file
    has to go."""
    site = render.site.url
    if not site:
        return
    for shard in _shards_to_write(db, changed_names):
        rows = db.execute(
            "SELECT name FROM site_project WHERE project_id BETWEEN ? AND ? ORDER BY name",
            (shard * SPAN, shard * SPAN + SPAN - 1),
        )
        paths = [f"project/{quote(row['name'])}/index.html" for row in rows]
        yield _path(shard), _sitemap("urlset", "url", site, paths) if paths else None
    yield OVERVIEW, _sitemap("urlset", "url", site, _OVERVIEW_PAGES)
    yield INDEX, _sitemap("sitemapindex", "sitemap", site, [OVERVIEW, *map(_path, _shards(db))])


def _shards(db: sqlite3.Connection) -> Iterator[int]:
    """The shards that hold a project, found by steps through the index of ids."""
    start = 0
    while True:
        first = db.execute("SELECT min(project_id) FROM site_project WHERE project_id >= ?", (start,)).fetchone()[0]
        if first is None:
            return
        yield first // SPAN
        start = (first // SPAN + 1) * SPAN


def _shards_to_write(db: sqlite3.Connection, changed_names: Collection[str] | None) -> list[int]:
    if changed_names is None:
        return list(_shards(db))
    # Not from `page`: who left it is there no more.
    ids = (db.execute("SELECT id FROM project WHERE name = ?", (name,)).fetchone() for name in changed_names)
    return sorted({row[0] // SPAN for row in ids if row})


def _path(shard: int) -> str:
    return f"sitemaps/{shard}.xml"


def _sitemap(outer: str, inner: str, site: str, paths: Iterable[str]) -> bytes:
    base = escape(site)
    lines = [f"<{inner}><loc>{base}/{path}</loc></{inner}>\n" for path in paths]
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<{outer} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        f"{''.join(lines)}</{outer}>\n"
    ).encode()
