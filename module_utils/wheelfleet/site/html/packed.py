"""Projects without a page of their own: their facts share files, so that they cost no file each.

In everything mode most projects are only known: upstream serves them, or nobody has tried them yet. Each is an entry of
one of at most 4,096 files below `projects/`, which the script of `project/index.html` reads. A project gets a page of
its own once the operator names it, somebody asks for it, or the fleet has tried to build it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence

from ...planner.inputs import PlanInputs
from ...text import printable
from ..glossary import for_readers
from ..renderer import Renderer
from ..status_rows import StatusRow
from .search import status_words

PAGE = "project/index.html"
FOLDER = "projects"
#: Files at most. With 740,000 projects each has 180 entries, some 30 kB.
BUCKETS = 4096


def bucket_path(name: str) -> str:
    """The path of the file that has a project of this normalised name, by FNV-1a of 32 bits, as in assets/packed.js."""
    mixed = 2166136261
    for byte in name.encode():
        mixed = (mixed ^ byte) * 16777619 & 0xFFFFFFFF
    return f"{FOLDER}/{mixed % BUCKETS:03x}.json"


def is_everything(db: sqlite3.Connection) -> bool:
    """Whether the last run had everything in scope; otherwise each project has a page of its own."""
    inputs = PlanInputs.remembered(db)
    return inputs is not None and inputs.everything


def with_own_page(db: sqlite3.Connection, project_ids: Sequence[int]) -> set[int] | None:
    """Those of the projects that have a page of their own; None: all."""
    inputs = PlanInputs.remembered(db)
    if inputs is None or not inputs.everything:
        return None
    rows = db.execute(
        """
        SELECT r.project_id FROM release r JOIN attempt a ON a.release_id = r.id
        WHERE r.project_id IN (SELECT value FROM json_each(:ids))
        UNION SELECT r.project_id FROM release r JOIN wheel w ON w.release_id = r.id
        WHERE r.project_id IN (SELECT value FROM json_each(:ids))
        UNION SELECT p.id FROM project p JOIN use_total u ON u.name = p.name
        WHERE p.id IN (SELECT value FROM json_each(:ids))
        UNION SELECT p.id FROM project p
        WHERE p.id IN (SELECT value FROM json_each(:ids)) AND p.name IN (SELECT value FROM json_each(:named))
        """,
        {"ids": json.dumps(list(project_ids)), "named": json.dumps([rule.name for rule in inputs.scope().rules])},
    )
    return {row["project_id"] for row in rows}


def packed_among(db: sqlite3.Connection, names: Collection[str]) -> set[str]:
    """Those of the projects that have no page of their own."""
    rows = db.execute(
        "SELECT name FROM site_project WHERE packed AND name IN (SELECT value FROM json_each(?))",
        (json.dumps(sorted(names)),),
    )
    return {row["name"] for row in rows}


def entry(display_name: str, rows: Sequence[StatusRow], upstream: str) -> bytes:
    """A project's entry, as JSON: its name and the rows of its releases, or of the project as a whole.
    `upstream` is its name for readers."""
    ordered = sorted(rows, key=lambda row: (row.release_id or 0, row.target or ""), reverse=True)
    releases = [[row.version, row.target, row.status, for_readers(row.reason, upstream)] for row in ordered]
    return json.dumps([printable(display_name), releases], separators=(",", ":"), ensure_ascii=False).encode()


def merged(before: bytes | None, entries: Mapping[str, bytes | None]) -> bytes | None:
    """A file with these entries added or, where they are None, removed; None if nothing is left."""
    try:
        projects = json.loads(before or b"{}")
    except ValueError:
        projects = {}
    for name, data in entries.items():
        if data is None:
            projects.pop(name, None)
        else:
            projects[name] = json.loads(data)
    if not projects:
        return None
    lines = (
        f"{json.dumps(name)}:{json.dumps(projects[name], separators=(',', ':'), ensure_ascii=False)}"
        for name in sorted(projects)
    )
    return ("{" + ",\n".join(lines) + "}\n").encode()


def pages(db: sqlite3.Connection, render: Renderer) -> Iterator[tuple[str, bytes]]:
    """The page that shows them."""
    if is_everything(db):
        yield PAGE, render.page(PAGE, "packed.html.j2", statuses=status_words(render))
