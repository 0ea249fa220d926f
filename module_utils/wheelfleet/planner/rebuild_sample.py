"""A second opinion: of the wheels built in a run, a sample is built again by another builder and compared.

It is asked for when everything is published, so no wheel waits for it. It is no attempt: it has a table of its own, and
so it is no try of the release, no failure of the project or the builder, and no measure of either.
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
from . import batches
from .batches import PlannedBuild

#: What the ids of these builds begin with. No release's does: normalised names have no two dashes in a row.
REBUILD = "rebuild--"
#: Seconds that a build may be expected to take on the witness's host; longer ones are left out.
LONGEST_SECONDS = 1800.0

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


@dataclass(frozen=True)
class Rebuild:
    """One build to repeat, with its build requirements pinned to what the first build had."""

    build: PlannedBuild
    filename: str


def in_sample(filename: str, percent: float) -> bool:
    """Whether a wheel is one of the sample: decided by its name alone, so that asking again gives the same answer."""
    share = int.from_bytes(hashlib.sha256(filename.encode()).digest()[:4], "big") / 2**32
    return share * 100 < percent


def forget_unfinished(catalog: Catalog, host: str, run: str) -> None:
    """Forget what this host was given and never did, and what earlier runs left."""
    with catalog.writing() as db:
        rebuilds.forget_unfinished(db, host, run)


def due(catalog: Catalog, *, host: str, run: str, percent: float) -> list[int]:
    """Wheels of the sample that others built in this run, that this host could build, and that nobody took on yet."""
    rows = catalog.db.execute(
        """
        SELECT w.id, w.filename
        FROM attempt a
        JOIN builder_target o ON o.host = :host AND o.target_id = a.target_id
        JOIN wheel w ON w.release_id = a.release_id AND w.attempt_id = a.id AND w.removed_at IS NULL
        JOIN builder b ON b.host = :host
        WHERE a.run = :run AND a.outcome = 'built' AND a.host <> :host
          AND coalesce(a.normal_seconds, 0) / b.speed <= :longest
          AND NOT EXISTS (SELECT 1 FROM rebuild x WHERE x.wheel_id = w.id)
        ORDER BY w.id
        """,
        {"host": host, "run": run, "longest": LONGEST_SECONDS},
    )
    return [row["id"] for row in rows if in_sample(row["filename"], percent)]


def claim(catalog: Catalog, wheel: int, *, host: str, run: str, now: float) -> Rebuild | None:
    """Take one of those that are due; None if another host was quicker, or there is nothing to build it from."""
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
    pinned = build.adjustments | Adjustments(constraints=pins(json.loads(row["build_requires"] or "[]")))
    return Rebuild(replace(build, attempt=ident, predicted_seconds=expected, adjustments=pinned), row["filename"])


def pins(build_requires: Sequence[dict[str, str]]) -> tuple[str, ...]:
    """Constraints for these versions. They were told by a builder and go to another, so what is odd is left out."""
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
    """Nothing will come of it."""
    with catalog.writing() as db:
        rebuilds.forget(db, ident)


def is_open(catalog: Catalog, ident: str) -> bool:
    """Whether it still waits for its verdict."""
    return catalog.db.execute("SELECT 1 FROM rebuild WHERE id = ? AND verdict IS NULL", (ident,)).fetchone() is not None


def summary(db: sqlite3.Connection, run: str) -> str | None:
    """What came of it in a run, in a sentence."""
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
