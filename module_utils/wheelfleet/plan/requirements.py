"""Requirements files as scope: their dependency closure is what pip on the target would install.

pip itself resolves, on a builder, with the target's interpreter (`library/wheelfleet_resolve.py`); here is what the
catalog remembers of it, and when it must be asked again: when the file changed, or the page of a project
in the closure did.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from .judge import Target
from .scope import BadScope, Wish, digest

# No digest equals these: a failed resolution is asked again next time whatever the pages say, a fresh one as long as
# nobody has read the pages of its closure.
_ASK_AGAIN = "again"
_PAGES_NOT_READ = "not read"


@dataclass(frozen=True)
class RequirementsFile:
    """A requirements file with everything it includes, ready to be sent to another host."""

    requirements: str
    constraints: str = ""

    @property
    def digest(self) -> str:
        """Changes with the file's contents."""
        return digest(self.requirements, self.constraints)


@dataclass(frozen=True)
class Resolve:
    """A requirements file that has to be resolved for a target, and a host that can."""

    digest: str
    requirements: str
    constraints: str
    target: str
    target_id: int
    host: str
    tools: str


@dataclass(frozen=True)
class Resolution:
    """pip's answer: the pins (name, version) of the closure, or the problem in one sentence."""

    digest: str
    target_id: int
    pins: tuple[tuple[str, str], ...]
    problem: str | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Resolution:
        """Read what the resolve module returned."""
        return cls(
            str(data["digest"]),
            int(data["target_id"]),
            tuple((str(name), str(version)) for name, version in data["pins"]),
            data.get("problem") or None,
        )


def read_requirements_file(path: Path) -> RequirementsFile:
    """Read a requirements file with the files it includes by -r and -c. Raises BadScope."""
    requirements: list[str] = []
    constraints: list[str] = []
    _read_lines(path, requirements, constraints, ())
    return RequirementsFile("\n".join(requirements) + "\n", "\n".join(constraints) + "\n" if constraints else "")


def _read_lines(path: Path, into: list[str], constraints: list[str], within: tuple[Path, ...]) -> None:
    path = path.resolve()
    if path in within:
        raise BadScope(f"The requirements file {path} includes itself; remove the line that does.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadScope(
            f"controller_requirements names {path}, which cannot be read ({error}); correct the name or remove it."
        ) from error
    for line in text.replace("\\\n", " ").splitlines():
        stripped = line.strip()
        included = re.match(r"(-r|--requirement|-c|--constraint)[ =]\s*(.+)", stripped)
        if included:
            target = constraints if included[1] in ("-c", "--constraint") else into
            _read_lines(path.parent / included[2].strip(), target, constraints, (*within, path))
        elif stripped and not stripped.startswith("#"):
            into.append(stripped)


def pinned_wishes(db: sqlite3.Connection, files: Iterable[RequirementsFile], targets: Sequence[Target]) -> list[Wish]:
    """One wish for every pin of every resolved requirements file, limited to the targets that resolved to it."""
    by_pin: dict[tuple[str, str], set[int]] = {}
    for file in files:
        for target in targets:
            row = _resolution(db, file, target.id)
            for name, version in json.loads(row["pins"]) if row else ():
                by_pin.setdefault((name, version), set()).add(target.id)
    return [
        Wish(canonicalize_name(name), f"=={version}", 1, frozenset(target_ids))
        for (name, version), target_ids in sorted(by_pin.items())
    ]


def to_resolve(db: sqlite3.Connection, files: Iterable[RequirementsFile], targets: Sequence[Target]) -> list[Resolve]:
    """What pip has to be asked again, each on one builder that offers the target."""
    missing = []
    for file in files:
        for target in targets:
            row = _resolution(db, file, target.id)
            if row is not None and row["pages"] == _pages_digest(db, json.loads(row["pins"])):
                continue
            offer = db.execute(
                "SELECT host, tools FROM offer WHERE target_id = ? ORDER BY host LIMIT 1", (target.id,)
            ).fetchone()
            missing.append(
                Resolve(
                    file.digest,
                    file.requirements,
                    file.constraints,
                    target.name,
                    target.id,
                    offer["host"],
                    offer["tools"],
                )
            )
    return missing


def confirm_resolutions(db: sqlite3.Connection) -> None:
    """The pages of freshly resolved closures have been read: from now on a change of one means resolve again."""
    rows = db.execute("SELECT digest, target_id, pins FROM resolution WHERE pages = ?", (_PAGES_NOT_READ,)).fetchall()
    for row in rows:
        db.execute(
            "UPDATE resolution SET pages = ? WHERE digest = ? AND target_id = ?",
            (_pages_digest(db, json.loads(row["pins"])), row["digest"], row["target_id"]),
        )


def record_resolution(db: sqlite3.Connection, resolution: Resolution, now: float) -> bool:
    """Remember pip's answer; returns whether it is another one than before.

    A problem is kept with what was known before: a passing fault empties no scope.
    """
    row = db.execute(
        "SELECT pins, problem FROM resolution WHERE digest = ? AND target_id = ?",
        (resolution.digest, resolution.target_id),
    ).fetchone()
    pins = sorted([canonicalize_name(name), version] for name, version in resolution.pins)
    if resolution.problem:
        pins = json.loads(row["pins"]) if row else []
    pages = _ASK_AGAIN if resolution.problem else _PAGES_NOT_READ
    db.execute(
        """
        INSERT OR REPLACE INTO resolution (digest, target_id, resolved_at, pages, pins, problem)
        VALUES (?, ?, ?, ?, ?, ?)
        """,
        (resolution.digest, resolution.target_id, now, pages, json.dumps(pins), resolution.problem),
    )
    return row is None or json.loads(row["pins"]) != pins or row["problem"] != resolution.problem


def resolution_problems(db: sqlite3.Connection, files: Iterable[RequirementsFile]) -> list[tuple[str, str]]:
    """The requirements files pip cannot satisfy now: for which target, and why."""
    digests = [file.digest for file in files]
    rows = db.execute(
        f"""
        SELECT t.name, r.problem FROM resolution r JOIN target t ON t.id = r.target_id
        WHERE r.problem IS NOT NULL AND r.digest IN ({",".join("?" * len(digests))})
        """,
        digests,
    )
    return [(row["name"], row["problem"]) for row in rows]


def _resolution(db: sqlite3.Connection, file: RequirementsFile, target_id: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM resolution WHERE digest = ? AND target_id = ?", (file.digest, target_id)
    ).fetchone()
    return row


def _pages_digest(db: sqlite3.Connection, pins: Sequence[Sequence[str]]) -> str:
    pages = []
    for name, _ in pins:
        row = db.execute("SELECT page_digest, state FROM project WHERE name = ?", (name,)).fetchone()
        pages.append([name, row["page_digest"] if row else None])
    return digest(pages)
