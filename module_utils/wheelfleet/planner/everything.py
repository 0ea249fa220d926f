"""Everything mode: finds changed projects by upstream's list of all projects, and by its changelog as a hint."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from ..catalog import projects, upstream_list
from ..catalog.meta import get_meta, set_meta
from ..upstream import changelog
from ..upstream.client import Problem, Root, RootAnswer, Upstream, UpstreamUnreachable
from ..upstream.pages import RootList

#: The key of troubles with the list.
LIST = "(list of all projects)"

#: Entries of the list per transaction.
_CHUNK = 20_000

#: Makes a change in a transaction of its own and returns its value.
Write = Callable[[Callable[[sqlite3.Connection], Any]], Any]


@dataclass
class Everything:
    """The outcome of reading the list. Without serials in it the page of every project must be requested.

    `readable`: upstream gave a list. `left`: projects that left it. `troubles`: sentences by their key.
    """

    has_serials: bool = False
    readable: bool = False
    left: frozenset[str] = frozenset()
    troubles: dict[str, str] = field(default_factory=dict)


def read_everything(upstream: Upstream, write: Write, named: set[str], changelog_url: str | None) -> Everything:
    """Compare upstream's list of all projects with the catalog; `named` are in scope whether or not it lists them.

    Trouble with the list is reported and changes no rows. Raises UpstreamUnreachable if upstream did not answer.
    """
    told = Everything()
    known = write(lambda db: get_meta(db, "root"))
    conditions: Mapping[str, Any] = json.loads(known) if known else {}
    # Without serials that differ, an entry tells nothing of its project, and all must be compared.
    parts = write(upstream_list.known_parts) if conditions.get("serials") else frozenset()
    answer = upstream.root(conditions.get("etag"), conditions.get("last_modified"), known=parts)
    behind = _serial_behind(answer, conditions)
    if behind is not None:
        # The answer is from a cache, or the index went back: a mirror was restored, or another server has the URL.
        answer = upstream.root(bypass_caches=True)
        behind = _serial_behind(answer, conditions)
    if isinstance(answer, Problem):
        if not answer.answered:
            raise UpstreamUnreachable(answer.sentence)
        told.troubles[LIST] = answer.sentence
    elif isinstance(answer, Root) and behind is not None and answer.from_cache:
        told.readable = True
        told.troubles[LIST] = (
            f"{upstream.index_url} is still at serial {behind}, behind {conditions['serial']}; what is known stands. "
            "If upstream was restored from an older state, that is believed once no cache before it answers."
        )
    elif isinstance(answer, Root):
        told.readable = True
        root = answer.root
        kept = parts.intersection(root.parts)
        if not root.projects and not kept:
            told.troubles[LIST] = f"{upstream.index_url} lists no project at all."
        # Serials that are equal for all projects (Pulp states 1000000000) show no change.
        has_serials = bool(kept) or len(set(root.projects.values()) - {None}) > 1
        if not has_serials:
            root = replace(root, projects=dict.fromkeys(root.projects), parts={})
        if behind is not None:
            # The list's serial is smaller than before, so all known serials and ETags are void.
            write(forget_serials)
            parts = kept = frozenset()
        told.left = frozenset(_record_root(write, root, named, parts, kept))
        conditions = {
            "etag": answer.etag,
            "last_modified": answer.last_modified,
            "serials": has_serials,
            "serial": _serial(answer.root),
        }
        write(partial(set_meta, key="root", value=json.dumps(conditions)))
    else:
        told.readable = True
    if changelog_url:
        problem = _read_changelog(upstream, write, changelog_url, conditions.get("serial"))
        if problem:
            told.troubles["(changelog)"] = problem
    told.has_serials = bool(conditions.get("serials"))
    return told


def _serial(root: RootList) -> int | None:
    return root.serial or max((serial for serial in root.projects.values() if serial is not None), default=None)


def _serial_behind(answer: RootAnswer, known: Mapping[str, Any]) -> int | None:
    """The serial of a list that is older than the last one; None if it is not older."""
    serial = _serial(answer.root) if isinstance(answer, Root) else None
    return serial if serial is not None and serial < (known.get("serial") or 0) else None


def _record_root(
    write: Write, root: RootList, named: set[str], before: frozenset[int], kept: frozenset[int]
) -> list[str]:
    """Put the list in scope, in short transactions; returns the projects that left it.

    `before` are the digests of the parts known so far, `kept` those of them that the list still has. A kill leaves
    parts that were not recorded, and the next run reads them again.
    """
    serial = _serial(root)
    entries = iter(root.projects.items())
    while chunk := list(islice(entries, _CHUNK)):
        write(partial(projects.put_listed, listed=chunk, serial=serial))
    gone = before - kept
    candidates = upstream_list.names_in if kept else _all_listed

    def finish(db: sqlite3.Connection) -> list[str]:
        unlisted = [name for name in candidates(db, gone) if name not in root.projects]
        projects.put_unlisted(db, unlisted)
        upstream_list.put_parts(db, root.parts, gone)
        return projects.leave_with_list(db, named)

    left: list[str] = write(finish)
    return left


def _all_listed(db: sqlite3.Connection, _: frozenset[int]) -> Iterator[str]:
    return projects.names_listed(db)


def forget_serials(db: sqlite3.Connection) -> None:
    """Forget all serials and ETags, because they mean nothing to another index; pages are then compared by content."""
    projects.forget_serials(db)
    set_meta(db, "changelog_serial", None)
    forget_list(db)


def forget_list(db: sqlite3.Connection) -> None:
    """Forget upstream's list of all projects, so that all of it is read next time."""
    if get_meta(db, "root"):
        set_meta(db, "root", None)
        upstream_list.forget(db)


def _read_changelog(upstream: Upstream, write: Write, url: str, since: int | None) -> str | None:
    """Raise the wanted serials by the changelog. It only finds changes sooner: the list and the pages decide.

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
    projects.put_changed(db, serials)
    set_meta(db, "changelog_serial", str(max(serials.values())))
