"""The result of one attempt, `result.json` in its folder of the builder's outbox.

It is untrusted on the controller: `check_result` refuses a document that is no result of the attempt, and `believed`
brings the fields of a result into shape and bounds.
"""

# The types are read at run time (see `shape`).

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, Optional, TypedDict, TypeVar, get_args

from ..text import plain, printable
from .assignment import Kind
from .bounds import MOST_SDIST_NAMES
from .reasons import Reason
from .shape import ContractError, is_number

#: Version of the result's form.
SCHEMA = 1

Outcome = Literal["built", "failed"]
#: The phases of an attempt. "unpack" also applies the patches and reads pyproject.toml.
Phase = Literal[
    "fetch", "unpack", "crates", "modules", "environment", "requires", "build", "repair", "check", "collect"
]
PHASES: tuple[Phase, ...] = get_args(Phase)
#: Which limit or kill ended a build; "interrupted": its builder went down, or its runner was killed too often;
#: "operator": somebody ordered it.
StoppedBy = Literal["timeout", "silence", "memory", "processes", "disk", "log", "killed", "interrupted", "operator"]
#: "unneeded": the wheel needs no library in it.
RepairOutcome = Literal["repaired", "unneeded", "impossible"]
Verdict = Literal["imported", "failed", "unchecked"]
#: Why a check failed. "not-installable": an installer refuses the wheel. The others: `subject` is a missing shared
#: library, or a missing module of another project.
CheckReason = Literal["not-installable", "missing-library", "missing-module"]


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
    """The repair of a wheel: the libraries that were copied into it."""

    #: "auditwheel 6.4.2"
    tool: str
    #: `message` has the reason or details.
    outcome: RepairOutcome
    #: The platform tag with the libc that the wheel needs: "manylinux_2_36_x86_64" (PEP 600).
    platform: Optional[str]
    #: File names of the libraries that were put into the wheel: "libjpeg.so.62.3.0".
    vendored: list[str]
    message: Optional[str]


class Check(TypedDict):
    """Whether the wheel can be installed and imported in a clean environment."""

    verdict: Verdict
    modules: list[str]
    #: One sentence; None only if the modules were imported and there is no more to know.
    message: Optional[str]
    reason: Optional[CheckReason]
    subject: Optional[str]


#: "cmake": a package of CMake's find_package. "host": a server whose address was asked for.
LookedForKind = Literal["header", "library", "pkg-config", "tool", "cmake", "host"]


class LookedFor(TypedDict):
    """Something that a build looked for and did not find; the build can make it up."""

    kind: LookedForKind
    name: str


class SdistNames(TypedDict):
    """The sdist's own names, by which the controller recognises those of other projects."""

    #: The build backend (PEP 517), with PEP 517's default where pyproject.toml names none.
    backend: Optional[str]
    #: Modules and packages beside setup.py and in its folder src: build isolation takes them off the path.
    modules: list[str]
    #: Normalised names of all projects that it declares as requirements.
    declared: list[str]


class Result(TypedDict):
    schema: int
    attempt: str
    #: The assignment's; None until that was read.
    kind: Optional[Kind]
    outcome: Outcome
    stopped_by: Optional[StoppedBy]
    #: The last phase that began.
    phase: Optional[Phase]
    #: The front end's exit code, negative for a signal; None if it never ran or a limit stopped it.
    exit_code: Optional[int]
    seconds: float
    cpu_seconds: float
    #: Bytes.
    peak_memory: int
    #: "CPython 3.11.2"
    interpreter: Optional[str]
    build_requires: list[Requirement]
    #: Of the sdist that the builder fetched.
    sdist_sha256: Optional[str]
    #: The Summary of the sdist's metadata.
    summary: Optional[str]
    #: One sentence for people; programs read `reason`.
    message: Optional[str]
    reason: Optional[Reason]
    #: The subject of the reason, for some: see `reasons`.
    about: Optional[str]
    #: None until the sdist was read.
    project: Optional[SdistNames]
    #: What the build looked for in vain, the last one first; empty unless it was watched (`Adjustments.watch`).
    looked_for: list[LookedFor]
    wheels: list[BuiltWheel]
    log: LogFile
    #: "bubblewrap", or None: the package's code ran without a sandbox.
    sandbox: Optional[str]
    repair: Optional[Repair]
    #: Packages of the distribution whose libraries the wheel needs at run time and does not have in it.
    apt: list[str]
    #: Paths of files with machine code in the wheel whose bytes are in the sdist as they are. They count as data, for
    #: any machine.
    from_sdist: list[str]
    check: Optional[Check]


#: The name of a result's log.
LOG = "log.gz"


def new_result(attempt: str) -> Result:
    """The result of an attempt before its first step; `outcome` is failed until a wheel is there."""
    return {
        "schema": SCHEMA,
        "attempt": attempt,
        "kind": None,
        "outcome": "failed",
        "stopped_by": None,
        "phase": "fetch",
        "exit_code": None,
        "seconds": 0.0,
        "cpu_seconds": 0.0,
        "peak_memory": 0,
        "interpreter": None,
        "build_requires": [],
        "sdist_sha256": None,
        "summary": None,
        "message": None,
        "reason": None,
        "about": None,
        "project": None,
        "looked_for": [],
        "wheels": [],
        "log": {"filename": LOG, "size": 0},
        "sandbox": None,
        "repair": None,
        "apt": [],
        "from_sdist": [],
        "check": None,
    }


# ------------------------------------------------------------------------------------------------------- validation

_T = TypeVar("_T")

_PLATFORM = re.compile(r"[a-z0-9_]{1,64}")
_LIBRARY = re.compile(r"[A-Za-z0-9_.+-]{1,128}")
#: A Debian package's name (Debian Policy 5.6.7).
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,100}")
_MODULE = re.compile(r"\w{1,100}(?:\.\w{1,100}){0,20}")
_TOP_MODULE = re.compile(r"\w{1,100}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_BACKEND = re.compile(r"[\w.:-]{1,200}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LOOKED_FOR = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_+.-]{0,80}/){0,5}[A-Za-z0-9_][A-Za-z0-9_+.-]{0,80}")
_MOST_LOOKED_FOR = 60
_MOST_WORDS = 200
_MOST_REQUIREMENTS = 500
_LONGEST_SENTENCE = 600
_LONGEST_SUMMARY = 512


def check_result(document: Any, attempt: str) -> None:
    """Raise ContractError unless a document is a result of the attempt."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ContractError("The builder's result.json is of no schema we know; provision the builder again.")
    if document.get("attempt") != attempt:
        raise ContractError("The builder's result.json speaks of another attempt.")
    if document.get("outcome") not in get_args(Outcome):
        raise ContractError("The builder's result.json names no outcome.")
    for key in ("seconds", "cpu_seconds", "peak_memory"):
        if not is_number(document.get(key)) or document[key] < 0:
            raise ContractError(f"The builder's result.json has no sensible {key}.")
    names = [wheel["filename"] for wheel in _wheels(document.get("wheels"))]
    if any("/" in name or name.startswith(".") or not name.endswith(".whl") for name in names):
        raise ContractError("The builder's result.json names a file that is no wheel.")


def sanitized(document: Mapping[str, Any]) -> Result:
    """A document as a result: each field in shape and bounds, or empty if it is not."""
    of = document.get
    return {
        "schema": SCHEMA,
        "attempt": str(of("attempt")),
        "kind": one_of(Kind, of("kind")),
        "outcome": "built" if of("outcome") == "built" else "failed",
        "stopped_by": one_of(StoppedBy, of("stopped_by")),
        "phase": one_of(Phase, of("phase")),
        "exit_code": int(of("exit_code", 0)) if is_number(of("exit_code")) else None,
        "seconds": _number(of("seconds")),
        "cpu_seconds": _number(of("cpu_seconds")),
        "peak_memory": int(_number(of("peak_memory"))),
        "interpreter": printable(str(of("interpreter") or ""))[:200] or None,
        "build_requires": _requirements(of("build_requires")),
        "sdist_sha256": _matching(_SHA256, of("sdist_sha256")),
        "summary": _summary(of("summary")),
        "message": sentence(of("message")),
        "reason": one_of(Reason, of("reason")),
        "about": sentence(of("about")),
        "project": _project(of("project")),
        "looked_for": looked_for(of("looked_for")),
        "wheels": _wheels(of("wheels")),
        "log": {"filename": LOG, "size": 0},
        "sandbox": _matching(_TOP_MODULE, of("sandbox")),
        "repair": sanitized_repair(of("repair")),
        "apt": sorted(set(words(of("apt"), _PACKAGE))),
        "from_sdist": words(of("from_sdist")),
        "check": sanitized_check(of("check")),
    }


def sanitized_repair(value: Any) -> Optional[Repair]:
    """`believed` for a repair; None without an outcome of the set."""
    outcome = one_of(RepairOutcome, value.get("outcome")) if isinstance(value, dict) else None
    if outcome is None:
        return None
    return {
        "tool": printable(str(value.get("tool")))[:100],
        "outcome": outcome,
        "platform": _matching(_PLATFORM, value.get("platform")),
        "vendored": words(value.get("vendored"), _LIBRARY),
        "message": sentence(value.get("message")),
    }


def sanitized_check(value: Any) -> Optional[Check]:
    """`believed` for a check; None without a verdict of the set."""
    verdict = one_of(Verdict, value.get("verdict")) if isinstance(value, dict) else None
    if verdict is None:
        return None
    return {
        "verdict": verdict,
        "modules": words(value.get("modules"), _MODULE),
        "message": sentence(value.get("message")),
        "reason": one_of(CheckReason, value.get("reason")),
        "subject": sentence(value.get("subject")),
    }


def looked_for(value: Any) -> list[LookedFor]:
    """The entries of a list that are names of things a build can look for, of its first 60."""
    given = value[:_MOST_LOOKED_FOR] if isinstance(value, list) else []
    pairs = [(one_of(LookedForKind, e.get("kind")), e.get("name")) for e in given if isinstance(e, dict)]
    return [
        {"kind": kind, "name": name}
        for kind, name in pairs
        if kind and isinstance(name, str) and len(name) <= 100 and _LOOKED_FOR.fullmatch(name)
    ]


def one_of(codes: Any, value: Any) -> Any:
    """A code of a closed set (a Literal); None for everything else."""
    return value if isinstance(value, str) and value in get_args(codes) else None


def words(value: Any, form: Optional[re.Pattern[str]] = None, most: int = _MOST_WORDS) -> list[str]:
    """The entries of a list that are text and have the form, of its first `most`."""
    found = value[:most] if isinstance(value, list) else []
    return [word for word in found if isinstance(word, str) and (form is None or form.fullmatch(word))]


def sentence(value: Any) -> Optional[str]:
    """A text as one sentence that can be stored and shown; None for everything else."""
    return plain(value, _LONGEST_SENTENCE) or None if isinstance(value, str) else None


def _matching(form: re.Pattern[str], value: Any) -> Optional[str]:
    return value if isinstance(value, str) and form.fullmatch(value) else None


def _number(value: Any) -> float:
    return float(value) if is_number(value) else 0.0


def _summary(value: Any) -> Optional[str]:
    """A text as one line that can be stored and shown; None for everything else."""
    return printable(" ".join(value.split()))[:_LONGEST_SUMMARY] or None if isinstance(value, str) else None


def _mappings(value: Any, read: Callable[[dict[str, Any]], _T], most: int) -> list[_T]:
    return [read(each) for each in value[:most] if isinstance(each, dict)] if isinstance(value, list) else []


def _requirements(value: Any) -> list[Requirement]:
    return _mappings(
        value,
        lambda each: {"name": str(each.get("name"))[:200], "version": str(each.get("version"))[:100]},
        _MOST_REQUIREMENTS,
    )


def _wheels(value: Any) -> list[BuiltWheel]:
    return _mappings(
        value,
        lambda each: {
            "filename": str(each.get("filename")),
            "size": int(_number(each.get("size"))),
            "sha256": _matching(_SHA256, each.get("sha256")) or "",
        },
        _MOST_WORDS,
    )


def _project(value: Any) -> Optional[SdistNames]:
    if not isinstance(value, dict):
        return None
    return {
        "backend": _matching(_BACKEND, value.get("backend")),
        "modules": words(value.get("modules"), _TOP_MODULE, MOST_SDIST_NAMES),
        "declared": words(value.get("declared"), _PROJECT, MOST_SDIST_NAMES),
    }
