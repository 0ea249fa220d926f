"""Finds the wheels that carry an old copy of a library: the builders of their system have a newer version by now.

The SBOM in a wheel says which versions of which packages auditwheel copied, a builder's report which ones it has.
Within a release of Debian a library changes for security and grave faults alone, so every newer version counts.
"""

from __future__ import annotations

import json
import sqlite3
import zipfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import sbom
from ..catalog import events, outdated_copies, wheels
from ..catalog.meta import get_meta, set_meta
from ..catalog.outdated_copies import GIVEN_TO_CLIENTS, OutdatedCopy
from ..debian_version import is_newer
from .scope import digest

#: Wheels that one sentence names.
_MOST_NAMED = 3
#: The distribution's id and version, and the platform: what decides the packages.
System = tuple[str, str, str]


def read_unread(db: sqlite3.Connection, files: Path) -> int:
    """Read the SBOMs of repaired wheels that were admitted before the catalog kept their copies; returns how many."""
    rows = db.execute(
        """
        SELECT w.id, w.filename, p.name FROM wheel w JOIN release r ON r.id = w.release_id
        JOIN project p ON p.id = r.project_id
        WHERE w.copied IS NULL AND w.removed_at IS NULL AND json_extract(w.repaired, '$.outcome') = 'repaired'
        """
    ).fetchall()
    for row in rows:
        wheels.note_copies(db, row["id"], json.dumps(_copied(files / row["name"] / row["filename"])))
    return len(rows)


def _copied(wheel: Path) -> dict[str, str]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next((each for each in archive.namelist() if each.endswith(f".dist-info/{sbom.PATH}")), None)
            if name is None or archive.getinfo(name).file_size > sbom.LARGEST:
                return {}
            return sbom.copied_packages(archive.read(name))
    except (OSError, zipfile.BadZipFile):
        # The audit finds what is wrong with the file.
        return {}


def record_outdated(db: sqlite3.Connection, *, run: str, now: float) -> None:
    """Bring the table `outdated_copy` up to date with wheels and builders; what is new is an event."""
    has = _libraries(db)
    (newest,) = db.execute("SELECT coalesce(max(id), 0) FROM wheel").fetchone()
    # The wheels are looked through only if one of these changed.
    state = digest(sorted((host, libraries) for hosts in has.values() for host, libraries in hosts.items()), newest)
    if get_meta(db, "outdated_copies") == state:
        return
    set_meta(db, "outdated_copies", state)
    found = [copy for row in _wheels_with_copies(db) for copy in _of_wheel(row, has, now)]
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for each in outdated_copies.replace_all(db, found):
        groups[each.package, each.available, each.host].append(each.filename)
    for (package, available, host), filenames in sorted(groups.items()):
        many = len(filenames)
        carry = "1 wheel carries an older copy" if many == 1 else f"{many} wheels carry an older copy"
        named = ", ".join(sorted(filenames)[:_MOST_NAMED])
        more = f" and {many - _MOST_NAMED} more" if many > _MOST_NAMED else ""
        sentence = f"It has {package} {available}, and {carry}: {named}{more}."
        events.note(db, run=run, host=host, sentence=sentence, now=now)


def to_rebuild(db: sqlite3.Connection) -> dict[str, str]:
    """By file name of a wheel with an old copy, why it is to be built again.

    Only where all builders of its system have the newer version, because any of them may get the build; and once for
    each newer version, because a build may copy the old one from elsewhere.
    """
    has = _libraries(db)
    reasons: dict[str, list[str]] = defaultdict(list)
    for each in outdated_copies.outdated_copies(db):
        row = next(_wheels_with_copies(db, each.wheel_id), None)
        if row is None or each.ordered:
            continue
        versions = [libraries.get(each.package) for libraries in has.get(_system_of_wheel(row), {}).values()]
        if all(version and is_newer(version, each.copied) for version in versions):
            reasons[each.filename].append(f"{each.package} {each.available} instead of {each.copied}")
    return {filename: ", ".join(why) for filename, why in reasons.items()}


def _wheels_with_copies(db: sqlite3.Connection, wheel_id: int | None = None) -> Iterator[sqlite3.Row]:
    one = "" if wheel_id is None else f"AND w.id = {int(wheel_id)}"
    yield from db.execute(
        f"""
        SELECT w.id, w.filename, w.copied, t.platform, json_extract(a.built_with, '$.builder.os') AS system
        FROM wheel w JOIN attempt a ON a.id = w.attempt_id JOIN target t ON t.id = a.target_id
        WHERE w.copied <> '{{}}' AND {GIVEN_TO_CLIENTS} {one}
        """
    )


def _of_wheel(row: sqlite3.Row, has: Mapping[System, Mapping[str, dict[str, str]]], now: float) -> list[OutdatedCopy]:
    """The copies in a wheel of which a builder of the same system has a newer version, each with the newest."""
    hosts = has.get(_system_of_wheel(row), {})
    found = []
    for package, copied in json.loads(row["copied"]).items():
        newest, where = copied, ""
        for host, libraries in sorted(hosts.items()):
            if (version := libraries.get(package)) and is_newer(version, newest):
                newest, where = version, host
        if where:
            found.append(OutdatedCopy(row["id"], package, copied, newest, where, now, row["filename"]))
    return found


def _libraries(db: sqlite3.Connection) -> dict[System, dict[str, dict[str, str]]]:
    """By system, what the known builders have: by host the version of each library's package."""
    has: dict[System, dict[str, dict[str, str]]] = defaultdict(dict)
    for row in db.execute("SELECT host, facts, libraries FROM builder WHERE libraries IS NOT NULL"):
        facts = json.loads(row["facts"])
        # Of targets, because a 32-bit system may run on a 64-bit kernel.
        platforms = {name.split("-")[2] for name in facts.get("interpreters") or () if name.count("-") > 1}
        for platform in platforms:
            has[_system(facts.get("os"), platform)][row["host"]] = json.loads(row["libraries"])
    return has


def _system_of_wheel(row: sqlite3.Row) -> System:
    return _system(json.loads(row["system"] or "{}"), row["platform"])


def _system(facts: Any, platform: str) -> System:
    known = facts if isinstance(facts, dict) else {}
    return str(known.get("id")), str(known.get("version")), platform
