"""The files of the search: the words of all projects' names, split into small files by prefix.

A file, called a shard, belongs to one prefix. If few words have the prefix, it has all their projects. Otherwise it
lists the characters that may follow, each with a shard of its own, and has only the best projects. A browser walks from
the empty prefix along the letters typed, and no file is large. Shards depend only on rows of `site_project` and
`search_word`: a change touches only the shards along its words.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from ...text import printable
from ..published_rows import words
from ..renderer import as_json
from .prefix_tree import PrefixTree, span

#: Words in a shard that is not split, at most: with their summaries, about 40 kB compressed.
MOST_WORDS = 1000
#: Projects in a shard that is split: as many as the page shows.
MOST_BEST = 50
#: Characters of a summary.
MOST_SUMMARY = 80

#: The statuses in `site_project`, best first; a row has the first letter.
STATUS_ORDER = ("built", "upstream", "waiting", "failed", "trouble", "skipped", "passed", "not-found")
_RANK = {status: rank for rank, status in enumerate(STATUS_ORDER)}

#: The columns of a ShardProject.
COLUMNS = "p.name, p.display_name, p.summary, p.status, p.packed"
_WORDS = f"""
    SELECT w.word, {COLUMNS} FROM search_word w CROSS JOIN site_project p ON p.project_id = w.project_id
    WHERE w.word >= ? AND w.word < ? ORDER BY w.word, w.project_id LIMIT ?
"""
_NAMED = f"SELECT {COLUMNS} FROM site_project p WHERE p.name = ?"
_SHORTEST = f"""
    SELECT {COLUMNS} FROM site_project p
    WHERE p.status = ? AND length(p.name) = ? AND p.name >= ? AND p.name < ? ORDER BY p.name LIMIT ?
"""
_LONGEST = "SELECT max(length(name)) FROM site_project WHERE status = ?"


class ShardProject(NamedTuple):
    """What the search knows of a project."""

    name: str
    display_name: str
    summary: str
    status: str
    packed: int = 0


def shard_path(prefix: str) -> str:
    """The path of a prefix's shard, below the site.

    The `_` is there because Windows reserves names like `con` and `nul`.
    """
    folder = f"{prefix[:2]}/" if prefix else ""
    return f"search/p/{folder}{prefix}_.json"


def shards(
    db: sqlite3.Connection,
    changed: Collection[str] | None,
    *,
    most_words: int = MOST_WORDS,
    most_best: int = MOST_BEST,
) -> Iterator[tuple[str, bytes | None]]:
    """The shards that may change with the `site_project` rows of these names; None: all shards.

    Yields paths below the site with the new bytes, or None to remove the file. A shard comes after those that it leads
    to. A changed name costs only the few shards along its words.
    """
    if changed is None:
        yield from _Shards(db, (), most_words, most_best).visit("", (), full=True)
    elif changed:
        touched = sorted(word for name in changed for word in words(name))
        yield from _Shards(db, changed, most_words, most_best).visit("", touched, full=False)


class _Shards(PrefixTree):
    source = "search_word", "word", ""

    def __init__(self, db: sqlite3.Connection, changed: Collection[str], most_words: int, most_best: int) -> None:
        super().__init__(db, most_words)
        self.changed = frozenset(changed)
        self.most_best = most_best
        self._longest: dict[str, int] = {}

    def path(self, prefix: str) -> str:
        """See shard_path."""
        return shard_path(prefix)

    def leaf(self, prefix: str) -> tuple[bytes | None, list[str]]:
        """All projects with such a word."""
        rows = self.db.execute(_WORDS, (*span(prefix), self.most)).fetchall()
        projects = {ShardProject(*row[1:]) for row in map(tuple, rows)}
        data = _shard(projects) if projects or not prefix else None
        return data, [row[0] for row in rows if row[1] not in self.changed]

    def branch(self, prefix: str, letters: str) -> bytes:
        """The best projects, and the characters that follow."""
        return _shard(self._best(prefix), letters)

    def _best(self, prefix: str) -> set[ShardProject]:
        """The project with the prefix as its name, and the best whose names begin with it; if they are few, others too.

        By status, then by length, so that each query is one look-up in the index, however many names have the prefix.
        """
        best: set[ShardProject] = {ShardProject(*row) for row in self.db.execute(_NAMED, (prefix,))}
        for status in STATUS_ORDER:
            for length in range(len(prefix), self._longest_name(status) + 1):
                missing = self.most_best - len(best)
                if missing <= 0:
                    return best
                best.update(
                    ShardProject(*row) for row in self.db.execute(_SHORTEST, (status, length, *span(prefix), missing))
                )
        for row in self.db.execute(_WORDS, (*span(prefix), self.most)):
            if len(best) >= self.most_best:
                break
            best.add(ShardProject(*tuple(row)[1:]))
        return best

    def _longest_name(self, status: str) -> int:
        if status not in self._longest:
            (length,) = self.db.execute(_LONGEST, (status,)).fetchone()
            self._longest[status] = length or 0
        return self._longest[status]


def _shard(projects: Iterable[ShardProject], letters: str | None = None) -> bytes:
    """A shard's bytes: `rows`, the best first, and in a split shard `next`, the characters that follow."""
    ordered = sorted(projects, key=lambda project: (_RANK[project.status], len(project.name), project.name))
    data: dict[str, object] = {} if letters is None else {"next": letters}
    data["rows"] = [row_of(project) for project in ordered]
    return as_json(data)


def row_of(project: ShardProject) -> list[str]:
    """Name, the status's first letter, summary, and the name in its author's spelling; empty values at the end are left
    out. A capital letter means that the project has no page of its own."""
    name = project.name
    short = " ".join(printable(project.summary).split())
    if len(short) > MOST_SUMMARY:
        short = f"{short[: MOST_SUMMARY - 1].rstrip()}…"
    letter = project.status[0]
    row = [
        name,
        letter.upper() if project.packed else letter,
        short,
        "" if project.display_name == name else printable(project.display_name),
    ]
    while not row[-1]:
        row.pop()
    return row
