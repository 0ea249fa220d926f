"""From one attempt to the next: the adjustments that it begins with, and the consequences of its outcome.

An attempt continues from the last one of its release and target. The first one begins with the remedies of the
project's last wheel. The recipe is the first entry of the list and is read for each attempt.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ..apt_packages import has_apt
from ..catalog import attempts, projects, release_targets
from ..contract.adjustments import NO_ADJUSTMENTS, Adjustments
from . import missing_packages, remedies, remedy_outcomes
from .failed_build import FailedBuild
from .inputs import PlanInputs
from .matched_date import matched_date
from .projects_of_modules import is_adopted
from .recipes import recipe_adjustments, recipe_packages
from .remedy_conditions import may_need
from .remedy_outcomes import FOR, without_marks
from .remedy_table import ADOPTED, WATCHED

#: Seconds to wait after the first, second, … transient failure. After the first the next run tries again, or another
#: builder at once.
WAITS = (0.0, 300.0, 1800.0, 7200.0, 43200.0)
#: In an attempt's list of remedies: the name of the recipe's entry, and the mark of remedies of the last wheel.
RECIPE, REMEMBERED = "recipe", "remembered"

Applied = dict[str, Any]


def begin_with(db: sqlite3.Connection, release_id: int, target_id: int, sdist_sha256: str | None) -> list[Applied]:
    """The recipe and remedies of the next attempt at a release for a target: mappings with name, why and change."""
    last = db.execute(
        """
        SELECT remedies, retry_with FROM attempt
        WHERE release_id = ? AND target_id = ? AND state <> 'open' AND NOT superseded AND sdist_sha256 IS ?
          AND (begun_at IS NOT NULL OR state = 'done')
        ORDER BY claimed_at DESC, finished_at DESC, json_array_length(coalesce(retry_with, remedies, '[]')) DESC, id
        LIMIT 1
        """,
        (release_id, target_id, sdist_sha256),
    ).fetchone()
    if last is not None:
        applied = _read(last["retry_with"] if last["retry_with"] is not None else last["remedies"])
    else:
        row = db.execute(
            "SELECT p.remedies FROM release r JOIN project p ON p.id = r.project_id WHERE r.id = ?", (release_id,)
        ).fetchone()
        applied = [{**entry, REMEMBERED: True} for entry in _read(row["remedies"] if row else None)]
    named = any(entry["name"].startswith(ADOPTED) for entry in applied)
    adopted = adopted_requirements(db) if named else frozenset()
    applied = [e for e in applied if e["name"] != RECIPE and remedies.still_stands(e["name"], adopted)]
    recipe = recipe_adjustments(db, release_id, target_id)
    if recipe is not None:
        reason, adjustments = recipe
        applied.insert(0, {"name": RECIPE, "why": reason, "change": adjustments.as_data()})
    return applied


def adjustments_of(applied: str | None) -> Adjustments:
    """All adjustments of an attempt, from the column `remedies`."""
    adjustments = NO_ADJUSTMENTS
    for entry in _read(applied):
        adjustments |= Adjustments.from_data(entry["change"])
    return adjustments


def uploaded_before(adjustments: Adjustments, uploaded: str | None, python_version: str) -> str | None:
    """The time up to which build requirements are chosen, as in PEP 700; None unless the adjustments match the date."""
    return matched_date(uploaded, _python(python_version)) if adjustments.date_matched else None


def follow_up(db: sqlite3.Connection, attempt_id: str, now: float) -> None:
    """Record the consequences of an attempt that just ended: the next remedy, a wait, a larger host, or successes."""
    attempt = _attempt(db, attempt_id)
    applied = _read(attempt["remedies"])
    if attempt["outcome"] == "built" or attempt["blocks"] is not None:
        remedy_outcomes.note(db, attempt, applied)
    if attempt["outcome"] != "built":
        _add_recipes_hint(db, attempt)
    if attempt["outcome"] == "built":
        _count(db, applied, "helped")
        _remember(db, attempt, applied)
    elif attempt["blocks"] is None:
        if attempt["retry_on"] is None:
            _wait(db, attempt, now)
    else:
        _propose(db, attempt, applied)


def watch(db: sqlite3.Connection, attempt_ids: Iterable[str], max_attempts: int) -> int:
    """Have failures watched whose missing thing turned out to be in no package; returns how many are tried again."""
    again = 0
    for attempt_id in attempt_ids:
        attempt = _attempt(db, attempt_id)
        applied = _read(attempt["remedies"])
        if not any(entry["name"] == WATCHED for entry in applied) and _propose(db, attempt, applied):
            release_targets.settle(db, attempt["release_id"], max_attempts)
            again += 1
    return again


def _attempt(db: sqlite3.Connection, attempt_id: str) -> sqlite3.Row:
    row: sqlite3.Row = db.execute(
        """
        SELECT a.*, r.project_id, t.python_version, b.facts, b.packages,
               (SELECT f.upload_time FROM upstream_file f
                WHERE f.release_id = a.release_id AND f.filename = a.sdist_filename) AS uploaded
        FROM attempt a JOIN release r ON r.id = a.release_id JOIN target t ON t.id = a.target_id
        LEFT JOIN builder b ON b.host = a.host WHERE a.id = ?
        """,
        (attempt_id,),
    ).fetchone()
    return row


def _add_recipes_hint(db: sqlite3.Connection, attempt: sqlite3.Row) -> None:
    """Set the advice to install the recipe's packages, if the builder misses some."""
    asked = recipe_packages(db, attempt["release_id"], attempt["target_id"])
    if not asked:
        return
    has = set(json.loads(attempt["packages"] or "[]"))
    if not has_apt(has):
        # Whether it has them under other names is not known.
        if attempt["missing_kind"]:
            advice = (
                f"The project's recipe says that it needs {', '.join(asked)}, as Debian calls them; install on the "
                "builder what has the same there."
            )
            attempts.advise(db, attempt["id"], advice)
        return
    # Reports of builders leave plain libraries out.
    lacking = [name for name in asked if name not in has and (name.endswith("-dev") or not name.startswith("lib"))]
    if lacking:
        names = " ".join(lacking)
        advice = f"Install {names} on the builder, as the project's recipe says (apt-get install {names})."
        attempts.advise(db, attempt["id"], advice)


def _propose(db: sqlite3.Connection, attempt: sqlite3.Row, applied: list[Applied]) -> bool:
    """Give the next attempt a remedy that may help, or the failure advice; returns whether there is a next attempt."""
    (spent,) = db.execute(
        """
        SELECT count(*) FROM attempt WHERE release_id = ? AND target_id = ? AND NOT superseded
          AND retry_with IS NOT NULL AND sdist_sha256 IS ? AND id <> ?
        """,
        (attempt["release_id"], attempt["target_id"], attempt["sdist_sha256"], attempt["id"]),
    ).fetchone()
    watched = any(entry["name"] == WATCHED for entry in applied)
    if spent - watched >= remedies.MOST_REMEDIED_TRIES:
        return False
    if attempt["failure_class"] == "build-requirements" and any(entry.get(REMEMBERED) for entry in applied):
        # Remedies of another release may be the reason why the requirements cannot be installed.
        plain = [entry for entry in applied if not entry.get(REMEMBERED)]
        attempts.retry_with(db, attempt["id"], plain)
        return True
    (built,) = db.execute(
        """
        SELECT max(a.seconds) FROM release r JOIN attempt a ON a.release_id = r.id
        WHERE r.project_id = ? AND a.outcome = 'built'
        """,
        (attempt["project_id"],),
    ).fetchone()
    failed_build = FailedBuild(
        failure=attempt["failure_class"] or "unknown",
        subject=attempt["subject"] or "",
        text=attempt["evidence"] or "",
        phase=attempt["phase"],
        backend=attempt["backend"],
        installed=_installed(attempt["build_requires"]),
        declared=attempt["declared"],
        adopted=adopted_requirements(db) if attempt["missing_kind"] == "module" else frozenset(),
        python=_python(attempt["python_version"]),
        uploaded=attempt["uploaded"],
        seconds=attempt["seconds"] or 0.0,
        built_seconds=built,
        can_watch=bool(attempt["facts"] and json.loads(attempt["facts"]).get("tracer")),
        no_package=attempt["missing_kind"] is not None and _has_no_package(db, attempt["id"]),
        failed_at=attempt["finished_at"],
    )
    record = remedy_outcomes.record_of(db, failed_build.failure, attempt["project_id"])
    proposals = remedies.propose(failed_build, {entry["name"] for entry in applied}, record)
    if proposals:
        entries = [
            {"name": each.name, "why": each.why, "change": each.adjustments.as_data(), FOR: failed_build.failure}
            for each in proposals
        ]
        attempts.retry_with(db, attempt["id"], [*without_marks(applied), *entries])
        _count(db, entries, "applied")
        return True
    if attempt["failure_class"] == "out-of-memory" and (memory := _largest_below(db, attempt)) is not None:
        attempts.retry_with(db, attempt["id"], applied, needs_memory=memory)
        return True
    if (name := may_need(failed_build)) and not is_adopted(name, failed_build.adopted):
        advice = (
            f"It may need the project {name}, but anybody may have registered that name: look at the project, and "
            f"adopt it if it is the right one (controller_adopt_requirements: [{name}]); else write a recipe."
        )
        attempts.advise(db, attempt["id"], advice)
    return False


def _has_no_package(db: sqlite3.Connection, attempt_id: str) -> bool:
    """Whether the builder's distribution was asked for what is missing, and has no package with it."""
    packages = missing_packages.providers(db, attempt_id)
    return packages is not None and not packages


def adopted_requirements(db: sqlite3.Connection) -> bool | frozenset[str]:
    """The projects' names that the operator adopted (`controller_adopt_requirements`); True: all."""
    inputs = PlanInputs.remembered(db)
    return inputs.as_policy().adopt_requirements if inputs else frozenset()


def _installed(build_requires: str | None) -> frozenset[str] | None:
    return (
        None if build_requires is None else frozenset(canonicalize_name(e["name"]) for e in json.loads(build_requires))
    )


def _largest_below(db: sqlite3.Connection, attempt: sqlite3.Row) -> int | None:
    """Bytes of memory of the attempt's host, if another trusted builder of the target has clearly more; else None."""
    had = _memory(attempt["facts"])
    others = db.execute(
        "SELECT b.facts FROM builder_target o JOIN builder b ON b.host = o.host "
        "WHERE o.target_id = ? AND b.suspended IS NULL",
        (attempt["target_id"],),
    )
    return had if had and any(_memory(row["facts"]) > 1.2 * had for row in others) else None


def _memory(facts: str | None) -> int:
    return int(json.loads(facts).get("memory", 0)) if facts else 0


def _wait(db: sqlite3.Connection, attempt: sqlite3.Row, now: float) -> None:
    """After the first transient failure the next run tries again; after later ones the wait grows (WAITS)."""
    (spent,) = db.execute(
        """
        SELECT count(*) FROM attempt WHERE release_id = ? AND target_id = ? AND NOT superseded AND state = 'done'
          AND outcome <> 'built' AND blocks IS NULL AND retry_with IS NULL AND sdist_sha256 IS ?
        """,
        (attempt["release_id"], attempt["target_id"], attempt["sdist_sha256"]),
    ).fetchone()
    wait = WAITS[min(spent, len(WAITS)) - 1]
    if wait:
        attempts.wait(db, attempt["id"], until=now + wait)


def _remember(db: sqlite3.Connection, attempt: sqlite3.Row, applied: list[Applied]) -> None:
    kept = [
        {key: value for key, value in entry.items() if key != REMEMBERED}
        for entry in without_marks(applied)
        if entry["name"] not in (RECIPE, WATCHED)
    ]
    projects.put_remedies(db, attempt["project_id"], json.dumps(kept) if kept else None)


def _count(db: sqlite3.Connection, applied: list[Applied], what: str) -> None:
    """Count uses of remedies; remedies of the project's last wheel have been counted before."""
    for entry in applied:
        if entry["name"] != RECIPE and not entry.get(REMEMBERED):
            db.execute(
                f"""
                INSERT INTO remedy_use (name, {what}) VALUES (?, 1)
                ON CONFLICT (name) DO UPDATE SET {what} = {what} + 1
                """,
                (entry["name"],),
            )


def _read(text: str | None) -> list[Applied]:
    return list(json.loads(text)) if text else []


def _python(version: str) -> tuple[int, int]:
    try:
        parsed = Version(version)
    except InvalidVersion:
        return (3, 11)
    return parsed.major, parsed.minor
