"""The folders under `builder_home`.

An assignment is at any moment in exactly one place, and goes from one to the next by one rename:

    inbox/ATTEMPT.json  →  work/ATTEMPT/assignment.json  →  work/ATTEMPT/result/.assignment.json  →  outbox/ATTEMPT/
        waiting                  being built                   finished, not yet delivered             delivered

so that a kill at any moment leaves a state that says what to do next.
"""

from __future__ import annotations

from pathlib import Path

from ..atomic_files import visible
from ..contract.assignment import ATTEMPT_ID, checked_attempt


class NotReady(Exception):
    """The builder cannot do its part as it is; the message says what is wrong and what to do."""


def folders(home: Path) -> list[Path]:
    """A builder's folders, each after the one it lies in."""
    return [home, *(home / name for name in ("inbox", "work", "outbox", "lib", "tools", "envs", "cache"))]


class BuilderHome:
    """The folders of one builder. The path is made canonical, for processes are recognised by it."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).resolve()
        self.inbox = self.path / "inbox"
        self.work = self.path / "work"
        self.outbox = self.path / "outbox"
        #: Build environments that builds share and cannot write to, and what they were installed from.
        self.envs = self.path / "envs"
        self.cache = self.path / "cache"
        self.lock = self.path / "worker.lock"
        self.status = self.path / "status.json"
        self.log = self.path / "worker.log"

    def create(self) -> None:
        """Make the folders, for their owner only. Raises NotReady."""
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

    def queued(self) -> list[str]:
        """The attempts that wait in the inbox, in no particular order."""
        names = (name[: -len(".json")] for name in visible(self.inbox) if name.endswith(".json"))
        return [name for name in names if ATTEMPT_ID.fullmatch(name)]


class WorkDir:
    """One build's private folder, `work/ATTEMPT`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.attempt = path.name
        self.assignment = path / "assignment.json"
        #: How often this build was begun.
        self.starts = path / "starts"
        self.log = path / "log"
        self.sdist = path / "sdist"
        self.source = path / "source"
        self.wheels = path / "wheels"
        self.home = path / "home"
        self.tmp = path / "tmp"
        #: CARGO_HOME of a build whose crates were fetched.
        self.cargo = path / "cargo"
        #: What the steps of a build tell one another; what runs inside the sandbox writes there.
        self.control = path / "control"
        #: Files of uv and pip when they resolve requirements, outside the sandbox.
        self.resolver = path / "resolver"
        #: A build environment that is this build's alone.
        self.environment = path / "environment"
        #: The sandbox's own folders.
        self.rootfs = path / "rootfs"
        #: How far it came and what it used, should it be killed.
        self.progress = path / "progress.json"
        self.result = path / "result"
        #: Here, the assignment says that the result is whole and only has to be delivered.
        self.finished = self.result / ".assignment.json"
