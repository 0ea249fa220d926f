"""The published wheels that an operator's words mean: a project, a release, a specifier or a file name."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from .. import requires_python
from ..names import NotAWheel, is_archive_name, read_wheel_name
from ..nearest import hint, nearest
from .rule import BadOrder


@dataclass(frozen=True)
class PublishedWheel:
    """A wheel of the fleet. `targets` are the names of all targets that can install it, offered or not."""

    id: int
    filename: str
    project_id: int
    project: str
    release_id: int
    version: str
    targets: tuple[str, ...]
    #: The operator's reasons; None: it is not withdrawn, not yanked, its release is not yanked.
    withdrawn: str | None
    yanked: str | None
    release_yanked: str | None
    #: Upstream's reason, if all sdists of the release are yanked, or without sdists all its files.
    upstream_yanked: str | None
    #: Whether its bytes are on no disk any more.
    removed: bool
    #: Whether it is to be built again.
    rebuild_requested: bool


@dataclass(frozen=True)
class Words:
    """An operator's words: a file name, or a project's normalised name with a specifier (PEP 440) that may be empty."""

    filename: str = ""
    project: str = ""
    specifier: str = ""

    def __str__(self) -> str:
        return self.filename or f"{self.project}{self.specifier}"


def read_words(text: str) -> Words:
    """Parse the words of an order. Raises BadOrder."""
    if is_archive_name(text):
        if not text.endswith(".whl"):
            raise BadOrder(f"{text} is not a wheel; name a project, a release such as numpy==2.4.0, or a wheel's file.")
        try:
            read_wheel_name(text)
        except NotAWheel as error:
            raise BadOrder(str(error)) from error
        return Words(filename=text)
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        requirement = None
    if requirement is None or requirement.url or requirement.marker or requirement.extras:
        raise BadOrder(f"{text} is neither a project, nor a release such as numpy==2.4.0, nor a wheel's file name.")
    return Words(project=canonicalize_name(requirement.name), specifier=str(requirement.specifier))


def find_wheels(db: sqlite3.Connection, words: Words, target: str = "") -> list[PublishedWheel]:
    """The wheels that are meant, by version and file name; `target` is a part of the name of a target that they serve.

    Raises BadOrder if there is none, with the nearest known word, or if a wheel serves other targets too.
    """
    found = _wheels(db, "w.filename = ?", words.filename) if words.filename else _of_releases(db, words)
    if words.filename and not found:
        raise BadOrder(_unknown_file(db, words.filename))
    if not target:
        return found
    names = [row["name"] for row in db.execute("SELECT name FROM target ORDER BY name")]
    if not any(target in name for name in names):
        parts = {part for name in names for part in (name, *name.split("-"))}
        raise BadOrder(f"No target's name has {target} in it{hint(target, parts)}")
    chosen = [wheel for wheel in found if any(target in name for name in wheel.targets)]
    if not chosen:
        raise BadOrder(f"No wheel of {words} serves a target with {target} in its name.")
    for wheel in chosen:
        others = [name for name in wheel.targets if target not in name]
        if others and not words.filename:
            raise BadOrder(
                f"{wheel.filename} serves {others[0]} too, and a file is on the index or not; leave the target out, or "
                "name the file."
            )
    return chosen


def project_of(db: sqlite3.Connection, words: Words) -> str:
    """The normalised name of the project that is meant; empty for an unknown file."""
    return words.project or next((wheel.project for wheel in _wheels(db, "w.filename = ?", words.filename)), "")


def file_states(db: sqlite3.Connection, words: Words) -> list[str]:
    """A line for each file that is meant: its name, and what operators ordered about it."""
    lines = []
    for wheel in find_wheels(db, words):
        yanked = wheel.release_yanked if wheel.yanked is None else wheel.yanked
        state = "listed" if wheel.withdrawn is None else f"withdrawn ({wheel.withdrawn})"
        state += "" if yanked is None else f", yanked ({yanked})"
        state += ", to be built again" if wheel.rebuild_requested else ""
        lines.append(f"{wheel.filename}: {state}")
    return lines


def _of_releases(db: sqlite3.Connection, words: Words) -> list[PublishedWheel]:
    wheels = _wheels(db, "p.name = ?", words.project)
    if not wheels:
        raise BadOrder(_unknown_project(db, words.project))
    specifier = SpecifierSet(words.specifier)
    chosen = [wheel for wheel in wheels if specifier.contains(Version(wheel.version), prereleases=True)]
    if not chosen:
        versions = sorted({wheel.version for wheel in wheels}, key=Version)
        near = nearest(words.specifier.lstrip("=<>!~"), versions)
        cure = f"do you mean {words.project}=={near}?" if near else f"the newest that is published is {versions[-1]}."
        raise BadOrder(f"No wheel of {words} is published; {cure}")
    return chosen


def _wheels(db: sqlite3.Connection, condition: str, value: str) -> list[PublishedWheel]:
    rows = db.execute(
        f"""
        SELECT w.*, p.id AS project_id, p.name, r.version, r.yanked AS release_yanked, (
            SELECT CASE WHEN count(f.yanked) = count(*) THEN max(f.yanked) END FROM upstream_file f
            WHERE f.release_id = r.id AND f.kind = coalesce(
                (SELECT 'sdist' FROM upstream_file s WHERE s.release_id = r.id AND s.kind = 'sdist'), f.kind)
            ) AS upstream_yanked
        FROM wheel w JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id WHERE {condition}
        """,
        (value,),
    ).fetchall()
    targets = [
        (row["name"], Version(row["python_version"]), frozenset(json.loads(row["tags"])))
        for row in db.execute("SELECT name, python_version, tags FROM target ORDER BY name")
    ]
    rows.sort(key=lambda row: (Version(row["version"]), row["filename"]))
    return [
        PublishedWheel(
            row["id"],
            row["filename"],
            row["project_id"],
            row["name"],
            row["release_id"],
            row["version"],
            _served(row, targets),
            row["withdrawn"] if row["withdrawn_at"] is not None else None,
            row["yanked"],
            row["release_yanked"],
            row["upstream_yanked"],
            row["removed_at"] is not None,
            bool(row["rebuild_requested"]),
        )
        for row in rows
    ]


def _served(row: sqlite3.Row, targets: Sequence[tuple[str, Version, frozenset[str]]]) -> tuple[str, ...]:
    """The names of the targets that can install a wheel."""
    mine, stated = set(json.loads(row["tags"])), row["requires_python"]
    return tuple(
        name for name, python, tags in targets if not mine.isdisjoint(tags) and requires_python.allows(stated, python)
    )


def _unknown_project(db: sqlite3.Connection, name: str) -> str:
    if db.execute("SELECT 1 FROM project WHERE name = ?", (name,)).fetchone():
        return f"The fleet has published no wheel of {name}; builds are ordered with playbooks/builds.yml."
    published = [
        row["name"]
        for row in db.execute(
            "SELECT DISTINCT p.name FROM wheel w JOIN release r ON r.id = w.release_id "
            "JOIN project p ON p.id = r.project_id"
        )
    ]
    return f"The fleet has published no wheel of a project {name}{hint(name, published)}"


def _unknown_file(db: sqlite3.Connection, filename: str) -> str:
    name = canonicalize_name(filename.partition("-")[0])
    files = [wheel.filename for wheel in _wheels(db, "p.name = ?", name)]
    near = nearest(filename, files) if files else None
    if near:
        return f"The fleet has published no {filename}; do you mean {near}?"
    return f"The fleet has published no {filename}." if files else _unknown_project(db, name)
