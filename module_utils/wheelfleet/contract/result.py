"""What a builder answers: the result of one attempt, `result.json` in its folder of the outbox."""

from __future__ import annotations

from typing import TypedDict

from .reasons import Reason

#: Version of the result's form.
SCHEMA = 1

#: The steps of an attempt. "unpack" applies the patches and reads pyproject.toml as well.
PHASES = ("fetch", "unpack", "crates", "environment", "requires", "build", "repair", "check", "collect")


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
