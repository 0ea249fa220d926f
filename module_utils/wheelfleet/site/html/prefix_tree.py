"""Many names in small files: each prefix has a file, with all its names if they are few, else with what may follow.

Which files there are depends on the names alone, so a changed name touches only the few files along its letters.
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

#: Comes after every character of a normalised name (PEP 503: a to z, 0 to 9 and the dash).
_AFTER = "{"


class PrefixTree(ABC):
    """The files of the names in an indexed column; a prefix with more than `most` of them is split."""

    #: Table (and index), column, and a condition that ends in AND.
    source: tuple[str, str, str]

    def __init__(self, db: sqlite3.Connection, most: int) -> None:
        self.db = db
        self.most = most
        table, column, condition = self.source
        within = f"FROM {table} WHERE {condition} {column} >= ? AND {column} < ?"
        self._count = f"SELECT count(*) FROM (SELECT 1 {within} LIMIT ?)"
        self.first_name = f"SELECT {column} {within} ORDER BY {column} LIMIT 1"
        self.last_name = f"SELECT {column} {within} ORDER BY {column} DESC LIMIT 1"

    @abstractmethod
    def path(self, prefix: str) -> str:
        """The path of a prefix's file, below the site."""

    @abstractmethod
    def leaf(self, prefix: str) -> tuple[bytes | None, list[str]]:
        """The file with all names that have the prefix, None if there are none; and which of them are not changed."""

    @abstractmethod
    def branch(self, prefix: str, letters: str) -> bytes:
        """The file of a prefix that is split; `letters` may follow it."""

    def visit(self, prefix: str, touched: Sequence[str], full: bool) -> Iterator[tuple[str, bytes | None]]:
        """The file of a prefix, and those below it along `touched`, the names that may have been added or removed."""
        count = self._counted(prefix, self.most + len(touched) + 1)
        if count <= self.most:
            data, unchanged = self.leaf(prefix)
            yield self.path(prefix), data
            yield from self._removed(prefix, sorted([*unchanged, *touched]))
            return
        # If all names beyond the limit may be new, the file may not have been split before.
        full = full or count - len(touched) <= self.most
        letters = self._next_letters(prefix)
        below = dict(_by_next_letter(prefix, touched))
        for letter in sorted({*below, *letters} if full else below):
            yield from self.visit(prefix + letter, below.get(letter, ()), full)
        yield self.path(prefix), self.branch(prefix, letters)

    def is_split(self, prefix: str) -> bool:
        """Whether more names have the prefix than a file takes."""
        return self._counted(prefix, self.most + 1) > self.most

    def _counted(self, prefix: str, most: int) -> int:
        (count,) = self.db.execute(self._count, (*span(prefix), most)).fetchone()
        return int(count)

    def _removed(self, prefix: str, former: Sequence[str]) -> Iterator[tuple[str, None]]:
        """The files that may exist below a prefix that is no longer split; it had at most the former names."""
        if len(former) > self.most:
            for letter, group in _by_next_letter(prefix, former):
                yield self.path(prefix + letter), None
                yield from self._removed(prefix + letter, group)

    def _next_letters(self, prefix: str) -> str:
        """The characters that follow the prefix in names, in order; each costs one look-up in the index."""
        letters = ""
        after, end = f"{prefix}-", prefix + _AFTER
        while row := self.db.execute(self.first_name, (after, end)).fetchone():
            letters += row[0][len(prefix)]
            after = prefix + chr(ord(letters[-1]) + 1)
        return letters


def span(prefix: str) -> tuple[str, str]:
    """The first name that may have the prefix, and the first after all of them."""
    return prefix, prefix + _AFTER


def _by_next_letter(prefix: str, ordered: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """The names longer than the prefix, by the character that follows it."""
    longer = (name for name in ordered if len(name) > len(prefix))
    return ((letter, list(group)) for letter, group in groupby(longer, key=lambda name: name[len(prefix)]))
