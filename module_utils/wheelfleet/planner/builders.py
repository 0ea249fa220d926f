"""The builders of this run and the targets they offer, as rows of the catalog."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from packaging.version import InvalidVersion, Version

from ..catalog import builders as rows
from ..contract.report import OfferedTarget, Report
from ..contract.shape import ContractError
from ..libc import libc_of_target
from ..limited_api import FIRST_MINOR_OF_ABI3T
from .judge import Target
from .requeue import BuilderChange, changes_of_builder
from .scope import BadScope, digest


def record_builders(
    db: sqlite3.Connection, builders: Mapping[str, Mapping[str, Any]], now: float, *, join: bool = False
) -> list[BuilderChange]:
    """Set `builder`, `target` and `builder_target` to what the builders of this run reported.

    `builders` maps a host to its report (contract). With `join` they come in addition to the builders that are here.
    A target that no builder offers any longer stays known, with its wheels. Rows change only if a report did. Returns
    the builders' news, because failures may wait for them. Raises BadScope.
    """
    offers: dict[tuple[str, int], tuple[str, str]] = {}
    news: list[BuilderChange] = []
    for host, data in builders.items():
        report = Report.from_data(data)
        try:
            report.check()
        except ContractError as error:
            raise BadScope(f"{host} reports what is no report: {error}") from error
        facts = json.dumps(report.facts, sort_keys=True)
        listed = None if report.packages is None else json.dumps(sorted(report.packages))
        news += changes_of_builder(db, host, report.facts, report.packages)
        libraries = None if report.libraries is None else json.dumps(report.libraries, sort_keys=True)
        rows.put(db, host, facts, listed, now, libraries)
        for target in report.targets:
            offers[host, _record_target(db, target)] = (target["tools"], target["interpreter"])
    known = {
        (row["host"], row["target_id"]): (row["tools"], row["interpreter"])
        for row in db.execute("SELECT host, target_id, tools, interpreter FROM builder_target")
    }
    gone = () if join else known.keys() - offers.keys()
    for key in gone:
        rows.remove_target(db, *key)
    for key, value in offers.items():
        if known.get(key) != value:
            rows.put_target(db, *key, *value)
    return news


def offered_targets(db: sqlite3.Connection) -> list[Target]:
    """The targets that the builders of this run offer, in the order in which they are tried."""
    rows = db.execute(
        """
        SELECT id, name, python_version, tags, preference FROM target
        WHERE id IN (SELECT target_id FROM builder_target) ORDER BY preference, id
        """
    )
    return [
        Target(
            row["id"],
            row["name"],
            Version(row["python_version"]),
            frozenset(json.loads(row["tags"])),
            row["preference"],
        )
        for row in rows
    ]


def targets_fingerprint(targets: Sequence[Target]) -> str:
    """A digest of the targets: verdicts made under another one are out of date."""
    return digest([(t.id, t.name, str(t.python_version), sorted(t.tags), t.preference) for t in targets])


def _record_target(db: sqlite3.Connection, target: OfferedTarget) -> int:
    try:
        version = Version(target["python_version"])
    except InvalidVersion as error:
        raise BadScope(
            f"The interpreter {target['interpreter']} says its version is {target['python_version']!r}, "
            "which is none; remove it from builder_pythons."
        ) from error
    row = {
        "name": target["name"],
        "python_version": str(version),
        "implementation": target["implementation"],
        "platform": target["platform"],
        "preference": _preference(target["implementation"], version, target["name"]),
        "tags": json.dumps(list(target["tags"])),
    }
    db.execute(
        """
        INSERT INTO target (name, python_version, implementation, platform, preference, tags)
        VALUES (:name, :python_version, :implementation, :platform, :preference, :tags)
        ON CONFLICT (name) DO UPDATE SET python_version = :python_version, preference = :preference, tags = :tags
        WHERE python_version <> :python_version OR tags <> :tags OR preference <> :preference
        """,
        row,
    )
    return int(db.execute("SELECT id FROM target WHERE name = ?", (target["name"],)).fetchone()["id"])


def _preference(implementation: str, version: Version, name: str) -> int:
    """A sort key of targets: the first is the one whose wheels serve most of the others.

    CPython comes first, because only its wheels have an ABI that other Pythons share. Then glibc, because more systems
    have it than musl, and the code for one does not run with the other. Then the oldest C library: newer ones run the
    code made with it, and an older one does not (PEP 600). Then the oldest Python, because its abi3 wheels
    serve later ones. Then ARMv7, because Raspberry Pi OS makes the same code on it as on ARMv6, and `builder.repair`
    repairs that wheel and tags it for both.

    From Python 3.15 on the free-threaded build comes before the other one, because its abi3t wheels serve both
    (PEP 803). Before, its wheels serve nothing else.
    """
    other = 0 if re.fullmatch("cpython", implementation, re.IGNORECASE) else 1
    libc_name, libc = libc_of_target(name) or ("", (0, 0))
    threads = 1
    if re.match(r"cp\d+-cp\d+t-", name):
        threads = 0 if (version.major, version.minor) >= (3, FIRST_MINOR_OF_ABI3T) else 2
    key = 0
    for part, below in (
        (other, 2),
        (1 if libc_name == "musl" else 0, 2),
        (libc[0], 100),
        (libc[1], 1000),
        (version.major, 100),
        (version.minor, 1000),
        (threads, 10),
        (1 if "_armv6l" in name else 0, 2),
    ):
        key = key * below + min(part, below - 1)
    return key
