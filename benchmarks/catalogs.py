"""Makes large catalogs for measurements: projects, releases, wheels for some targets, attempts.

The rows are like a real fleet's, but wheels have no bytes of their own: on the site each wheel and its metadata is a
link to one of a few sample files.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from wheelfleet.catalog.database import Catalog

from tests.support.catalogs import insert

#: 2025-11-22, the time of the first wheels; the last ones are a year later.
BEGINNING = 1_763_769_600.0
YEAR = 365 * 86400.0
TARGETS = (
    ("cp311-cp311-linux_aarch64-glibc2.36", "cp311-cp311-manylinux_2_28_aarch64", "3.11"),
    ("cp313-cp313-linux_aarch64-glibc2.41", "cp313-cp313-manylinux_2_28_aarch64", "3.13"),
    ("cp311-cp311-linux_armv7l-glibc2.36", "cp311-cp311-linux_armv7l", "3.11"),
    ("cp39-cp39-linux_armv6l-glibc2.31", "cp39-cp39-linux_armv6l", "3.9"),
)
#: Links to one file, at most: ext4 allows 65,000.
MOST_LINKS = 50_000
_SYLLABLES = (
    "ba",
    "co",
    "da",
    "fu",
    "gel",
    "hi",
    "jin",
    "ka",
    "lo",
    "mar",
    "ne",
    "op",
    "py",
    "qua",
    "ro",
    "si",
    "tor",
    "un",
)
_BUILD_REQUIRES = json.dumps([{"name": "setuptools", "version": "80.9.0"}, {"name": "wheel", "version": "0.45.1"}])


@dataclass(frozen=True)
class Wheel:
    """A wheel of the catalog, with the facts that an index shows."""

    project: str
    version: str
    filename: str
    sha256: str
    metadata_sha256: str
    requires_python: str
    added_at: float


class Generated:
    """A catalog of `projects` projects with `files` wheels, the first project with `largest` wheels.

    The same numbers give the same catalog. Each release has a wheel for each of `targets` targets, so `files` and
    `largest` are multiples of `targets`.
    """

    def __init__(self, root: Path, projects: int, files: int, *, largest: int = 0, targets: int = len(TARGETS)) -> None:
        self.root = root
        self.targets = TARGETS[:targets]
        self.draw = random.Random(1)
        self.names = self._names(projects)
        self.releases = self._releases(projects, files // targets, largest // targets)
        root.mkdir(parents=True)
        Catalog(self.path).close()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            self._write(db)

    @property
    def path(self) -> Path:
        """The catalog's file."""
        return self.root / "catalog.sqlite"

    @property
    def site(self) -> Path:
        """The site's folder."""
        return self.root / "site"

    @property
    def largest(self) -> str:
        """The name of the project with the most wheels."""
        return self.names[0]

    def wheels(self) -> Iterator[Wheel]:
        """All wheels, by project and release."""
        serial = 0
        for name, releases in zip(self.names, self.releases):
            for release in range(releases):
                version = f"{release // 100}.{release // 10 % 10}.{release % 10}"
                for _, tag, _ in self.targets:
                    serial += 1
                    yield Wheel(
                        name,
                        version,
                        f"{name.replace('-', '_')}-{version}-{tag}.whl",
                        hashlib.sha256(b"wheel %d" % serial).hexdigest(),
                        hashlib.sha256(b"metadata %d" % serial).hexdigest(),
                        ">=3.9",
                        BEGINNING + serial * 7919 % YEAR,
                    )

    def place_files(self) -> None:
        """Link every wheel and its metadata into the site."""
        metadata = b"Metadata-Version: 2.1\nName: sample\nVersion: 1\nSummary: Something to measure with\n\n"
        samples = self.root / "samples"
        samples.mkdir()
        folder = ""
        for number, wheel in enumerate(self.wheels()):
            sample = f"{samples}/{number // MOST_LINKS}"
            if number % MOST_LINKS == 0:
                Path(sample).write_bytes(b"wheel")
                Path(f"{sample}.metadata").write_bytes(metadata)
            if folder != f"{self.site}/files/{wheel.project}":
                folder = f"{self.site}/files/{wheel.project}"
                os.makedirs(folder)  # noqa: PTH103 - many of them
            os.link(sample, f"{folder}/{wheel.filename}")
            os.link(f"{sample}.metadata", f"{folder}/{wheel.filename}.metadata")

    def _names(self, projects: int) -> list[str]:
        """Distinct names of words of two to four syllables, some with a second word or a prefix."""
        names: dict[str, None] = {}
        while len(names) < projects:
            word = "".join(self.draw.choices(_SYLLABLES, k=self.draw.randint(2, 4)))
            other = "".join(self.draw.choices(_SYLLABLES, k=2))
            names[self.draw.choice((word, f"{word}-{other}", f"python-{word}"))] = None
        return list(names)

    def _releases(self, projects: int, releases: int, largest: int) -> list[int]:
        """The number of releases of each project: few have many. The first one has `largest`, unless that is 0."""
        if largest:
            return [largest, *self._releases(projects - 1, releases - largest, 0)]
        weights = [self.draw.lognormvariate(0, 1) for _ in range(projects)]
        spare, whole = releases - projects, sum(weights)
        counts = [1 + int(weight / whole * spare) for weight in weights]
        for index in range(releases - sum(counts)):
            counts[index] += 1
        return counts

    def _write(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")
        db.executemany(
            "INSERT INTO project (id, name, display_name, state, in_scope, judged) VALUES (?, ?, ?, 'present', 1, 1)",
            ((number, name, name) for number, name in enumerate(self.names, 1)),
        )
        db.executemany(
            "INSERT INTO target (id, name, python_version, implementation, platform, preference, tags) "
            "VALUES (?, ?, ?, 'cpython', ?, ?, ?)",
            (
                (number, name, python, name.split("-")[2], number, json.dumps([tag]))
                for number, (name, tag, python) in enumerate(self.targets, 1)
            ),
        )
        insert(db, "batch", id="batch", host="pi1", run="run1", claimed_at=0, lease_until=0, state="done")
        project_ids = {name: number for number, name in enumerate(self.names, 1)}
        release = 0
        for number, wheel in enumerate(self.wheels(), 1):
            target = (number - 1) % len(self.targets)
            if target == 0:
                release += 1
                self._write_release(db, release, project_ids[wheel.project], wheel)
            self._write_wheel(db, number, release, target + 1, wheel)
        db.execute("COMMIT")

    def _write_release(self, db: sqlite3.Connection, release: int, project: int, wheel: Wheel) -> None:
        insert(db, "release", id=release, project_id=project, version=wheel.version)
        sdist = f"{wheel.project.replace('-', '_')}-{wheel.version}.tar.gz"
        insert(
            db,
            "upstream_file",
            id=release,
            release_id=release,
            filename=sdist,
            kind="sdist",
            url=f"/files/{sdist}",
            sha256=wheel.sha256,
            size=100000,
            upload_time="2025-11-01T10:00:00.000000Z",
            requires_python=">=3.9",
        )

    def _write_wheel(self, db: sqlite3.Connection, number: int, release: int, target: int, wheel: Wheel) -> None:
        attempt = f"{wheel.project}-{wheel.version}-{number:08x}"
        seconds = 5 + number * 31 % 600
        insert(
            db,
            "release_target",
            release_id=release,
            target_id=target,
            verdict="build",
            reason="upstream has no wheel this target can install",
            sdist_id=release,
        )
        insert(
            db,
            "attempt",
            id=attempt,
            batch_id="batch",
            run="run1",
            host=f"pi{number % 20}",
            release_id=release,
            target_id=target,
            sdist_filename="sdist.tar.gz",
            predicted_seconds=seconds,
            state="done",
            claimed_at=wheel.added_at - seconds,
            finished_at=wheel.added_at,
            outcome="built",
            seconds=seconds,
            cpu_seconds=seconds,
            peak_memory=90000000,
            interpreter="CPython 3.11.2",
            build_requires=_BUILD_REQUIRES,
        )
        insert(
            db,
            "wheel",
            id=number,
            release_id=release,
            attempt_id=attempt,
            filename=wheel.filename,
            sha256=wheel.sha256,
            size=20000 + number * 613 % 5000000,
            metadata_sha256=wheel.metadata_sha256,
            requires_python=wheel.requires_python,
            tags=json.dumps([self.targets[target - 1][1]]),
            added_at=wheel.added_at,
            sdist_filename="sdist.tar.gz",
        )
        insert(db, "wheel_target", release_id=release, target_id=target, wheel_id=number)
