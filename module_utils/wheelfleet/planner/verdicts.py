"""Reads projects from the catalog, judges them (`judge`) and writes the verdicts; unchanged projects are left alone."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from packaging.utils import canonicalize_name
from packaging.version import Version

from .. import requires_python
from ..catalog import projects, release_targets
from ..catalog import wheels as wheel_rows
from ..catalog.states import Recency
from ..control import builds
from ..libc import read_needed_libc
from ..upstream.pages import ProjectPage
from . import judge
from .predict import predict_seconds
from .scope import Policy, ScopeRule, Skip

#: Versions repeat across projects, and parsing one costs ten times as much as a look-up.
_parsed = lru_cache(maxsize=16384)(Version)

#: Projects per transaction: a kill loses little, and other writers wait only for milliseconds.
CHUNK = 500


def unjudged(db: sqlite3.Connection, now: float) -> list[int]:
    """IDs of the projects whose verdicts are out of date, or change now because a cooldown ended.

    Nothing can be said of a project that was never read.
    """
    rows = db.execute(
        """
        SELECT id FROM project WHERE NOT judged AND state <> 'new'
        UNION SELECT id FROM project WHERE judge_at IS NOT NULL AND judge_at <= ?
        """,
        (now,),
    )
    return [row["id"] for row in rows]


def judge_project(
    db: sqlite3.Connection,
    project_id: int,
    rules: Iterable[ScopeRule],
    targets: Sequence[judge.Target],
    policy: Policy,
    now: float,
) -> bool:
    """Judge one project and settle its queue entries; returns whether a verdict changed.

    A project of which only the deciding releases are kept (`deciding_releases`) is to be read again if these no longer
    decide, or if it is to be built.
    """
    project = db.execute("SELECT name, state, trimmed FROM project WHERE id = ?", (project_id,)).fetchone()
    releases = _releases(db, project_id)
    if ordered := [*_withdrawn(db, project_id, project["name"]), *_skipped(db, project["name"])]:
        policy = replace(policy, skip=(*ordered, *policy.skip))
    judgement = judge.judge(project["name"], releases, rules, targets, policy, now)
    if project["trimmed"] and (judgement.wants_older or _builds(judgement)):
        projects.read_again(db, project_id)
    known = {
        (row["release_id"], row["target_id"]): ((row["verdict"], row["reason"], row["sdist_id"]), row["recency"])
        for row in db.execute(
            """
            SELECT w.* FROM release r JOIN release_target w ON w.release_id = r.id WHERE r.project_id = ?
            """,
            (project_id,),
        )
    }
    gone = known.keys() - judgement.verdicts.keys()
    release_targets.remove(db, gone)
    changed, added = bool(gone), judgement.verdicts.keys() - known.keys()
    recencies = _recencies(db, project_id, releases, judgement)
    for key, verdict in judgement.verdicts.items():
        sdist = verdict.sdist
        row = (verdict.verdict, verdict.reason, sdist.id if sdist else None)
        recency = recencies[key]
        known_row, known_recency = known.get(key, (None, None))
        if known_row != row:
            changed = True
            predicted = predict_seconds(db, project_id, verdict.target_id, sdist.size) if sdist else 0.0
            release_targets.put_verdict(db, key, row, predicted, recency)
        elif known_recency != recency:
            release_targets.put_recency(db, key, recency)
    serve_targets(db, project_id, targets)
    for release in {release for (release, _), verdict in judgement.verdicts.items() if verdict.verdict == "build"}:
        release_targets.settle(db, release, policy.max_attempts, now)
    if added:
        # Verdicts on the targets of a builder that was off went, and come back here without the order to be first.
        for order, _ in builds.about(db, "first", project["name"]):
            if order.answer is not None:
                release_targets.put_first(db, added & {*builds.keys(db, order)}, order.at)
    projects.put_judged(db, project_id, judgement.again_at)
    return changed


def deciding_releases(
    page: ProjectPage, rules: Iterable[ScopeRule], targets: Sequence[judge.Target], policy: Policy, now: float
) -> frozenset[str] | None:
    """The versions on a page that decide the verdicts, if nothing of the project is to be built; else None.

    In everything mode most projects have wheels upstream, and thousands of releases that nobody asks about: the catalog
    need not keep those. Of a project that is built everything is kept.
    """
    by_version: dict[str, list[judge.File]] = {}
    for number, file in enumerate(page.files):
        by_version.setdefault(file.version, []).append(
            judge.File(
                id=number,
                filename=file.filename,
                kind=file.kind,
                size=file.size,
                uploaded=judge.epoch_seconds(file.upload_time) if policy.cooldown_hours else None,
                requires_python=file.requires_python,
                yanked=file.yanked,
                first_seen=now,
            )
        )
    versions = list(by_version)
    releases = [
        judge.Release(number, _parsed(version), tuple(by_version[version])) for number, version in enumerate(versions)
    ]
    judgement = judge.judge(page.name, releases, rules, targets, policy, now)
    if judgement.wants_older or _builds(judgement):
        return None
    return frozenset(versions[release] for release, _ in judgement.verdicts)


def _builds(judgement: judge.Judgement) -> bool:
    return any(verdict.verdict == "build" for verdict in judgement.verdicts.values())


def _recencies(
    db: sqlite3.Connection, project_id: int, releases: Iterable[judge.Release], judgement: judge.Judgement
) -> dict[tuple[int, int], Recency]:
    """How new each release is on each target.

    It is `new` if its sdist was uploaded and first seen after the project's first wheel for the target's platform, and
    seen not before the sdist of any such wheel. Else it is `newest` if no newer one is in scope for the target, or else
    `older`.
    """
    if not _builds(judgement):
        return dict.fromkeys(judgement.verdicts, "older")
    published = {
        row["target_id"]: (row["since"], row["seen"])
        for row in db.execute(
            """
            WITH published AS (
                SELECT t.platform, min(v.added_at) AS since, max(f.first_seen) AS seen
                FROM release r JOIN wheel v ON v.release_id = r.id AND v.removed_at IS NULL
                JOIN wheel_target s ON s.release_id = v.release_id AND s.wheel_id = v.id
                JOIN target t ON t.id = s.target_id
                LEFT JOIN upstream_file f ON f.release_id = v.release_id AND f.filename = v.sdist_filename
                WHERE r.project_id = ? GROUP BY t.platform
            )
            SELECT t.id AS target_id, since, seen FROM published JOIN target t ON t.platform = published.platform
            """,
            (project_id,),
        )
    }
    newest = judge.newest(releases, judgement)
    recencies: dict[tuple[int, int], Recency] = {}
    for key, verdict in judgement.verdicts.items():
        recencies[key] = "older"
        if verdict.verdict == "build" and verdict.sdist:
            since, latest = published.get(verdict.target_id, (math.inf, None))
            seen = verdict.sdist.first_seen or 0.0
            # What was uploaded before is not new, though this catalog may have forgotten it and seen it again.
            uploaded = math.inf if verdict.sdist.uploaded is None else verdict.sdist.uploaded
            if min(seen, uploaded) > since and seen >= (latest or 0.0):
                recencies[key] = "new"
            elif newest[verdict.target_id] == verdict.release_id:
                recencies[key] = "newest"
    return recencies


def serve_targets(db: sqlite3.Connection, project_id: int, targets: Sequence[judge.Target]) -> None:
    """Set the targets that the fleet's wheels of a project serve: a wheel serves a target whose tag set has one of its
    tags, whose Python its Requires-Python admits, and whose C library its machine code works with. A wheel serves none
    if upstream has a file of the same name, because it is not listed then (site/listing)."""
    wheels = db.execute(
        """
        SELECT w.id, w.release_id, w.tags, w.requires_python, w.libc, EXISTS (
            SELECT 1 FROM upstream_file f WHERE f.release_id = r.id AND f.filename = w.filename) AS hidden
        FROM release r JOIN wheel w ON w.release_id = r.id
        WHERE r.project_id = ? AND w.removed_at IS NULL AND w.withdrawn_at IS NULL
        """,
        (project_id,),
    ).fetchall()
    for wheel in wheels:
        tags = set(json.loads(wheel["tags"]))
        libc = read_needed_libc(wheel["libc"] or "")
        for target in targets:
            serves = (
                not wheel["hidden"]
                and (libc is None or libc.works_on(target.name))
                and not tags.isdisjoint(target.tags)
                and requires_python.allows(wheel["requires_python"], target.python_version)
            )
            key = (wheel["release_id"], target.id, wheel["id"])
            if serves:
                wheel_rows.serve(db, *key)
            else:
                wheel_rows.stop_serving(db, *key)


def cooling_since_seen(db: sqlite3.Connection, policy: Policy, now: float) -> tuple[int, float]:
    """The number of releases whose cooldown counts from when the fleet first saw them; when the last one ends."""
    seconds = policy.cooldown_hours * 3600
    waiting, last = db.execute(
        """
        SELECT count(DISTINCT r.id), max(f.first_seen) FROM project p
        JOIN release r ON r.project_id = p.id JOIN upstream_file f ON f.release_id = r.id
        WHERE p.in_scope AND p.judge_at IS NOT NULL AND f.upload_time IS NULL AND f.first_seen > ?
          AND EXISTS (SELECT 1 FROM release_target w WHERE w.release_id = r.id AND w.verdict = 'passed')
        """,
        (now - seconds,),
    ).fetchone()
    return waiting, (last or 0.0) + seconds


def rules_by_name(rules: Iterable[ScopeRule]) -> dict[str, list[ScopeRule]]:
    """The wishes by project; a project may have several, and all count."""
    by_name: dict[str, list[ScopeRule]] = {}
    for rule in rules:
        by_name.setdefault(rule.name, []).append(rule)
    return by_name


def _skipped(db: sqlite3.Connection, name: str) -> list[Skip]:
    """What operators' orders skip of a project, as entries of its skip list."""
    return [
        Skip(canonicalize_name(name), releases.specifier, order.target, order.reason, kind=f"skipped by {order.who}")
        for order, releases in builds.about(db, "skip", name)
    ]


def _withdrawn(db: sqlite3.Connection, project_id: int, name: str) -> list[Skip]:
    """What an operator withdrew of a project, as entries of its skip list."""
    rows = db.execute(
        """
        SELECT r.version, w.target, w.reason FROM release r JOIN withdrawal w ON w.release_id = r.id
        WHERE r.project_id = ? ORDER BY r.id, w.target
        """,
        (project_id,),
    )
    return [
        Skip(canonicalize_name(name), f"==={row['version']}", row["target"], row["reason"], kind="withdrawn")
        for row in rows
    ]


def _releases(db: sqlite3.Connection, project_id: int) -> list[judge.Release]:
    files: dict[int, list[judge.File]] = {}
    versions: dict[int, Version] = {}
    rows = db.execute(
        """
        SELECT r.version, f.* FROM release r JOIN upstream_file f ON f.release_id = r.id
        WHERE r.project_id = ? ORDER BY f.filename
        """,
        (project_id,),
    )
    learned = _learned_pythons(db, project_id)
    for row in rows:
        release_id = row["release_id"]
        versions.setdefault(release_id, _parsed(row["version"]))
        files.setdefault(release_id, []).append(
            judge.File(
                id=row["id"],
                filename=row["filename"],
                kind=row["kind"],
                size=row["size"],
                uploaded=judge.epoch_seconds(row["upload_time"]),
                requires_python=row["requires_python"],
                yanked=row["yanked"],
                learned=learned.get((release_id, row["filename"], row["sha256"]), {}),
                first_seen=row["first_seen"],
            )
        )
    return [judge.Release(release_id, version, tuple(files[release_id])) for release_id, version in versions.items()]


def _learned_pythons(db: sqlite3.Connection, project_id: int) -> dict[tuple[int, str, str | None], dict[int, str]]:
    """Requires-Python as builds found it, by (release, sdist's file name, sdist's SHA-256), then by target."""
    learned: dict[tuple[int, str, str | None], dict[int, str]] = {}
    for row in db.execute(
        """
        SELECT a.release_id, a.sdist_filename, a.sdist_sha256, a.target_id, a.requires_python
        FROM release r JOIN attempt a ON a.release_id = r.id
        WHERE r.project_id = ? AND a.requires_python IS NOT NULL AND NOT a.superseded ORDER BY a.finished_at, a.id
        """,
        (project_id,),
    ):
        key = (row["release_id"], row["sdist_filename"], row["sdist_sha256"])
        learned.setdefault(key, {})[row["target_id"]] = row["requires_python"]
    return learned
