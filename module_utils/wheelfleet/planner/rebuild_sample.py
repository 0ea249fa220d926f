"""The rebuild check: another builder builds a sample of a run's wheels again, and the bytes are compared.

It runs after the publication, so no wheel waits for it. Rebuilds have a table of their own (`rebuild`): they count
neither as attempts nor as failures, and change no prediction or speed.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from packaging.version import InvalidVersion, Version

from ..catalog import rebuilds
from ..catalog.database import Catalog
from ..contract.adjustments import Adjustments
from ..contract.report import interpreter_facts
from . import batches
from .batches import PlannedBuild

#: Begins the ID of a rebuild. No release's ID does, because normalised names have no two dashes in a row.
REBUILD = "rebuild--"
#: Most seconds that a rebuild is expected to take on its host.
LONGEST_SECONDS = 1800.0

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Rebuild:
    """One build to repeat, with build requirements pinned to the versions of the first build."""

    build: PlannedBuild
    filename: str


def in_sample(filename: str, percent: float) -> bool:
    """Whether a wheel is in the sample. A hash of its name decides, so the answer is always the same."""
    share = int.from_bytes(hashlib.sha256(filename.encode()).digest()[:4], "big") / 2**32
    return share * 100 < percent


def forget_unfinished(catalog: Catalog, host: str, run: str) -> None:
    """Delete the unfinished rebuilds of this host and of earlier runs."""
    with catalog.writing() as db:
        rebuilds.forget_unfinished(db, host, run)


def due(catalog: Catalog, *, host: str, run: str, percent: float) -> list[int]:
    """IDs of the wheels to rebuild: in the sample, built by another host in this run, for a target of this host.

    With other tools, or another build of the interpreter, this host would give other bytes, so it is not asked.
    """
    rows = catalog.db.execute(
        """
        SELECT w.id, w.filename, t.name AS target, a.built_with, b.facts
        FROM attempt a
        JOIN target t ON t.id = a.target_id
        JOIN builder_target o ON o.host = :host AND o.target_id = a.target_id
        JOIN wheel w ON w.release_id = a.release_id AND w.attempt_id = a.id
          AND w.removed_at IS NULL AND w.withdrawn_at IS NULL
        JOIN builder b ON b.host = :host
        WHERE a.run = :run AND a.outcome = 'built' AND a.host <> :host
          AND coalesce(a.normal_seconds, 0) / b.speed <= :longest
          AND NOT EXISTS (SELECT 1 FROM rebuild x WHERE x.wheel_id = w.id)
        ORDER BY w.id
        """,
        {"host": host, "run": run, "longest": LONGEST_SECONDS},
    )
    return [row["id"] for row in rows if in_sample(row["filename"], percent) and _same_tools(row)]


def _same_tools(row: sqlite3.Row) -> bool:
    """Whether the builder's tools and compiler flags for the target are those that the wheel was built with."""
    then = json.loads(row["built_with"] or "{}").get("builder") or {}
    return interpreter_facts(then, row["target"]) == interpreter_facts(json.loads(row["facts"]), row["target"])


def claim(catalog: Catalog, wheel: int, *, host: str, run: str, now: float) -> Rebuild | None:
    """Take on the rebuild of a wheel; None if another host has it, or the sdist or interpreter is missing."""
    ident = f"{REBUILD}{secrets.token_hex(4)}"
    with catalog.writing() as db:
        row = db.execute(
            """
            SELECT w.filename, w.attempt_id, a.build_requires, a.seconds, a.normal_seconds, b.speed
            FROM wheel w JOIN attempt a ON a.id = w.attempt_id JOIN builder b ON b.host = ?
            WHERE w.id = ?
            """,
            (host, wheel),
        ).fetchone()
        build = batches.planned_again(db, row["attempt_id"], host) if row else None
        if build is None or not build.tools or not build.sdist_url:
            return None
        if not rebuilds.assign(db, wheel, ident, run=run, host=host, now=now):
            return None
    expected = (row["normal_seconds"] or 0.0) / row["speed"]
    pinned = replace(build.adjustments, watch=False) | Adjustments(
        constraints=pins(json.loads(row["build_requires"] or "[]"))
    )
    return Rebuild(replace(build, attempt=ident, predicted_seconds=expected, adjustments=pinned), row["filename"])


def pins(build_requires: Sequence[dict[str, str]]) -> tuple[str, ...]:
    """Constraints for these versions. They come from a builder and are untrusted: malformed ones are left out."""
    constraints = []
    for each in build_requires:
        try:
            version = Version(each["version"])
        except (InvalidVersion, KeyError, TypeError):
            continue
        if _NAME.fullmatch(str(each.get("name"))):
            constraints.append(f"{each['name']}=={version}")
    return tuple(constraints)


def give_up(catalog: Catalog, ident: str) -> None:
    """Delete a rebuild without a verdict."""
    with catalog.writing() as db:
        rebuilds.forget(db, ident)


def is_open(catalog: Catalog, ident: str) -> bool:
    """Whether the rebuild has no verdict yet."""
    return catalog.db.execute("SELECT 1 FROM rebuild WHERE id = ? AND verdict IS NULL", (ident,)).fetchone() is not None


def summary(db: sqlite3.Connection, run: str) -> str | None:
    """A sentence about a run's rebuilds; None if there was none."""
    found = {
        row["verdict"]: row["n"]
        for row in db.execute(
            "SELECT verdict, count(*) AS n FROM rebuild WHERE run = ? AND verdict IS NOT NULL GROUP BY verdict", (run,)
        )
    }
    if not found:
        return None
    words = {"agrees": "gave the same bytes", "differs": "gave others", "failed": "could not be built there"}
    total = sum(found.values())
    said = ", ".join(f"{found[verdict]} {word}" for verdict, word in words.items() if verdict in found)
    return f"Built again on another builder: {total} {'wheel' if total == 1 else 'wheels'}; {said}."
