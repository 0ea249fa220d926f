"""What the controller has a builder do: one build, as it is handed over and as it lies in the builder's inbox."""

# The types are read at run time (see `shape`).

import json
import re
from pathlib import Path
from typing import Any, Literal, Optional, TypedDict

from .adjustments import Adjustments
from .shape import ContractError, check_shape

#: Version of the assignment's form. A builder refuses what it does not know.
SCHEMA = 2

ATTEMPT_ID = re.compile(r"[a-z0-9][a-z0-9.+!_-]{0,199}")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}")

#: Why something is built: for the index; to show that a builder can build; to compare with what another built.
Kind = Literal["build", "canary", "rebuild"]


class Sdist(TypedDict):
    filename: str
    #: Empty for the canary that comes with the builder's code.
    url: str
    #: In hexadecimal; None when upstream states no hash.
    sha256: Optional[str]
    size: Optional[int]
    #: ISO 8601 in UTC, as upstream's JSON has it.
    upload_time: Optional[str]


class Limits(TypedDict):
    """What one build may use."""

    seconds: float
    silence_seconds: float
    #: Bytes; 0 in a hand-over: a share of the host's.
    memory: int
    #: At a time.
    processes: int
    #: Bytes.
    disk: int
    #: Bytes.
    log: int


class Finish(TypedDict):
    """What is done with the wheel that the build made."""

    #: Take the libraries it needs into it, where the platform's policy allows that.
    repair: bool
    #: Names of libraries (`libssl.so.3`) that never go into a wheel.
    exclude: list[str]
    #: Install it into a clean environment and import its modules.
    check: bool


class HandOver(TypedDict):
    """One build as the controller hands it over to the module on the builder."""

    schema: int
    #: The attempt's id: of safe characters, and never used twice.
    attempt: str
    kind: Kind
    #: Attempts with a lower order are built first.
    order: float
    name: str
    version: str
    sdist: Sdist
    target: str
    #: The interpreter that builds: the Python of a virtual environment that has pip (22.3 or newer) and build.
    tools: str
    own_index_url: Optional[str]
    #: The sparse index from which crates are fetched, or "auto" for the one that the builder's cargo asks by itself;
    #: None: builds get no crates.
    crates_index: Optional[str]
    #: More options for pip by their long names (`{"cert": "…"}`), as pip reads them from its environment.
    pip_options: dict[str, Any]
    limits: Limits
    environment: dict[str, str]
    #: Nothing else is built while it is.
    alone: bool
    #: false only where the operator allowed by name to build without.
    sandbox: bool
    #: In what it differs from other builds: `Adjustments.as_data()`.
    adjustments: dict[str, Any]
    #: ISO 8601 in UTC: build requirements are chosen among what had been uploaded by then.
    uploaded_before: Optional[str]
    finish: Finish
    #: Bytes: the most that a build of the project was seen to use on the target; 0: never built.
    peak_memory: int


class Assignment(HandOver):
    """One build as it lies in the inbox: with what only the builder knows, and with limits, environment and jobs as the
    adjustments want them."""

    index_url: str
    #: Compilers at once.
    jobs: int


def checked_attempt(attempt: str) -> str:
    """`attempt` itself if it is an id, which makes it a safe file name. Raises ContractError."""
    if not isinstance(attempt, str) or not ATTEMPT_ID.fullmatch(attempt):
        raise ContractError(
            f"{attempt!r} is not an attempt's id; an id begins with a lower-case letter or a digit, "
            "goes on with those and . + ! _ -, and has at most 200 characters."
        )
    return attempt


def checked_filename(filename: str) -> str:
    """`filename` itself if it is a plain name of a distribution file. Raises ContractError."""
    if not isinstance(filename, str) or not _FILENAME.fullmatch(filename):
        raise ContractError(f"{filename!r} is not a file name of a distribution; it has characters that none has.")
    return filename


def checked_assignment(data: Any, attempt: Optional[str] = None) -> Assignment:
    """`data` itself if a builder of this version can work on it. Raises ContractError.

    With `attempt` it must be the assignment of that id, as its file name says.
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
    """The assignment in `path`. Raises ContractError, or FileNotFoundError when it is not there any more."""
    try:
        data = json.loads(path.read_bytes())
    except ValueError as error:
        raise ContractError(f"{path} is not JSON ({error}); hand the assignment over again.") from error
    return checked_assignment(data, attempt)
