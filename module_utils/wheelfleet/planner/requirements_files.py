"""Requirements files as scope: the closure is what pip would install on the target.

They are read on the controller (`requirements_reader`). pip resolves them on a builder with the target's interpreter
(`library/wheelfleet_resolve.py`). This module keeps the resolutions in the catalog. A file is resolved again when it
changed, when the page of a project in its closure changed, and as long as a line cannot be resolved.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from .judge import Target
from .scope import ScopeRule, digest
from .unconsidered import Unconsidered

# No digest equals these: a failed resolution is repeated in each run, a new one until its closure's pages are read.
_ASK_AGAIN = "again"
_PAGES_NOT_READ = "not read"


@dataclass(frozen=True)
class Line:
    """A line as pip reads it, with its file and number; `why` is a clause with the reason why it plays no part."""

    text: str
    path: str
    number: int | None = None
    why: str = ""

    @property
    def where(self) -> str:
        """FILE:LINE."""
        return self.path if self.number is None else f"{self.path}:{self.number}"


@dataclass(frozen=True)
class RequirementsFile:
    """A requirements file with all files that it includes; `options` are lines that change pip's choice of releases."""

    path: str
    lines: tuple[Line, ...] = ()
    constraints: tuple[Line, ...] = ()
    options: tuple[Line, ...] = ()
    problems: tuple[Line, ...] = ()
    ignored: tuple[Line, ...] = ()

    @property
    def digest(self) -> str:
        """A digest of the lines that pip resolves."""
        return digest(*(sorted({line.text for line in each}) for each in (self.lines, self.constraints, self.options)))

    def question(self, suspects: Iterable[str]) -> dict[str, list[str]]:
        """The input of `builder/resolver`: lines in their order, each once; `suspects` are lines that failed before."""
        return {
            "lines": list(dict.fromkeys(line.text for line in self.lines)),
            "constraints": list(dict.fromkeys(line.text for line in self.constraints)),
            "options": [line.text for line in self.options],
            "suspects": sorted(suspects),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> RequirementsFile:
        """The reverse of `dataclasses.asdict`."""
        lines = {name: tuple(Line(**line) for line in value) for name, value in data.items() if name != "path"}
        return cls(data["path"], **lines)


@dataclass(frozen=True)
class Resolve:
    """A requirements file that must be resolved for a target, and a host that can do it."""

    path: str
    digest: str
    question: dict[str, list[str]]
    target: str
    target_id: int
    host: str
    tools: str


def forget_other_files(db: sqlite3.Connection, files: Iterable[RequirementsFile]) -> None:
    """Delete the resolutions of files that the inventory does not name any longer."""
    paths = json.dumps([file.path for file in files])
    if db.execute("SELECT 1 FROM resolution WHERE path NOT IN (SELECT value FROM json_each(?))", (paths,)).fetchone():
        db.execute("DELETE FROM resolution WHERE path NOT IN (SELECT value FROM json_each(?))", (paths,))


def pinned_rules(
    db: sqlite3.Connection, files: Iterable[RequirementsFile], targets: Sequence[Target]
) -> list[ScopeRule]:
    """One rule for every pin of every resolved requirements file, limited to the targets that resolved to it."""
    by_pin: dict[tuple[str, str], set[int]] = {}
    for file in files:
        for target in targets:
            row = _resolution(db, file.path, target.id)
            for name, version in json.loads(row["pins"]) if row else ():
                by_pin.setdefault((name, version), set()).add(target.id)
    return [
        ScopeRule(canonicalize_name(name), f"=={version}", 1, frozenset(target_ids))
        for (name, version), target_ids in sorted(by_pin.items())
    ]


def to_resolve(db: sqlite3.Connection, files: Iterable[RequirementsFile], targets: Sequence[Target]) -> list[Resolve]:
    """The resolutions that are missing or out of date, each with a builder that offers the target."""
    missing = []
    for file in files:
        for target in targets:
            row = _resolution(db, file.path, target.id)
            if row and row["digest"] == file.digest and row["pages"] == _pages_digest(db, json.loads(row["pins"])):
                continue
            offer = db.execute(
                "SELECT host, tools FROM builder_target WHERE target_id = ? ORDER BY host LIMIT 1", (target.id,)
            ).fetchone()
            suspects = [each["line"] for each in json.loads(row["unresolved"])] if row is not None else []
            question = file.question(suspects)
            missing.append(
                Resolve(file.path, file.digest, question, target.name, target.id, offer["host"], offer["tools"])
            )
    return missing


def confirm_resolutions(db: sqlite3.Connection) -> None:
    """Keep the digest of the pages of new closures, which were just read: a change of a page means resolve again."""
    rows = db.execute("SELECT path, target_id, pins FROM resolution WHERE pages = ?", (_PAGES_NOT_READ,)).fetchall()
    for row in rows:
        db.execute(
            "UPDATE resolution SET pages = ? WHERE path = ? AND target_id = ?",
            (_pages_digest(db, json.loads(row["pins"])), row["path"], row["target_id"]),
        )


def record_resolution(db: sqlite3.Connection, answer: Mapping[str, Any], now: float) -> bool:
    """Keep the result of M(wheelfleet_resolve); returns whether it differs from the last one.

    If a line could be resolved before and cannot be now, the old pins stay: a transient failure takes nothing out of
    scope.
    """
    key = (str(answer["path"]), int(answer["target_id"]))
    row = _resolution(db, *key)
    pins = {canonicalize_name(name): str(version) for name, version in answer["pins"]}
    problem = answer.get("problem") or None
    unresolved = sorted(({"line": str(u["line"]), "reason": str(u["reason"])} for u in answer["unresolved"]), key=str)
    missed = {each["line"] for each in unresolved}
    asked = set(answer["lines"])
    lines = asked - missed
    if row is not None:
        before = set(json.loads(row["lines"]))
        if problem or before & missed:
            pins = dict(json.loads(row["pins"])) | pins
        # A line that was resolved once stays in `lines` while it fails.
        lines = before & asked if problem else lines | (before & missed)
    elif problem:
        lines = set()
    new = {
        "pins": json.dumps(sorted([name, version] for name, version in pins.items())),
        "lines": json.dumps(sorted(lines)),
        "unresolved": json.dumps(unresolved),
        "problem": problem,
    }
    outcome = ("pins", "unresolved", "problem")
    other = row is None or any(row[name] != new[name] for name in outcome)
    said = str(answer["log"]) if unresolved or problem else ""
    # pip's logs differ in times alone; with the same outcome the first log stays.
    log = said if row is None or other or not row["log"] else row["log"]
    pages = _ASK_AGAIN if unresolved or problem else _PAGES_NOT_READ
    db.execute(
        """
        INSERT INTO resolution (path, target_id, digest, resolved_at, pages, pins, lines, unresolved, problem, log)
        VALUES (:path, :target_id, :digest, :now, :pages, :pins, :lines, :unresolved, :problem, :log)
        ON CONFLICT (path, target_id) DO UPDATE SET digest = :digest, resolved_at = :now, pages = :pages, pins = :pins,
            lines = :lines, unresolved = :unresolved, problem = :problem, log = :log
        """,
        {"path": key[0], "target_id": key[1], "digest": answer["digest"], "now": now, "pages": pages, "log": log} | new,
    )
    return other


def unconsidered_requirements(
    db: sqlite3.Connection,
    files: Iterable[RequirementsFile],
    targets: Sequence[Target],
    unanswered: Iterable[Resolve],
) -> list[Unconsidered]:
    """Files and lines that play no part in this run, in their order; the same text of several targets comes once.

    `unanswered` are resolutions that no builder has made yet.
    """
    found: dict[tuple[str, str], Unconsidered] = {}
    for file in files:
        for each in (*(_unreadable(line) for line in file.problems), *_unresolved(db, file, targets)):
            found.setdefault((each.where, each.what), each)
    for asked in unanswered:
        row = _resolution(db, asked.path, asked.target_id)
        if row is not None and row["digest"] == asked.digest:
            continue
        sentence = f"What it needs on {asked.target} is not known, because {asked.host} has not been asked yet."
        each = Unconsidered(
            Path(asked.path).name, asked.path, "requirement", sentence, "It is asked by the next run that it is in."
        )
        found.setdefault((each.where, each.what), each)
    return list(found.values())


def _unreadable(line: Line) -> Unconsidered:
    sentence = f"This line plays no part, because {line.why}."
    return Unconsidered(line.text, line.where, "requirement", sentence, "Correct the line, or remove it.")


def _unresolved(db: sqlite3.Connection, file: RequirementsFile, targets: Sequence[Target]) -> Iterator[Unconsidered]:
    lines = {line.text: line for line in reversed(file.lines)}
    for target in targets:
        row = _resolution(db, file.path, target.id)
        if row is None or row["digest"] != file.digest:
            continue
        log = f"report/requirements/{_log_name(file.path, target.id)}.html" if row["log"] else ""
        if row["problem"]:
            sentence = f"It cannot be resolved for {target.name}. {row['problem']}"
            cure = "What was in scope before stays there; the next run asks again."
            yield Unconsidered(Path(file.path).name, file.path, "requirement", sentence, cure, log)
        for each in json.loads(row["unresolved"]):
            if each["line"] in lines:
                line = lines[each["line"]]
                sentence = f"It cannot be resolved for {target.name}: {each['reason']}"
                cure = "Correct the line, or remove it; until then each run asks again."
                yield Unconsidered(line.text, line.where, "requirement", sentence, cure, log)


def _log_name(path: str, target_id: int) -> str:
    """The file name of a resolution's log on the site, without an ending."""
    return f"{digest(path)[:12]}-{target_id}"


def resolution_logs(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """The logs of all resolutions: file name on the site without an ending, text."""
    rows = db.execute("SELECT path, target_id, log FROM resolution WHERE log <> '' ORDER BY path, target_id")
    return [(_log_name(row["path"], row["target_id"]), row["log"]) for row in rows]


def _resolution(db: sqlite3.Connection, path: str, target_id: int) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM resolution WHERE path = ? AND target_id = ?", (path, target_id)
    ).fetchone()
    return row


def _pages_digest(db: sqlite3.Connection, pins: Sequence[Sequence[str]]) -> str:
    pages = []
    for name, _ in pins:
        row = db.execute("SELECT page_digest, state FROM project WHERE name = ?", (name,)).fetchone()
        pages.append([name, row["page_digest"] if row else None])
    return digest(pages)
