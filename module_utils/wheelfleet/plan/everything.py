"""Everything mode: upstream's list of all projects, and the changelog as a hint, say whose page is behind."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from ..catalog.meta import get_meta, set_meta
from ..upstream import changelog
from ..upstream.client import RootUnchanged, Trouble, Upstream, UpstreamUnreachable
from ..upstream.pages import RootList

#: Does a change in a transaction of its own and hands on what it returns.
Write = Callable[[Callable[[sqlite3.Connection], Any]], Any]


@dataclass
class Everything:
    """What reading the list told: without serials in it, every project has to be asked whether it changed."""

    has_serials: bool = False
    troubles: dict[str, str] = field(default_factory=dict)


def read_everything(upstream: Upstream, write: Write, named: set[str], changelog_url: str | None) -> Everything:
    """Diff upstream's list of all projects with ours; `named` are in scope whether or not it lists them.

    Trouble with the list is reported and leaves what is known; raises UpstreamUnreachable when nothing answered.
    """
    told = Everything()
    known = write(lambda db: get_meta(db, "root"))
    conditions: Mapping[str, Any] = json.loads(known) if known else {}
    answer = upstream.root(conditions.get("etag"), conditions.get("last_modified"))
    if isinstance(answer, Trouble):
        if not answer.answered:
            raise UpstreamUnreachable(answer.sentence)
        told.troubles["(list of all projects)"] = answer.sentence
    elif not isinstance(answer, RootUnchanged):
        write(partial(_record_root, root=answer.root, named=named))
        conditions = {
            "etag": answer.etag,
            "last_modified": answer.last_modified,
            "serials": any(serial is not None for serial in islice(answer.root.projects.values(), 100)),
            "serial": answer.root.serial,
        }
        write(partial(set_meta, key="root", value=json.dumps(conditions)))
    if changelog_url:
        problem = _read_changelog(upstream, write, changelog_url, conditions.get("serial"))
        if problem:
            told.troubles["(changelog)"] = problem
    told.has_serials = bool(conditions.get("serials"))
    return told


def _record_root(db: sqlite3.Connection, root: RootList, named: set[str]) -> None:
    db.execute("CREATE TEMP TABLE listed (name TEXT PRIMARY KEY, serial INTEGER) WITHOUT ROWID")
    try:
        db.executemany("INSERT INTO listed VALUES (?, ?)", root.projects.items())
        db.executemany("INSERT OR IGNORE INTO listed VALUES (?, NULL)", ((name,) for name in named))
        db.execute(
            """
            INSERT INTO project (name, display_name, in_scope, want_serial)
            SELECT name, name, 1, serial FROM listed WHERE true
            ON CONFLICT (name) DO UPDATE SET
                judged = judged AND in_scope, in_scope = 1,
                want_serial = max(coalesce(want_serial, excluded.want_serial), excluded.want_serial)
            WHERE NOT in_scope OR want_serial < excluded.want_serial OR want_serial IS NULL
            """
        )
        # Not listed any more: most likely deleted, but only the project's own page says so.
        db.execute(
            """
            UPDATE project SET problem = 'left upstream''s list of all projects', retry_at = NULL
            WHERE in_scope AND state <> 'deleted' AND name NOT IN (SELECT name FROM listed)
            """
        )
        db.execute(
            "UPDATE project SET in_scope = 0, judged = 0 "
            "WHERE in_scope AND state IN ('deleted', 'absent') AND name NOT IN (SELECT name FROM listed)"
        )
    finally:
        db.execute("DROP TABLE listed")


def _read_changelog(upstream: Upstream, write: Write, url: str, since: int | None) -> str | None:
    """The changelog is a hint for latency: it can only raise what we want of a page, never settle anything.

    Returns the problem, if there was one.
    """
    known = write(lambda db: get_meta(db, "changelog_serial"))
    start = int(known) if known else since
    if start is None:
        return None
    hint = changelog.changes_since(upstream, url, start)
    if hint.serials:
        write(partial(_record_hint, serials=hint.serials))
    return hint.problem


def _record_hint(db: sqlite3.Connection, serials: Mapping[str, int]) -> None:
    db.executemany(
        """
        INSERT INTO project (name, display_name, in_scope, want_serial) VALUES (?1, ?1, 1, ?2)
        ON CONFLICT (name) DO UPDATE SET want_serial = max(coalesce(want_serial, ?2), ?2)
        """,
        serials.items(),
    )
    set_meta(db, "changelog_serial", str(max(serials.values())))
