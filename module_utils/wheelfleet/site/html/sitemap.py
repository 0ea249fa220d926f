"""The sitemap for search engines (sitemaps.org, version 0.9): an index and shards.

A shard has the projects of a range of IDs. So a project that is added or removed rewrites one small file, and no other
project moves to another shard. Addresses are absolute, so there is no sitemap if the site's address is not known.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from urllib.parse import quote
from xml.sax.saxutils import escape

from ..renderer import Renderer

INDEX = "sitemap.xml"
#: The shard of the pages about many projects.
OVERVIEW = "sitemaps/site.xml"

#: IDs in a shard's range. The format allows 50,000 addresses; a smaller file costs less to rewrite.
SPAN = 2000

_OVERVIEW_PAGES = tuple(
    f"{folder}index.html" for folder in ("", "search/", "browse/", "failures/", "fleet/", "statistics/", "use/", "faq/")
)


def pages(
    db: sqlite3.Connection, render: Renderer, changed_names: Collection[str] | None
) -> Iterator[tuple[str, bytes | None]]:
    """The index and the shards of the projects with these names (None: all shards). None instead of bytes removes the
    file."""
    site = render.site.url
    if not site:
        return
    for shard in _shards_to_write(db, changed_names):
        rows = db.execute(
            "SELECT name FROM site_project WHERE project_id BETWEEN ? AND ? AND NOT packed ORDER BY name",
            (shard * SPAN, shard * SPAN + SPAN - 1),
        )
        paths = [f"project/{quote(row['name'])}/index.html" for row in rows]
        yield _path(shard), _sitemap("urlset", "url", site, paths) if paths else None
    yield OVERVIEW, _sitemap("urlset", "url", site, _OVERVIEW_PAGES)
    yield INDEX, _sitemap("sitemapindex", "sitemap", site, [OVERVIEW, *map(_path, _shards(db))])


def _shards(db: sqlite3.Connection) -> Iterator[int]:
    """The shards that have a project, found by one look-up in the index of IDs each."""
    start = 0
    while True:
        first = db.execute(
            "SELECT min(project_id) FROM site_project WHERE project_id >= ? AND NOT packed", (start,)
        ).fetchone()[0]
        if first is None:
            return
        yield first // SPAN
        start = (first // SPAN + 1) * SPAN


def _shards_to_write(db: sqlite3.Connection, changed_names: Collection[str] | None) -> list[int]:
    if changed_names is None:
        return list(_shards(db))
    # Not from `site_project`: a project that left the site has no row there.
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
