"""What the controller has a builder do: the assignment of one build, checked where it arrives."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal, TypedDict

#: Version of the assignment's, the result's and the status's form. A builder refuses what it does not know.
SCHEMA = 1

ATTEMPT_ID = re.compile(r"[a-z0-9][a-z0-9.+!_-]{0,199}")
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,250}")

#: Why something is built: for the index; to show that a builder can build; to compare with what another built.
Kind = Literal["build", "canary", "rebuild"]


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


def checked_attempt(attempt: str) -> str:
    """`attempt` itself if it is an id, which makes it a safe file name. Raises ProtocolError."""
    if not isinstance(attempt, str) or not ATTEMPT_ID.fullmatch(attempt):
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
