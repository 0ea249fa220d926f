"""The test upstream's projects, with every earlier state.

Its clock is its serial: a change with serial N happened N seconds after `EPOCH`.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from functools import partial

from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support import sdists
from tests.support.artifacts import Artifact
from tests.support.upstream_pages import Project, PublishedFile

EPOCH = datetime(2024, 1, 1, tzinfo=timezone.utc)

ChangelogRow = tuple[str, "str | None", int, str, int]


class Holdings:
    """The upstream's projects, with every earlier state, so that it can serve old pages."""

    def __init__(self) -> None:
        self.serial = 0
        self.changelog: list[ChangelogRow] = []
        self._lock = threading.RLock()
        self._history: dict[str, list[Project]] = {}

    def add_file(
        self, artifact: Artifact, *, upload_time: datetime | str | None = None, yanked: str | None = None
    ) -> int:
        """Publish one file and return the new serial. `yanked` is a reason, which may be empty."""
        action = f"add {'source' if artifact.kind == 'sdist' else 'py3'} file {artifact.filename}"
        with self._change(artifact.name) as project:
            versions = {file.artifact.version for file in project.files}
            if not project.exists:
                self._log(project.name, None, "create")
            if artifact.version not in versions:
                self._log(project.name, artifact.version, "new release")
            self._log(project.name, artifact.version, action)
            moment = upload_time or EPOCH + timedelta(seconds=self.serial)
            text = moment if isinstance(moment, str) else _iso(moment)
            file = PublishedFile(lambda: artifact, text, yanked)
            kept = tuple(each for each in project.files if each.artifact.filename != artifact.filename)
            self._store(replace(project, files=(*kept, file), exists=True))
        return self.serial

    def add_release(
        self, *artifacts: Artifact, upload_time: datetime | str | None = None, yanked: str | None = None
    ) -> int:
        """Publish the files of a release (or of several)."""
        for artifact in artifacts:
            self.add_file(artifact, upload_time=upload_time, yanked=yanked)
        return self.serial

    def yank(self, name: str, version: str, reason: str = "") -> int:
        return self._change_release(name, version, "yank release", lambda file: replace(file, yanked=reason))

    def unyank(self, name: str, version: str) -> int:
        return self._change_release(name, version, "unyank release", lambda file: replace(file, yanked=None))

    def delete_release(self, name: str, version: str) -> int:
        return self._change_release(name, version, "remove release", lambda file: None)

    def delete_file(self, name: str, filename: str) -> int:
        with self._change_existing(name) as project:
            victim = next(file for file in project.files if file.artifact.filename == filename)
            self._log(project.name, victim.artifact.version, f"remove file {filename}")
            self._store(replace(project, files=tuple(file for file in project.files if file is not victim)))
        return self.serial

    def delete_project(self, name: str) -> int:
        with self._change_existing(name) as project:
            self._log(project.name, None, "remove project")
            self._store(Project(project.name, 0, exists=False))
        return self.serial

    def set_status(self, name: str, status: str, reason: str | None = None) -> int:
        """Set a project's status (PEP 792): active, archived, deprecated or quarantined."""
        with self._change_existing(name) as project:
            self._log(project.name, None, f"project status {status}")
            self._store(replace(project, status=status, reason=reason))
        return self.serial

    def quarantine(self, name: str, reason: str | None = None) -> int:
        """Hide all files of a project; its page and name stay."""
        return self.set_status(name, "quarantined", reason)

    def create_project(self, name: str) -> int:
        """Add a project without files; returns the new serial."""
        with self._change(name) as project:
            self._log(name, None, "create")
            self._store(replace(project, name=name, exists=True))
        return self.serial

    def rename(self, displayed: str) -> int:
        """Change the spelling of a project's name: `rename("RPi.Fake")` for `rpi-fake`."""
        with self._change_existing(displayed) as project:
            self._log(displayed, None, "rename")
            self._store(replace(project, name=displayed))
        return self.serial

    def touch(self, name: str) -> int:
        """Give a project a new serial without a change of its page."""
        with self._change_existing(name) as project:
            self._log(project.name, None, "docupdate")
            self._store(project)
        return self.serial

    def populate(self, count: int, prefix: str = "project") -> None:
        """Add `count` projects of one release with one sdist; its bytes are made at the first request."""
        with self._lock:
            for number in range(count):
                name = f"{prefix}-{number:06}"
                self._log(name, "1.0", f"add source file {name.replace('-', '_')}-1.0.tar.gz")
                file = PublishedFile(partial(sdists.pure_sdist, name, "1.0"), _iso(EPOCH))
                self._history.setdefault(name, []).append(Project(name, self.serial, (file,)))

    def restore(self, at: int) -> int:
        """Return to the state at serial `at`, like a restored mirror. Later serials count from there."""
        with self._lock:
            self.serial = at
            self.changelog = [row for row in self.changelog if row[4] <= at]
            past = {name: [each for each in states if each.serial <= at] for name, states in self._history.items()}
            self._history = {name: states for name, states in past.items() if states}
        return at

    def project(self, name: str, at: int | None = None) -> Project | None:
        """A project, now or at the index's serial `at`; None if it did not exist."""
        with self._lock:
            history = self._history.get(canonicalize_name(name), [])
            known = len(history) if at is None else bisect_right(history, at, key=lambda state: state.serial)
        found = history[known - 1] if known else None
        return found if found is not None and found.exists else None

    def projects(self, at: int | None = None) -> list[Project]:
        with self._lock:
            names = sorted(self._history)
            return [found for name in names if (found := self.project(name, at)) is not None]

    def knew(self, name: str) -> bool:
        """Whether the project exists or ever existed."""
        return canonicalize_name(name) in self._history

    def serial_of(self, name: str) -> int:
        """The serial of the last change of a project, deleted or not."""
        return self._history[canonicalize_name(name)][-1].serial

    def serial_before_last_change(self, name: str) -> int:
        return max(self.serial_of(name) - 1, 0)

    @contextmanager
    def _change(self, name: str) -> Iterator[Project]:
        with self._lock:
            yield self.project(name) or Project(name, 0, exists=False)

    @contextmanager
    def _change_existing(self, name: str) -> Iterator[Project]:
        with self._change(name) as project:
            if not project.exists:
                raise KeyError(f"the test upstream has no project {name}")
            yield project

    def _change_release(
        self, name: str, version: str, action: str, change: Callable[[PublishedFile], PublishedFile | None]
    ) -> int:
        wanted = str(Version(version))
        with self._change_existing(name) as project:
            if not any(file.artifact.version == wanted for file in project.files):
                raise KeyError(f"the test upstream has no release {name} {version}")
            self._log(project.name, wanted, action)
            files = (change(file) if file.artifact.version == wanted else file for file in project.files)
            self._store(replace(project, files=tuple(file for file in files if file is not None)))
        return self.serial

    def _log(self, name: str, version: str | None, action: str) -> None:
        self.serial += 1
        moment = int(EPOCH.timestamp()) + self.serial
        self.changelog.append((name, version, moment, action, self.serial))

    def _store(self, project: Project) -> None:
        history = self._history.setdefault(canonicalize_name(project.name), [])
        history.append(replace(project, serial=self.serial))


def _iso(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
