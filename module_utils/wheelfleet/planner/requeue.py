"""Failures that go back to the queue because something changed that they depended on.

This can be the compilers, packages or tools of a builder that offers the target, the project's recipe, or the rules of
remedies. Each failure keeps digests of these, so that a change that it has already seen puts nothing back. Each return
is an event with its reason.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..catalog import attempts, events, projects
from ..catalog.meta import get_meta, set_meta
from ..contract.report import interpreter_facts
from ..failure_classes import FAILURE_CLASSES
from . import remedy_table
from .failed_build import FailedBuild
from .projects_of_modules import is_adopted
from .remedy_conditions import may_need
from .scope import digest

#: Most packages named in an event, because a distribution upgrade brings hundreds.
_MOST_NAMED = 3
#: The host of events that concern no builder.
CONTROLLER = "controller"


@dataclass(frozen=True)
class BuilderChange:
    """New things on a builder: `kind` is "toolchain", "packages" or "tools", `names` are versions or packages."""

    host: str
    kind: str
    names: tuple[str, ...]


def record_dependencies(db: sqlite3.Connection, attempt_id: str) -> None:
    """Keep with an attempt the digests of the toolchain, packages, tools, recipe and remedies that it depended on."""
    row = db.execute(
        """
        SELECT b.facts, b.packages, c.digest, t.name AS target FROM attempt a JOIN release r ON r.id = a.release_id
        JOIN project p ON p.id = r.project_id JOIN target t ON t.id = a.target_id LEFT JOIN builder b ON b.host = a.host
        LEFT JOIN recipe c ON c.name = p.name WHERE a.id = ?
        """,
        (attempt_id,),
    ).fetchone()
    depended = {
        "toolchain": digest(_toolchain(row["facts"])),
        "packages": digest(row["packages"]),
        "tools": digest(_tools(row["facts"], row["target"])),
        "recipe": row["digest"],
        "remedies": digest(remedy_table.versions()),
    }
    attempts.note_dependencies(db, attempt_id, depended)


def changes_of_builder(
    db: sqlite3.Connection, host: str, facts: Mapping[str, Any], packages: Sequence[str] | None
) -> list[BuilderChange]:
    """The news of a builder's report compared with its last one; for a new builder, compared with all others."""
    row = db.execute("SELECT facts, packages FROM builder WHERE host = ?", (host,)).fetchone()
    others = db.execute("SELECT facts, packages FROM builder WHERE host <> ?", (host,)).fetchall()
    known = [row] if row else others
    if not known:
        return []
    tools = {item for each in known for item in _toolchain(each["facts"]).items()}
    news = [item for item in sorted(facts.get("toolchain", {}).items()) if item not in tools]
    found = [BuilderChange(host, "toolchain", tuple(version for _, version in news))] if news else []
    lists = [each["packages"] for each in known if each["packages"] is not None]
    had = {item for each in known for item in _all_tools(json.loads(each["facts"]))}
    new_tools = sorted(_all_tools(facts) - had)
    # A builder that said nothing of its tools may have had the same.
    if had and new_tools:
        found.append(BuilderChange(host, "tools", tuple(f"{name} {version}" for name, version in new_tools)))
    if packages is not None and lists:
        new = set(packages).difference(*(json.loads(text) for text in lists))
        if new:
            found.append(BuilderChange(host, "packages", tuple(sorted(new))))
    return found


def requeue_for_changes(
    db: sqlite3.Connection, news: Iterable[BuilderChange], *, run: str, now: float, max_attempts: int
) -> int:
    """Requeue failures that may succeed with a builder's news, on the targets that it offers; returns how many."""
    returned = 0
    for each in news:
        classes = [entry.name for entry in FAILURE_CLASSES.values() if each.kind in entry.depends_on]
        rows = db.execute(
            f"""
            SELECT id, release_id FROM attempt
            JOIN (SELECT key, value AS seen FROM json_each(?)) ON CAST(key AS INTEGER) = target_id
            WHERE state = 'done' AND outcome <> 'built' AND NOT superseded AND failure_class IN ({_marks(classes)})
              AND coalesce(json_extract(depended_on, '$.{each.kind}'), '') <> seen
            """,
            [json.dumps(_seen(db, each.host, each.kind)), *classes],
        ).fetchall()
        why = f"the builder now has {_named(each.names)}."
        returned += _requeue(db, rows, each.host, why, run=run, now=now, max_attempts=max_attempts)
    return returned


def requeue_for_recipes(
    db: sqlite3.Connection, names: Collection[str], *, run: str, now: float, max_attempts: int
) -> int:
    """Requeue failures of projects whose recipe came, went or changed; returns how many."""
    returned = 0
    for name in names:
        rows = db.execute(
            """
            SELECT a.id, a.release_id FROM project p JOIN release r ON r.project_id = p.id
            JOIN attempt a ON a.release_id = r.id
            WHERE p.name = ? AND a.state IN ('done', 'lost') AND NOT a.superseded
              AND (a.outcome IS NOT 'built' OR a.requires_python IS NOT NULL)
            """,
            (name,),
        ).fetchall()
        why = f"the recipe of {name} is another one."
        returned += _requeue(db, rows, CONTROLLER, why, run=run, now=now, max_attempts=max_attempts)
    return returned


def requeue_for_remedies(db: sqlite3.Connection, *, run: str, now: float, max_attempts: int) -> int:
    """Requeue failures of the classes whose remedies are new since the last run; returns how many."""
    versions = remedy_table.versions()
    text = json.dumps(versions, sort_keys=True)
    known = get_meta(db, "remedy_rules")
    if known == text:
        return 0
    set_meta(db, "remedy_rules", text)
    if known is None and db.execute("SELECT 1 FROM attempt LIMIT 1").fetchone() is None:
        return 0
    before = json.loads(known) if known else {}
    new = [
        remedy
        for remedy in remedy_table.REMEDIES
        # What the operator adopts puts failures back by itself.
        if before.get(remedy.name) != remedy.version and remedy.name != remedy_table.ADOPTED
    ]
    classes = sorted({name for remedy in new for name in remedy.classes})
    rows = db.execute(
        f"""
        SELECT id, release_id FROM attempt
        WHERE state = 'done' AND outcome <> 'built' AND NOT superseded AND failure_class IN ({_marks(classes)})
          AND blocks IS NOT NULL AND coalesce(json_extract(depended_on, '$.remedies'), '') <> ?
        """,
        [*classes, digest(versions)],
    ).fetchall()
    return _requeue(
        db, rows, CONTROLLER, "wheelfleet knows remedies it did not know.", run=run, now=now, max_attempts=max_attempts
    )


def requeue_for_adopted(
    db: sqlite3.Connection, adopted: bool | frozenset[str], *, run: str, now: float, max_attempts: int
) -> int:
    """Requeue failures that lacked a project that the operator has adopted since the last run; returns how many."""
    text = json.dumps(adopted if isinstance(adopted, bool) else sorted(adopted))
    known = get_meta(db, "adopted_requirements") or "[]"
    if known == text:
        return 0
    set_meta(db, "adopted_requirements", text)
    before = json.loads(known)
    rows = db.execute(
        """
        SELECT id, release_id, failure_class, subject FROM attempt
        WHERE state = 'done' AND outcome <> 'built' AND NOT superseded AND blocks IS NOT NULL AND declared IS NULL
          AND failure_class = 'undeclared-build-requirement'
        """
    ).fetchall()
    lacked = {row["id"]: may_need(FailedBuild(row["failure_class"], row["subject"] or "")) for row in rows}
    helped = [
        row
        for row in rows
        if (name := lacked[row["id"]]) and is_adopted(name, adopted) and not is_adopted(name, before)
    ]
    names = sorted({str(lacked[row["id"]]) for row in helped})
    why = f"the operator adopted {_named(names)}."
    return _requeue(db, helped, CONTROLLER, why, run=run, now=now, max_attempts=max_attempts)


def _requeue(
    db: sqlite3.Connection, rows: Sequence[sqlite3.Row], host: str, why: str, *, run: str, now: float, max_attempts: int
) -> int:
    """Put the builds of these attempts back into the queue, as if they had never failed."""
    if not rows:
        return 0
    attempts.requeue_with_earlier(db, [row["id"] for row in rows], max_attempts)
    for release in sorted({row["release_id"] for row in rows}):
        # A recipe may change the release's Requires-Python.
        projects.rejudge_release(db, release)
    what = "1 failure goes" if len(rows) == 1 else f"{len(rows)} failures go"
    events.note(db, run=run, host=host, sentence=f"{what} back to the queue: {why}", now=now)
    return len(rows)


def _named(names: Sequence[str]) -> str:
    """The first of the names, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"


def _seen(db: sqlite3.Connection, host: str, kind: str) -> dict[int, str]:
    """By the targets that a builder offers: the digest of what it has of a kind now."""
    rows = db.execute(
        """
        SELECT t.id, t.name, b.facts, b.packages FROM builder_target o JOIN target t ON t.id = o.target_id
        JOIN builder b ON b.host = o.host WHERE o.host = ?
        """,
        (host,),
    )
    has: dict[str, Callable[[sqlite3.Row], Any]] = {
        "toolchain": lambda row: _toolchain(row["facts"]),
        "packages": lambda row: row["packages"],
        "tools": lambda row: _tools(row["facts"], row["name"]),
    }
    return {row["id"]: digest(has[kind](row)) for row in rows}


def _tools(facts: str | None, target: str) -> dict[str, str]:
    """The versions of a builder's tools for a target."""
    found: dict[str, str] = interpreter_facts(json.loads(facts), target).get("tools", {}) if facts else {}
    return found


def _all_tools(facts: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The names and versions of a builder's tools for all its targets."""
    return {
        item for target in facts.get("interpreters") or {} for item in interpreter_facts(facts, target)["tools"].items()
    }


def _toolchain(facts: str | None) -> dict[str, str]:
    toolchain = json.loads(facts).get("toolchain") if facts else None
    return toolchain if isinstance(toolchain, dict) else {}


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
