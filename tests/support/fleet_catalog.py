"""A catalog with a queue and builders, for tests of claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from wheelfleet.catalog.release_targets import settle
from wheelfleet.planner import batches
from wheelfleet.planner.batches import HostWork
from wheelfleet.planner.outcome import Outcome, record_outcome

from tests.support.catalogs import ControllerState, insert

NOW = 1_800_000_000.0
MAX_ATTEMPTS = 3


class Fleet(ControllerState):
    """A catalog with the targets 9 (cp39) and 11 (cp311); the test adds builders."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        for ident, name in ((9, "cp39"), (11, "cp311")):
            self.target(name, id=ident, preference=ident, python_version="3", tags=[f"{name}-{name}-linux"])

    def builder(self, host: str = "pi1", *targets: str | int, slots: int = 1, speed: float = 1.0, **more: Any) -> None:
        """Add a builder of known speed that offers the targets."""
        super().builder(host, *targets, **{"facts": {"slots": slots}, "speed": speed, **more})

    def queue(
        self,
        name: str,
        *targets: int,
        seconds: float = 10.0,
        version: str = "1.0",
        sha256: str = "aa",
        recency: str = "older",
        now: float = NOW,
    ) -> int:
        """Queue a release for the targets; returns its ID."""
        release = self.insert("release", project_id=self.project(name), version=version)
        sdist = self.upstream_file(release, f"{name}-{version}.tar.gz", sha256=sha256)
        more = {"verdict": "build", "reason": "test", "sdist_id": sdist}
        more |= {"predicted_seconds": seconds, "recency": recency}
        with self.catalog.writing() as db:
            for target in targets:
                insert(db, "release_target", release_id=release, target_id=target, **more)
            settle(db, release, MAX_ATTEMPTS, now)
        return release

    def claim(self, host: str = "pi1", run: str = "run1", now: float = NOW) -> HostWork | None:
        return batches.claim(self.catalog, host=host, run=run, now=now)

    def begin(self, *attempts: str, now: float = NOW) -> None:
        batches.begin(self.catalog, attempts, now)

    def finish(
        self,
        attempt: str,
        *,
        outcome: str = "failed",
        failure_class: str | None = "test-class",
        blocks: str | None = None,
        serves: tuple[int, ...] = (),
        seconds: float = 1.0,
        now: float = NOW,
        **more: Any,
    ) -> None:
        """Record a result, as admission does; the last one closes its batch."""
        with self.catalog.writing() as db:
            row = db.execute("SELECT * FROM attempt WHERE id = ?", (attempt,)).fetchone()
            for target in serves:
                facts = {"sha256": "", "size": 1, "metadata_sha256": "", "tags": "[]", "added_at": 0}
                release, filename = row["release_id"], f"{attempt}-{target}.whl"
                wheel = insert(db, "wheel", release_id=release, attempt_id=attempt, filename=filename, **facts)
                insert(db, "wheel_target", release_id=release, target_id=target, wheel_id=wheel)
            said = Outcome(outcome, None if outcome == "built" else failure_class, blocks)
            said = replace(said, seconds=seconds, peak_memory=1, **more)
            record_outcome(db, attempt, said, now=now, max_attempts=MAX_ATTEMPTS)
        batches.close_finished(self.catalog, row["host"])

    def needs(self, release: int) -> dict[int, str]:
        """The release's `need` by target."""
        rows = self.catalog.db.execute("SELECT target_id, need FROM release_target WHERE release_id = ?", (release,))
        return {row["target_id"]: row["need"] for row in rows}


def names(held: HostWork | None) -> list[str]:
    """The projects of a host's builds, in order."""
    return [assignment.name for assignment in held.builds] if held else []
