"""All projects with wheels from A to Z, on pages split by how names begin, so that each stays small."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from itertools import takewhile
from typing import NamedTuple

from ...text import printable
from ..renderer import Renderer
from .prefix_tree import PrefixTree, span
from .search_shards import MOST_SUMMARY

#: Projects on a page: with their summaries, about 8 kB compressed.
MOST_PROJECTS = 150

_LISTED = """
    SELECT name, display_name, summary FROM site_project INDEXED BY site_project_listed
    WHERE listed AND name >= ? AND name < ? ORDER BY name LIMIT ?
"""


class Part(NamedTuple):
    """A link to the names that begin so; the first and the last of them."""

    begins: str
    path: str
    first: str
    last: str


class Listed(NamedTuple):
    """A project with wheels: its normalised name, then the author's spelling and summary."""

    name: str
    display_name: str
    summary: str


def pages(
    db: sqlite3.Connection, render: Renderer, changed: Collection[str] | None, most: int = MOST_PROJECTS
) -> Iterator[tuple[str, bytes | None]]:
    """The pages that may change with the `site_project` rows of these names; None: all. None instead of bytes removes
    the page."""
    tree = _Pages(db, render, changed or (), most)
    if changed is None:
        yield from tree.visit("", (), full=True)
    elif changed:
        yield from tree.visit("", sorted(changed), full=False)


class _Pages(PrefixTree):
    source = "site_project INDEXED BY site_project_listed", "name", "listed AND"

    def __init__(self, db: sqlite3.Connection, render: Renderer, changed: Collection[str], most: int) -> None:
        super().__init__(db, most)
        self.render = render
        self.changed = frozenset(changed)

    def path(self, prefix: str) -> str:
        """`browse/nu/num_.html`; the `_` is there because Windows reserves names like `con`."""
        return f"browse/{prefix[:2]}/{prefix}_.html" if prefix else "browse/index.html"

    def leaf(self, prefix: str) -> tuple[bytes | None, list[str]]:
        """The page with all projects of the prefix."""
        rows = self._projects(*span(prefix))
        page = self._page(prefix, rows, []) if rows or not prefix else None
        return page, [row.name for row in rows if row.name not in self.changed]

    def branch(self, prefix: str, letters: str) -> bytes:
        """The page with links to the pages of longer prefixes, and the project whose name is the prefix."""
        exact = self._projects(prefix, f"{prefix}-") if prefix else []
        return self._page(prefix, exact, [self._part(prefix + letter) for letter in letters])

    def _part(self, prefix: str) -> Part:
        first, last = (
            self.db.execute(question, span(prefix)).fetchone()[0] for question in (self.first_name, self.last_name)
        )
        # Letters that all of the names share are one step.
        if self.is_split(prefix):
            prefix = _shared(first, last)
        return Part(prefix, self.path(prefix), first, last)

    def _projects(self, start: str, end: str) -> list[Listed]:
        rows = self.db.execute(_LISTED, (start, end, self.most))
        return [
            Listed(row["name"], printable(row["display_name"]), printable(row["summary"])[:MOST_SUMMARY])
            for row in rows
        ]

    def _page(self, prefix: str, projects: list[Listed], parts: list[Part]) -> bytes:
        path = self.path(prefix)
        return self.render.page(path, "browse.html.j2", prefix=prefix, projects=projects, beginnings=parts)


def _shared(one: str, other: str) -> str:
    """The letters with which both begin."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return "".join(letter for letter, _ in same)
