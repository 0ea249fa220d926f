"""The assignment: one build as the controller hands it over, and as it lies in the builder's inbox."""

# The types are read at run time (see `shape`).

import json
import re
from pathlib import Path
from typing import Any, Literal, Optional, TypedDict

from .adjustments import Adjustments
from .shape import ContractError, check_shape

#: Version of the assignment's form. A builder refuses every other version.
SCHEMA = 2

ATTEMPT_ID = re.compile(r"[a-z0-9][a-z0-9.+!_-]{0,199}")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}")

#: The purpose of a build: a wheel of the index; to show that a builder can build; to compare with another build.
Kind = Literal["build", "canary", "rebuild"]


class Sdist(TypedDict):
    filename: str
    #: Empty for the canary that comes with the builder's code.
    url: str
    #: In hexadecimal; None if upstream states no hash.
    sha256: Optional[str]
    size: Optional[int]
    #: ISO 8601 in UTC (PEP 700).
    upload_time: Optional[str]


class Limits(TypedDict):
    """The limits of one build."""

    seconds: float
    silence_seconds: float
    #: Bytes; 0 in a hand-over: a share of the host's.
    memory: int
    #: Most at a time.
    processes: int
    #: Bytes.
    disk: int
    #: Bytes.
    log: int


class Finish(TypedDict):
    """The steps after the build of a wheel."""

    #: Copy the libraries that it needs into it, where the platform's policy allows that.
    repair: bool
    #: Names of libraries (`libssl.so.3`) that are never copied into a wheel.
    exclude: list[str]
    #: Install it into a clean environment and import its modules.
    check: bool


class HandOver(TypedDict):
    """One build as the controller sends it to the module on the builder."""

    schema: int
    #: The attempt's ID: safe characters only, never used twice.
    attempt: str
    kind: Kind
    #: Attempts with a lower position are built first.
    position: float
    name: str
    version: str
    sdist: Sdist
    target: str
    #: The interpreter that builds: the Python of a virtual environment with pip (22.3 or later) and build.
    tools: str
    own_index_url: Optional[str]
    #: The sparse index of crates, or "auto": the one that the builder's cargo is configured for; None: no crates.
    crates_index: Optional[str]
    #: The Go module proxy, or "auto": the one that the builder's go is configured for; None: no modules.
    go_proxy: Optional[str]
    #: More options for pip by their long names (`{"cert": "…"}`), as pip reads them from its environment.
    pip_options: dict[str, Any]
    limits: Limits
    environment: dict[str, str]
    #: The host builds nothing else at the same time.
    alone: bool
    #: False only if the operator explicitly allows builds without a sandbox.
    sandbox: bool
    #: `Adjustments.as_data()`.
    adjustments: dict[str, Any]
    #: ISO 8601 in UTC: build requirements are chosen among the files uploaded before it.
    uploaded_before: Optional[str]
    finish: Finish
    #: Bytes: the highest memory use of a build of the project on the target; 0: never built.
    peak_memory: int


class Assignment(HandOver):
    """One build as it lies in the inbox: completed by the builder, with limits, environment and jobs adjusted."""

    index_url: str
    #: Most compilers at once.
    jobs: int


def checked_attempt(attempt: str) -> str:
    """`attempt` itself if it is an attempt's ID, and so a safe file name. Raises ContractError."""
    if not isinstance(attempt, str) or not ATTEMPT_ID.fullmatch(attempt):
        raise ContractError(
            f"{attempt!r} is not an attempt's id; an id begins with a lower-case letter or a digit, "
            "goes on with those and . + ! _ -, and has at most 200 characters."
        )
    return attempt


def checked_filename(filename: str) -> str:
    """`filename` itself if it is a safe name of a distribution file. Raises ContractError."""
    if not isinstance(filename, str) or not _FILENAME.fullmatch(filename):
        raise ContractError(f"{filename!r} is not a file name of a distribution; it has characters that none has.")
    return filename


def checked_assignment(data: Any, attempt: Optional[str] = None) -> Assignment:
    """`data` itself if a builder of this version can work on it. Raises ContractError.

    With `attempt` (from the file's name) it must be the assignment of that attempt.
    """
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else None
        raise ContractError(
            f"This builder reads assignments of schema {SCHEMA}, not {found!r}; "
            "provision the builder again, so that controller and builder run the same version."
        )
    if attempt not in (None, data.get("attempt")):
        raise ContractError(f"The assignment in {attempt}.json is that of {data.get('attempt')!r}; hand it over again.")
    checked_attempt(data.get("attempt", ""))
    check_shape(data, Assignment, "the assignment")
    checked_filename(data["sdist"]["filename"])
    Adjustments.from_data(data["adjustments"])
    return data  # type: ignore[return-value]


def read_assignment(path: Path, attempt: str) -> Assignment:
    """The assignment in the file `path`. Raises ContractError, or FileNotFoundError if it was withdrawn."""
    try:
        data = json.loads(path.read_bytes())
    except ValueError as error:
        raise ContractError(f"{path} is not JSON ({error}); hand the assignment over again.") from error
    return checked_assignment(data, attempt)
