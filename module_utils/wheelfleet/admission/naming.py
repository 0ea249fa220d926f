"""Chooses the name that a wheel is published by. A published name is never given to other bytes.

A rebuilt wheel with other bytes gets the next build tag (PEP 427). So does a wheel with the name of an upstream file,
because installers that see both might take either. Of several builds pip, uv and poetry take the one with the highest
build number, and pdm the first in the list (see `site.listing`), so the new number is above all listed ones.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.tags import parse_tag

from ..catalog.database import Catalog
from ..catalog.given_names import give_name
from ..names import BadFileName, WheelName, read_wheel_name
from ..repack import with_build_tag
from .wheel_check import CheckedWheel


@dataclass(frozen=True)
class Named:
    """A wheel under its published name, and its file. `sent` is the wheel as the builder named it, if that differs."""

    checked: CheckedWheel
    path: Path
    sent: CheckedWheel | None


@dataclass(frozen=True)
class Taken:
    """A name in use. `sha256` is None for upstream's file, which never counts as the same bytes."""

    filename: str
    sha256: str | None


def publishable(
    db: sqlite3.Connection, path: Path, wheel: CheckedWheel, files: Path, target_tags: Sequence[str]
) -> Path:
    """The file to publish: `path` itself if its name is free for its bytes, else a copy with another build tag.

    `files` is the folder of the project's admitted wheels. A file there that the catalog does not know, as after a
    catalog was restored from a backup, also reserves its name for its bytes. Raises ValueError for a wheel that cannot
    be packed again.

    A pure wheel of upstream that the target cannot use may serve other users, but the higher build number would give
    them this one instead. So this one gets the target's own tag: the first pure one of `target_tags`, best first.
    """
    own = read_wheel_name(wheel.filename)
    tag = _narrower(db, wheel, own, target_tags)
    if tag is not None:
        own = replace(own, tags=parse_tag(tag), build=own.build or (1, ""))
    taken = _taken(db, wheel, own)
    listed = [_number(read) for read in _alike(_listed(db, wheel), own).values()]
    number = max([_number(own), *listed])
    folder = path.parent / "renamed"
    while True:
        candidate = path
        if number != _number(own) or tag is not None:
            folder.mkdir(exist_ok=True)
            candidate = with_build_tag(path, folder, str(number), tag)
        given, there = Taken(candidate.name, _sha256(candidate)), files / candidate.name
        unknown = not taken[number] and there.is_file() and _sha256(there) != given.sha256
        if not unknown and all(other == given for other in taken[number]):
            return candidate
        number += 1


def reserve(catalog: Catalog, wheel: CheckedWheel) -> bool:
    """Record that the name stands for these bytes; False if it stands for others in the meantime."""
    with catalog.writing() as db:
        return give_name(db, wheel.filename, wheel.name, wheel.version, wheel.sha256)


def _narrower(db: sqlite3.Connection, wheel: CheckedWheel, own: WheelName, target_tags: Sequence[str]) -> str | None:
    """The tag of the target alone, if the wheel would otherwise take precedence over a pure wheel of upstream."""
    for row in db.execute(_UPSTREAMS, (wheel.name, wheel.version)):
        if row["yanked"] is None and row["filename"].endswith("-none-any.whl") and wheel.pure:
            try:
                shadowed = own.tags & read_wheel_name(row["filename"]).tags
            except BadFileName:
                continue
            if shadowed:
                return next((tag for tag in target_tags if tag.endswith("-none-any")), None)
    return None


def _taken(db: sqlite3.Connection, wheel: CheckedWheel, own: WheelName) -> defaultdict[int, list[Taken]]:
    """The names in use for this release and these tags, by build number."""
    chosen = (wheel.name, wheel.version)
    given = {
        row["filename"]: row["sha256"]
        for row in db.execute("SELECT filename, sha256 FROM given_name WHERE project = ? AND version = ?", chosen)
    }
    theirs = dict.fromkeys(row["filename"] for row in db.execute(_UPSTREAMS, chosen))
    taken: defaultdict[int, list[Taken]] = defaultdict(list)
    for names in (given, theirs):
        for filename, read in _alike(names, own).items():
            taken[_number(read)].append(Taken(filename, names[filename]))
    return taken


def _listed(db: sqlite3.Connection, wheel: CheckedWheel) -> list[str]:
    return [row["filename"] for row in db.execute(_OURS, (wheel.name, wheel.version))]


_OURS = """
    SELECT w.filename FROM project p JOIN release r ON r.project_id = p.id JOIN wheel w ON w.release_id = r.id
    WHERE p.name = ? AND r.version = ? AND w.removed_at IS NULL
    """
_UPSTREAMS = """
    SELECT f.filename, f.yanked FROM project p JOIN release r ON r.project_id = p.id
    JOIN upstream_file f ON f.release_id = r.id
    WHERE p.name = ? AND r.version = ? AND f.kind = 'wheel'
    """


def _alike(filenames: Iterable[str], own: WheelName) -> dict[str, WheelName]:
    """Those file names that installers compare with `own` only by the build tag, in any spelling."""
    alike = {}
    for filename in filenames:
        try:
            read = read_wheel_name(filename)
        except BadFileName:
            continue
        if read.tags == own.tags:
            alike[filename] = read
    return alike


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _number(read: WheelName) -> int:
    return read.build[0] if read.build else 0
