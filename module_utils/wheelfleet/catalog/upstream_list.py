"""The table `upstream_list`: the parts of upstream's list of all projects, by their digests. Every write to it stands
here, in the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence


def known_parts(db: sqlite3.Connection) -> frozenset[int]:
    """The digests of the parts that were read."""
    return frozenset(row["digest"] for row in db.execute("SELECT digest FROM upstream_list"))


def names_in(db: sqlite3.Connection, digests: Iterable[int]) -> set[str]:
    """The projects in these parts."""
    names: set[str] = set()
    for digest in digests:
        row = db.execute("SELECT names FROM upstream_list WHERE digest = ?", (digest,)).fetchone()
        names.update(row["names"].splitlines() if row else ())
    return names


def put_parts(db: sqlite3.Connection, parts: Mapping[int, Sequence[str] | None], gone: Iterable[int]) -> None:
    """Record the parts that have names, and forget those that are gone."""
    db.executemany("DELETE FROM upstream_list WHERE digest = ?", ((digest,) for digest in gone))
    db.executemany(
        "INSERT OR REPLACE INTO upstream_list (digest, names) VALUES (?, ?)",
        ((digest, "\n".join(names)) for digest, names in parts.items() if names is not None),
    )


def forget(db: sqlite3.Connection) -> None:
    """Forget all parts, so that the whole list is read next time."""
    db.execute("DELETE FROM upstream_list")
