"""Retention: which wheels are kept no longer, and their removal.

What goes is off the index and off the disk. A release that goes as a whole is not built again, until an operator orders
it (`rebuild`). A release that the scope of the last plan has built stays, whatever the rules say; so does one in scope
with a wheel for a builder that was off then. A file name stays given (docs/decisions/0047).
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from .. import requires_python
from ..catalog import controls, events, projects, wheels, withdrawals
from ..text import human_size
from .rule import CONTROLLER, BadOrder

NOUN, VERB = "wheel", "retain"


@dataclass(frozen=True)
class Rules:
    """What is kept: the `newest` releases of each project (0: all), wheels of targets that builders offer (`offered`;
    False: all), at most `budget` bytes (0: any number)."""

    newest: int = 0
    offered: bool = False
    budget: int = 0

    def __str__(self) -> str:
        parts = [f"{self.newest_releases} of each project"] if self.newest else []
        parts += ["wheels of targets that builders offer"] if self.offered else []
        parts += [f"{human_size(self.budget)} of wheels"] if self.budget else []
        return ", ".join(parts)

    def check(self) -> None:
        """Raises BadOrder for rules that make no sense."""
        if not (self.newest or self.offered or self.budget):
            raise BadOrder("Say what is kept: newest=N, offered=true or budget=BYTES.")
        if self.newest < 0 or self.budget < 0:
            raise BadOrder("newest and budget are numbers from 1 on; leave out what shall not count.")

    @property
    def newest_releases(self) -> str:
        """The words for the releases that are kept."""
        return "the newest release" if self.newest == 1 else f"the newest {self.newest} releases"


@dataclass(frozen=True)
class Wheel:
    """A wheel whose bytes the controller has. `asked_for`: the scope has its release built."""

    id: int
    filename: str
    size: int
    project_id: int
    project: str
    release_id: int
    version: Version
    asked_for: bool
    tags: frozenset[str]
    requires_python: str | None
    downloads: int
    added_at: float


@dataclass(frozen=True)
class Leaving:
    """A wheel that goes, and why. `whole`: its release goes with all its wheels, and is not built again."""

    wheel: Wheel
    why: str
    whole: bool


@dataclass(frozen=True)
class Plan:
    """The wheels that go, and the bytes that stay; `over` are the bytes above the budget that cannot go."""

    leaving: Sequence[Leaving]
    kept: int
    over: int = 0

    @property
    def size(self) -> int:
        """The bytes of the wheels that go."""
        return sum(each.wheel.size for each in self.leaving)


def plan(db: sqlite3.Connection, rules: Rules) -> Plan:
    """What would go by these rules; changes nothing. Raises BadOrder for rules that make no sense."""
    rules.check()
    if not db.execute("SELECT 1 FROM builder_target LIMIT 1").fetchone():
        raise BadOrder(
            "No builder offers a target, so nobody knows what the scope asks for, and every wheel could go; run "
            "build.yml with a builder first."
        )
    left = _wheels(db)
    leaving: list[Leaving] = []

    def go(chosen: Iterable[Leaving]) -> None:
        for each in chosen:
            leaving.append(each)
            del left[each.wheel.id]

    if rules.offered:
        go(_of_no_target(db, list(left.values())))
    if rules.newest:
        go(_older_releases(list(left.values()), rules))
    kept = sum(wheel.size for wheel in left.values())
    if rules.budget and kept > rules.budget:
        go(_over_budget(list(left.values()), kept - rules.budget))
        kept = sum(wheel.size for wheel in left.values())
    leaving.sort(key=lambda each: (each.wheel.project, each.wheel.version, each.wheel.filename))
    return Plan(leaving, kept, max(0, kept - rules.budget) if rules.budget else 0)


def carry_out(
    db: sqlite3.Connection, chosen: Plan, rules: Rules, *, who: str, reason: str, run: str, now: float
) -> str:
    """Remove what the plan says from the catalog, in the caller's transaction; returns the sentence of its event.

    The caller removes the bytes after the commit (`remove_bytes`).
    """
    for each in chosen.leaving:
        wheels.withdraw(db, each.wheel.id, each.why, now)
        if each.whole:
            withdrawals.put(db, each.wheel.release_id, "", each.why, now)
    wheels.mark_removed(db, [each.wheel.id for each in chosen.leaving], now)
    for project_id, name in dict.fromkeys((each.wheel.project_id, each.wheel.project) for each in chosen.leaving):
        projects.rejudge(db, project_id)
        projects.mark_stale(db, name)
    many = f"{len(chosen.leaving)} wheel{'' if len(chosen.leaving) == 1 else 's'} went ({human_size(chosen.size)})"
    sentence = f"Retention by {who}: keep {rules}; {many}{': ' + reason.rstrip('.') if reason else ''}."
    if chosen.leaving:
        controls.add(
            db, at=now, who=who, verb=VERB, noun=NOUN, subject=str(rules), reason=reason, done_at=now, answer=sentence
        )
        events.note(db, run=run, host=CONTROLLER, sentence=sentence, now=now, who=who, why=reason or None)
    return sentence


def remove_bytes(chosen: Plan, files_dir: Path) -> None:
    """Remove the wheels' bytes from the controller's folder. The site has its own link until its next publication.

    After a kill before this, the audit finds them.
    """
    for each in chosen.leaving:
        (files_dir / each.wheel.project / each.wheel.filename).unlink(missing_ok=True)


# ---------------------------------------------------------------- rules


def _of_no_target(db: sqlite3.Connection, there: Sequence[Wheel]) -> list[Leaving]:
    """The wheels that no target of a builder can install. A builder that comes back has them built again.

    A builder that was off in the last run offers nothing there; until it is forgotten, what it built for counts.
    """
    offered = [
        (Version(row["python_version"]), frozenset(json.loads(row["tags"])))
        for row in db.execute(
            """
            SELECT python_version, tags FROM target
            WHERE id IN (SELECT target_id FROM builder_target) OR id IN (
                SELECT a.target_id FROM attempt a JOIN builder b ON b.host = a.host
                WHERE NOT EXISTS (SELECT 1 FROM builder_target o WHERE o.host = b.host))
            """
        )
    ]
    return [
        Leaving(wheel, "retention: no builder offers its target", whole=False)
        for wheel in there
        if not any(
            not wheel.tags.isdisjoint(tags) and requires_python.allows(wheel.requires_python, python)
            for python, tags in offered
        )
    ]


def _older_releases(there: Sequence[Wheel], rules: Rules) -> list[Leaving]:
    """The wheels of releases that are not among the newest of their project."""
    why = f"retention: only {rules.newest_releases} of each project stay{'s' if rules.newest == 1 else ''}"
    return [
        Leaving(wheel, why, whole=True)
        for of_release in _by_depth(there)
        if of_release.newer >= rules.newest
        for wheel in of_release.wheels
    ]


def _over_budget(there: Sequence[Wheel], too_much: int) -> list[Leaving]:
    """Wheels of whole releases until so many bytes are saved: those with the most newer releases go first, then those
    of the least downloaded projects, then the oldest."""
    order = sorted(
        _by_depth(there),
        key=lambda each: (-each.newer, each.wheels[0].downloads, min(wheel.added_at for wheel in each.wheels)),
    )
    leaving: list[Leaving] = []
    for of_release in order:
        if too_much <= 0:
            break
        leaving += [Leaving(wheel, "retention: the space budget", whole=True) for wheel in of_release.wheels]
        too_much -= sum(wheel.size for wheel in of_release.wheels)
    return leaving


@dataclass(frozen=True)
class _OfRelease:
    """All wheels of one release; `newer` is the number of newer releases of its project."""

    wheels: Sequence[Wheel]
    newer: int


def _by_depth(there: Sequence[Wheel]) -> list[_OfRelease]:
    """The releases that may go. Pre-releases push out no final release (PEP 440)."""
    releases: dict[int, list[Wheel]] = defaultdict(list)
    versions: dict[int, dict[int, Version]] = defaultdict(dict)
    for wheel in there:
        releases[wheel.release_id].append(wheel)
        versions[wheel.project_id][wheel.release_id] = wheel.version
    found = []
    for of_project in versions.values():
        for release, version in of_project.items():
            if not any(wheel.asked_for for wheel in releases[release]):
                newer = sum(
                    other > version and (version.is_prerelease or not other.is_prerelease)
                    for other in of_project.values()
                )
                found.append(_OfRelease(releases[release], newer))
    return found


def _wheels(db: sqlite3.Connection) -> dict[int, Wheel]:
    rows = db.execute(
        """
        SELECT w.id, w.filename, w.size, w.tags, w.requires_python, w.added_at, w.release_id, r.version, r.project_id,
            p.name, coalesce(u.downloads, 0) AS downloads, EXISTS (
                SELECT 1 FROM release_target t WHERE t.release_id = r.id AND (
                    -- The verdict on the target of a builder that was off in the last run is not known.
                    t.verdict = 'build' OR t.verdict <> 'skip' AND NOT EXISTS (
                        SELECT 1 FROM wheel_target s WHERE s.release_id = r.id AND s.wheel_id = w.id))) AS asked_for
        FROM wheel w JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id
        LEFT JOIN use_total u ON u.name = p.name
        WHERE w.removed_at IS NULL ORDER BY w.id
        """
    )
    return {
        row["id"]: Wheel(
            row["id"],
            row["filename"],
            row["size"],
            row["project_id"],
            row["name"],
            row["release_id"],
            Version(row["version"]),
            bool(row["asked_for"]),
            frozenset(json.loads(row["tags"])),
            row["requires_python"],
            row["downloads"],
            row["added_at"],
        )
        for row in rows
    }
