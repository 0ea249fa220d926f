"""Compares a rebuilt wheel with the wheel of another builder. The rebuilt wheel is untrusted and never admitted."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ..catalog import rebuilds
from ..catalog.database import Catalog
from ..catalog.states import RebuildVerdict
from ..contract.shape import ContractError
from ..text import printable
from .classify import classify
from .result import log_tail, read_result
from .wheel_archive import Archive, Entry, Limits, Refused

#: Number of differing files that are recorded, and characters of each name.
MOST_NAMES, LONGEST_NAME = 20, 200
#: Number of differing files in a sentence.
_NAMED = 3


@dataclass(frozen=True)
class RebuildReport:
    """`verdict` is agrees, differs or failed; `filename` and `builder` are those of the published wheel."""

    verdict: RebuildVerdict
    filename: str
    builder: str
    sentence: str | None = None
    differences: tuple[str, ...] = ()
    sha256: str | None = None


def compare_rebuild(
    catalog: Catalog, files: Path, staging: Path, ident: str, *, host: str, now: float
) -> RebuildReport | None:
    """Compare the result of a rebuild on `host`, fetched into `staging`, with the published wheel; record the verdict.

    Returns None if no rebuild `ident` of that host waits for a result.
    """
    row = catalog.db.execute(
        """
        SELECT w.filename, w.sha256, w.built_as, p.name, a.host FROM rebuild x
        JOIN wheel w ON w.id = x.wheel_id JOIN attempt a ON a.id = w.attempt_id
        JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id
        WHERE x.id = ? AND x.host = ? AND x.verdict IS NULL
        """,
        (ident, host),
    ).fetchone()
    if row is None:
        return None
    sent = json.loads(row["built_as"]) if row["built_as"] else {"filename": row["filename"], "sha256": row["sha256"]}
    report = _compare(staging, ident, row["name"], Sent(**sent, published=row["filename"]), row["host"], files)
    with catalog.writing() as db:
        rebuilds.finish(
            db,
            ident,
            report.verdict,
            sha256=report.sha256,
            sentence=report.sentence,
            differences=report.differences,
            now=now,
        )
    return report


@dataclass(frozen=True)
class Sent:
    """The published wheel as its builder sent it, and its published name."""

    filename: str
    sha256: str
    published: str


def _compare(staging: Path, ident: str, name: str, first: Sent, builder: str, files: Path) -> RebuildReport:
    filename = first.published
    try:
        result = read_result(staging, ident)
    except ContractError as error:
        return RebuildReport("failed", filename, builder, printable(str(error)))
    if result["outcome"] != "built":
        why = classify(result, log_tail(staging, "log.gz"), name)
        return RebuildReport("failed", filename, builder, f"{why.failure_class}: {why.sentence}")
    if len(result["wheels"]) != 1 or not (staging / result["wheels"][0]["filename"]).is_file():
        return RebuildReport("failed", filename, builder, "It sent no wheel, or several.")
    theirs = staging / result["wheels"][0]["filename"]
    with theirs.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if theirs.name != first.filename:
        other = printable(theirs.name)[:LONGEST_NAME]
        return RebuildReport("differs", filename, builder, f"Its wheel is named {other}.", sha256=found)
    if found == first.sha256:
        return RebuildReport("agrees", filename, builder, sha256=found)
    try:
        names = differing_files(files / name / filename, theirs)
    except Refused as error:
        return RebuildReport("differs", filename, builder, str(error), sha256=found)
    if filename != first.filename:
        # The controller gave it another build tag, which changes these two files.
        names = [each for each in names if not each.endswith((".dist-info/WHEEL", ".dist-info/RECORD"))]
    return RebuildReport("differs", filename, builder, _sentence(names), tuple(names[:MOST_NAMES]), found)


def differing_files(one: Path, other: Path) -> list[str]:
    """The files that differ between two wheels, or that only one has. Raises Refused.

    RECORD lists the others, so it is left out unless it alone differs.
    """
    ours, theirs = _entries(one), _entries(other)
    names = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    record = [name for name in names if name.endswith(".dist-info/RECORD")]
    return [printable(name)[:LONGEST_NAME] for name in names if name not in record] or [*map(printable, record)]


def _entries(path: Path) -> dict[str, tuple[int, int]]:
    """Size and checksum of each file. A CRC suffices, because the hashes already show that the wheels differ."""
    archive = Archive(path, Limits())
    with archive.file:
        return {entry.name: _known_by(entry) for entry in archive.entries}


def _known_by(entry: Entry) -> tuple[int, int]:
    return entry.size, entry.crc


def _sentence(names: list[str]) -> str:
    if not names:
        return "The same files, with other dates, modes, compression or in another order."
    more = len(names) - _NAMED
    others = "" if more <= 0 else " and 1 more file" if more == 1 else f" and {more} more files"
    return f"Other bytes in {', '.join(names[:_NAMED])}{others}."
