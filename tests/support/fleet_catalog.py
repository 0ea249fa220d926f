"""A catalog with a queue and builders, for the tests of who gets what."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from wheelfleet.catalog.database import Catalog
from wheelfleet.planner import batches
from wheelfleet.planner.batches import Held
from wheelfleet.planner.outcome import Outcome, record_outcome
from wheelfleet.planner.queue import settle

NOW = 1_800_000_000.0
TRIES = 3


class Fleet:
    """A catalog with targets cp39 and cp311, offered by the hosts a test names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.catalog = Catalog(path)
        with self.catalog.writing() as db:
            for ident, name in ((9, "cp39"), (11, "cp311")):
                db.execute(
                    "INSERT INTO target (id, name, python_version, implementation, platform, preference, tags) "
                    "VALUES (?, ?, '3', 'cpython', 'linux', ?, ?)",
                    (ident, name, ident, json.dumps([f"{name}-{name}-linux"])),
                )

    def builder(self, host: str, *targets: int, slots: int = 1, speed: float = 1.0) -> None:
        """A builder that offers the targets, and of whose speed enough is known."""
        with self.catalog.writing() as db:
            facts = json.dumps({"slots": slots})
            db.execute("INSERT INTO builder (host, facts, seen_at, speed) VALUES (?, ?, 0, ?)", (host, facts, speed))
            for target in targets:
                db.execute(
                    "INSERT INTO builder_target VALUES (?, ?, '/tools/python', '/usr/bin/python3')", (host, target)
                )

    def release(self, name: str, *targets: int, seconds: float = 10.0, version: str = "1.0", sha256: str = "aa") -> int:
        """A release wanted on the targets."""
        with self.catalog.writing() as db:
            db.execute(
                "INSERT OR IGNORE INTO project (name, display_name, state, in_scope) VALUES (?, ?, 'present', 1)",
                (name, name),
            )
            project = db.execute("SELECT id FROM project WHERE name = ?", (name,)).fetchone()["id"]
            release = db.execute(
                "INSERT INTO release (project_id, version) VALUES (?, ?)", (project, version)
            ).lastrowid
            sdist = db.execute(
                "INSERT INTO upstream_file (release_id, filename, kind, url, sha256) VALUES (?, ?, 'sdist', '/', ?)",
                (release, f"{name}-{version}.tar.gz", sha256),
            ).lastrowid
            for target in targets:
                db.execute(
                    "INSERT INTO release_target (release_id, target_id, verdict, reason, sdist_id, predicted_seconds) "
                    "VALUES (?, ?, 'build', 'test', ?, ?)",
                    (release, target, sdist, seconds),
                )
            settle(db, int(release or 0), TRIES)
            return int(release or 0)

    def claim(self, host: str = "pi1", run: str = "run1", now: float = NOW) -> Held | None:
        return batches.claim(self.catalog, host=host, run=run, now=now)

    def begin(self, *attempts: str, now: float = NOW) -> None:
        batches.begin(self.catalog, attempts, now)

    def finish(
        self,
        attempt: str,
        *,
        outcome: str = "failed",
        failure: str | None = "test-class",
        blocks: str | None = None,
        sentence: str | None = None,
        evidence: str | None = None,
        subject: str | None = None,
        serves: tuple[int, ...] = (),
        seconds: float = 1.0,
        now: float = NOW,
        **more: Any,
    ) -> None:
        """A result, recorded as the admission does; its batch ends with the last one."""
        with self.catalog.writing() as db:
            row = db.execute("SELECT * FROM attempt WHERE id = ?", (attempt,)).fetchone()
            for target in serves:
                wheel = db.execute(
                    "INSERT INTO wheel (release_id, attempt_id, filename, sha256, size, metadata_sha256, tags, "
                    "added_at) VALUES (?, ?, ?, '', 1, '', '[]', 0)",
                    (row["release_id"], attempt, f"{attempt}-{target}.whl"),
                ).lastrowid
                db.execute("INSERT INTO wheel_target VALUES (?, ?, ?)", (row["release_id"], target, wheel))
            failure = None if outcome == "built" else failure
            said = Outcome(outcome, failure, blocks, sentence=sentence, evidence=evidence, subject=subject)
            said = replace(said, seconds=seconds, peak_memory=1, **more)
            record_outcome(db, attempt, said, now=now, tries=TRIES)
        batches.close_finished(self.catalog, row["host"])

    def needs(self, release: int) -> dict[int, str]:
        rows = self.catalog.db.execute("SELECT target_id, need FROM release_target WHERE release_id = ?", (release,))
        return {row["target_id"]: row["need"] for row in rows}


def names(held: Held | None) -> list[str]:
    """The projects that a host has to build, in the order in which it will."""
    return [assignment.name for assignment in held.builds] if held else []
