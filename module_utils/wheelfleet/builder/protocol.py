"""What controller and builder say to each other: the folders under `builder_home` and the JSON in them.

An assignment is at any moment in exactly one place, and goes from one to the next by one rename:

    inbox/ATTEMPT.json  →  work/ATTEMPT/assignment.json  →  work/ATTEMPT/result/.assignment.json  →  outbox/ATTEMPT/
        waiting                  being built                   finished, not yet delivered             delivered

so that a kill at any moment leaves a state that says what to do next.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

from ..contract.reasons import Reason

#: Version of the assignment's, the result's and the status's form. A builder refuses what it does not know.
SCHEMA = 1

_ATTEMPT = re.compile(r"[a-z0-9][a-z0-9.+!_-]{0,199}")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}")


#: The steps of an attempt. "unpack" applies the patches and reads pyproject.toml as well.
PHASES = ("fetch", "unpack", "crates", "environment", "requires", "build", "repair", "check", "collect")


class ProtocolError(ValueError):
    """Controller and builder do not understand each other; the message says what is wrong and what to do."""


class Sdist(TypedDict):
    filename: str
    url: str
    #: In hexadecimal; None when upstream states no hash.
    sha256: str | None
    size: int | None
    #: ISO 8601 in UTC, as upstream's JSON has it.
    upload_time: str | None


class Limits(TypedDict):
    """What one build may use: whole seconds, bytes, and processes at a time."""

    seconds: float
    silence_seconds: float
    memory: int
    processes: int
    disk: int
    log: int


class Patch(TypedDict):
    #: For the log and for messages.
    name: str
    #: A unified diff whose paths have one folder in front (`-p1`).
    text: str


class Adjust(TypedDict):
    """In what a build differs from what its sdist asks for; empty for most."""

    #: Requirements (PEP 508) that everything in the build environment has to meet, without asking for it.
    constraints: list[str]
    #: Build requirements besides the declared ones.
    requires: list[str]
    #: ISO 8601 in UTC: build requirements are chosen among what had been uploaded by then.
    uploaded_before: str | None
    #: Applied in this order to the unpacked sdist.
    patches: list[Patch]
    #: For the build backend (PEP 517).
    config_settings: dict[str, str]
    #: Let the build environment's Cython generate anew what another one generated.
    regenerate: bool
    #: Rewrite C code for the C API of newer Pythons.
    modernize: bool
    #: Let the backend import what lies beside setup.py.
    source_on_path: bool


def unadjusted() -> Adjust:
    """A build as its sdist asks for it."""
    return {
        "constraints": [],
        "requires": [],
        "uploaded_before": None,
        "patches": [],
        "config_settings": {},
        "regenerate": False,
        "modernize": False,
        "source_on_path": False,
    }


class Finish(TypedDict):
    """What is done with the wheel that the build made."""

    #: Take the libraries it needs into it, where the platform's policy allows that.
    repair: bool
    #: Names of libraries (`libssl.so.3`) that never go into a wheel.
    exclude: list[str]
    #: Install it into a clean environment and import its modules.
    check: bool


class Assignment(TypedDict):
    schema: int
    attempt: str
    #: Attempts with a lower order are built first.
    order: int
    name: str
    version: str
    sdist: Sdist
    target: str
    #: The interpreter that builds: the Python of a virtual environment that has pip (22.3 or newer) and build.
    tools: str
    index_url: str
    own_index_url: str | None
    #: The sparse index from which crates are fetched, or "auto" for the one that the builder's cargo asks by itself;
    #: None: builds get no crates.
    crates_index: str | None
    #: More options for pip by their long names (`{"cert": "…"}`), as pip reads them from its environment.
    pip_options: dict[str, Any]
    limits: Limits
    environment: dict[str, str]
    jobs: int
    #: Nothing else is built while it is.
    alone: bool
    #: false only where the operator allowed by name to build without.
    sandbox: bool
    adjust: Adjust
    finish: Finish


class BuiltWheel(TypedDict):
    filename: str
    size: int
    sha256: str


class Requirement(TypedDict):
    name: str
    version: str


class LogFile(TypedDict):
    filename: str
    size: int


class Repair(TypedDict):
    """What became of the wheel's libraries."""

    #: "auditwheel 6.4.2"
    tool: str
    #: "repaired", "unneeded" (it needs nothing that has to be carried) or "impossible". `message` says why, or what
    #: else was done.
    outcome: str
    #: The platform tag that states which libc it needs: "manylinux_2_36_x86_64".
    platform: str | None
    #: The libraries that were put into the wheel, by the names of their files: "libjpeg.so.62.3.0".
    vendored: list[str]
    message: str | None


#: Why a check failed, where a program has to know: an installer refuses the wheel; `subject` is a shared library, or a
#: module of another project, that is missing.
CHECK_REASONS = ("not-installable", "missing-library", "missing-module")


class Check(TypedDict):
    """Whether the wheel can be installed and imported where it was not built."""

    #: "imported", "failed" or "unchecked"; the latter two with a `message`, the first if there is more to know.
    verdict: str
    modules: list[str]
    message: str | None
    #: One of CHECK_REASONS, or None.
    reason: str | None
    subject: str | None


class SdistNames(TypedDict):
    """What the sdist says of itself, for who has to tell its own names from strangers'."""

    #: The build backend as PEP 517 has it, with what follows from saying nothing.
    backend: str
    #: Modules and packages beside setup.py, which build isolation leaves off the path.
    modules: list[str]
    #: Names of the projects that it declares as requirements anywhere, normalised.
    declared: list[str]


class Result(TypedDict):
    schema: int
    attempt: str
    #: "built" or "failed".
    outcome: str
    #: Which limit or kill ended the build, if one did: see `supervise.Ending` and "interrupted".
    stopped_by: str | None
    #: How far it came: one of PHASES.
    phase: str
    #: The front end's exit code, negative for a signal; None when it never ran or was stopped by a limit.
    exit_code: int | None
    seconds: float
    cpu_seconds: float
    peak_memory: int
    interpreter: str | None
    #: What the sdist says the project is, in one line.
    summary: str | None
    build_requires: list[Requirement]
    sdist_sha256: str | None
    #: One sentence for people. What follows from it is `reason`'s to say.
    message: str | None
    reason: Reason | None
    #: What the reason is about, where it is about something: see `reasons`.
    about: str | None
    #: None until the sdist was read.
    project: SdistNames | None
    wheels: list[BuiltWheel]
    log: LogFile
    #: What held the package's code: "bubblewrap", or None where nothing did.
    sandbox: str | None
    repair: Repair | None
    #: Packages of the distribution whose libraries the wheel needs where it runs and does not carry.
    apt: list[str]
    #: Machine code in the wheel, by path, whose bytes lie in the sdist as they are: data, whatever machine it is for.
    from_sdist: list[str]
    check: Check | None


def folders(home: Path) -> list[Path]:
    """A builder's folders, each after the one it lies in."""
    return [home, *(home / name for name in ("inbox", "work", "outbox", "lib", "tools", "envs", "cache"))]


class Home:
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
        """Make the folders, for their owner only. Raises ProtocolError."""
        try:
            for folder in folders(self.path):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ProtocolError(
                f"The builder's home {self.path} cannot be used ({error.strerror}); "
                "set builder_home to a folder that the building user may write to."
            ) from error

    def waiting(self, attempt: str) -> Path:
        return self.inbox / f"{checked_attempt(attempt)}.json"

    def workshop(self, attempt: str) -> Workshop:
        return Workshop(self.work / checked_attempt(attempt))

    def delivered(self, attempt: str) -> Path:
        return self.outbox / checked_attempt(attempt)

    def queued(self) -> list[str]:
        """The attempts that wait in the inbox, in no particular order."""
        names = (name[: -len(".json")] for name in visible(self.inbox) if name.endswith(".json"))
        return [name for name in names if _ATTEMPT.fullmatch(name)]


class Workshop:
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
        #: What uv is asked, outside the sandbox.
        self.asked = path / "asked"
        #: A build environment that is this build's alone.
        self.environment = path / "environment"
        #: The sandbox's own folders.
        self.room = path / "room"
        #: How far it came and what it used, for whoever finds it killed.
        self.progress = path / "progress.json"
        self.result = path / "result"
        #: Here, the assignment says that the result is whole and only has to be delivered.
        self.finished = self.result / ".assignment.json"


def checked_attempt(attempt: str) -> str:
    """`attempt` itself if it is an id, which makes it a safe file name. Raises ProtocolError."""
    if not isinstance(attempt, str) or not _ATTEMPT.fullmatch(attempt):
        raise ProtocolError(
            f"{attempt!r} is not an attempt's id; an id begins with a lower-case letter or a digit, "
            "goes on with those and . + ! _ -, and has at most 200 characters."
        )
    return attempt


def checked_filename(filename: str) -> str:
    """`filename` itself if it is a plain name of a distribution file. Raises ProtocolError."""
    if not isinstance(filename, str) or not _FILENAME.fullmatch(filename):
        raise ProtocolError(f"{filename!r} is not a file name of a distribution; it has characters that none has.")
    return filename


def checked_assignment(data: Any, attempt: str | None = None) -> Assignment:
    """`data` itself if a builder of this version can work on it. Raises ProtocolError.

    With `attempt` it must be the assignment of that id, as its file name says.
    """
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise ProtocolError(
            f"This builder reads assignments of schema {SCHEMA}, not {found!r}; "
            "provision the builder again, so that controller and builder run the same version."
        )
    for form, part, where in (
        (Assignment, data, "the assignment"),
        (Sdist, data.get("sdist"), "the assignment's sdist"),
        (Limits, data.get("limits"), "the assignment's limits"),
        (Adjust, data.get("adjust"), "the assignment's adjust"),
        (Finish, data.get("finish"), "the assignment's finish"),
    ):
        if form is Adjust and isinstance(part, dict):
            # An assignment that waited while this builder got newer code does without what it does not know.
            data["adjust"] = part = {**unadjusted(), **part}
        missing = sorted(form.__required_keys__ - set(part if isinstance(part, dict) else ()))
        if missing:
            raise ProtocolError(f"{where} lacks {', '.join(missing)}; provision the builder and try again.")
    if attempt not in (None, data["attempt"]):
        raise ProtocolError(f"The assignment in {attempt}.json is that of {data['attempt']!r}; hand it over again.")
    checked_attempt(data["attempt"])
    checked_filename(data["sdist"]["filename"])
    return data  # type: ignore[return-value]


def read_assignment(path: Path, attempt: str) -> Assignment:
    """The assignment in `path`. Raises ProtocolError, or FileNotFoundError when it is not there any more."""
    try:
        data = json.loads(path.read_bytes())
    except ValueError as error:
        raise ProtocolError(f"{path} is not JSON ({error}); hand the assignment over again.") from error
    return checked_assignment(data, attempt)


def write_json(path: Path, data: Mapping[str, Any], *, durable: bool = True, mode: int = 0o644) -> None:
    """Write `data` as `write_atomically` does."""
    write_atomically(path, json.dumps(data, separators=(",", ":")).encode(), durable=durable, mode=mode)


def write_atomically(path: Path, data: bytes, *, durable: bool = True, mode: int = 0o644) -> None:
    """Write `data` so that a reader sees the old file or the new one, and never a part.

    `durable` makes it survive a power cut; without it the file survives the death of the writer only.
    """
    unfinished = path.with_name(f".{path.name}.new")
    with unfinished.open("wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    unfinished.replace(path)
    if durable:
        sync(path.parent)


def sync(path: Path) -> None:
    """Have a file's or a folder's present state on the disk before returning."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def visible(folder: Path) -> list[str]:
    """The names in `folder`, sorted, without the hidden ones, which are still being written or on their way out."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208 - names only
    except FileNotFoundError:
        return []


def remove(path: Path) -> None:
    """Remove a file or a whole folder, whatever a build left in it. Raises OSError if it cannot be done."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except (OSError, RecursionError):
        if not os.path.lexists(path):
            return
        # Folders without write permission, nested deeper than Python follows, or being removed by somebody else too.
        subprocess.run(["chmod", "-R", "u+rwX", str(path)], stderr=subprocess.DEVNULL, check=False)
        removed = subprocess.run(["rm", "-rf", str(path)], stderr=subprocess.PIPE, text=True, check=False)
        if removed.returncode:
            raise OSError(f"{path} cannot be removed: {removed.stderr.strip()}") from None
