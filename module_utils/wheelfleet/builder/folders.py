"""The folders below `builder_home`.

An assignment is at any moment in exactly one place, and moves to the next by one rename:

    inbox/ATTEMPT.json  →  work/ATTEMPT/assignment.json  →  work/ATTEMPT/result/.assignment.json  →  outbox/ATTEMPT/
       waiting                  being built                   finished, not yet delivered             delivered

so after a kill at any moment the folders show how to continue.
"""

from __future__ import annotations

from pathlib import Path

from ..atomic_files import visible
from ..contract.assignment import ATTEMPT_ID, checked_attempt


class NotReady(Exception):
    """The builder cannot work as it is; the message is a sentence with the cure."""


def folders(home: Path) -> list[Path]:
    """A builder's folders, parents first."""
    return [home, *(home / name for name in ("inbox", "work", "outbox", "stop", "lib", "tools", "envs", "cache"))]


class BuilderHome:
    """The folders of one builder. The path is resolved, because processes are found by it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).resolve()
        self.inbox = self.path / "inbox"
        self.work = self.path / "work"
        self.outbox = self.path / "outbox"
        #: An empty file by the name of each attempt that the controller wants ended.
        self.stop = self.path / "stop"
        #: Shared build environments, read-only for builds; `cache` has the files that they were made from.
        self.envs = self.path / "envs"
        self.cache = self.path / "cache"
        self.lock = self.path / "worker.lock"
        self.status = self.path / "status.json"
        self.log = self.path / "worker.log"

    def create(self) -> None:
        """Make the folders, accessible only to their owner. Raises NotReady."""
        try:
            for folder in folders(self.path):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise NotReady(
                f"The builder's home {self.path} cannot be used ({error.strerror}); "
                "set builder_home to a folder that the building user may write to."
            ) from error

    def waiting(self, attempt: str) -> Path:
        return self.inbox / f"{checked_attempt(attempt)}.json"

    def work_dir(self, attempt: str) -> WorkDir:
        return WorkDir(self.work / checked_attempt(attempt))

    def delivered(self, attempt: str) -> Path:
        return self.outbox / checked_attempt(attempt)

    def to_stop(self) -> list[str]:
        """The attempts that the controller wants ended."""
        return [name for name in visible(self.stop) if ATTEMPT_ID.fullmatch(name)]

    def stop_file(self, attempt: str) -> Path:
        return self.stop / checked_attempt(attempt)

    def queued(self) -> list[str]:
        """The IDs of the attempts in the inbox, in no particular order."""
        names = (name[: -len(".json")] for name in visible(self.inbox) if name.endswith(".json"))
        return [name for name in names if ATTEMPT_ID.fullmatch(name)]


class WorkDir:
    """One build's private folder, `work/ATTEMPT`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attempt = path.name
        self.assignment = path / "assignment.json"
        #: Number of starts of this build, and the boot of the last one.
        self.starts = path / "starts"
        self.log = path / "log"
        self.sdist = path / "sdist"
        self.source = path / "source"
        self.wheels = path / "wheels"
        self.home = path / "home"
        self.tmp = path / "tmp"
        #: CARGO_HOME of a build with fetched crates.
        self.cargo = path / "cargo"
        #: Modules of a build with Go code.
        self.go = path / "go"
        #: Messages between the steps of a build; untrusted, because code in the sandbox can write there.
        self.control = path / "control"
        #: Files of uv and pip while they resolve requirements, outside the sandbox.
        self.resolver = path / "resolver"
        #: The private environment of this build, if it has one.
        self.environment = path / "environment"
        #: The sandbox's root, with its writable folders.
        self.rootfs = path / "rootfs"
        #: The progress of the build, for the case that it is killed.
        self.progress = path / "progress.json"
        self.result = path / "result"
        #: The assignment's last place: the result is complete and only has to be delivered.
        self.finished = self.result / ".assignment.json"
