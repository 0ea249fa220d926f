"""Remedies: adjustments that the fleet itself tries after a failure, in the order of the table REMEDIES.

A remedy that does not help costs one build. Specific remedies come first. The date-matched build environment is the
last, because it helps against most build requirements that are too new.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..contract.adjustments import Adjustments
from ..contract.result import PHASES
from ..removed_api import ASSIGNED_MACROS, GONE_HEADERS, GONE_NAMES
from .projects_of_modules import guessed, is_adopted, is_reviewed, is_standard, reviewed

#: Remedies whose name ends with the requirement that they add: one from the reviewed list (projects_of_modules), one
#: that the sdist declares, one that the operator adopted.
REVIEWED, DECLARED, ADOPTED = "requirement", "declared requirement", "adopted requirement"
_NAMING = (REVIEWED, DECLARED, ADOPTED)
#: First names of backends that do not use setuptools.
_OTHER_BACKENDS = {"flit_core", "hatchling", "maturin", "mesonpy", "pdm", "poetry", "scikit_build_core"}

#: Most attempts with remedies at one release for one target.
MOST_REMEDIED_TRIES = 4
#: Build requirements count as those of a release's time until so long after its upload.
DATE_MARGIN = timedelta(days=14)
#: When each Python was released. Build requirements that are much older do not run on it.
_PYTHON_APPEARED = {
    (3, 9): "2020-10-05",
    (3, 10): "2021-10-04",
    (3, 11): "2022-10-24",
    (3, 12): "2023-10-02",
    (3, 13): "2024-10-07",
    (3, 14): "2025-10-07",
    (3, 15): "2026-10-01",
}
_PYTHON_SETTLED = timedelta(days=180)
#: A build that was stopped after this part of its work would have come to its end with more time.
_NEAR_END = 0.6


@dataclass(frozen=True)
class FailedBuild:
    """The facts of a failed attempt that remedies read. `uploaded` is the upload time of its sdist (PEP 700)."""

    failure: str
    subject: str = ""
    #: The lines of the log that show the failure.
    text: str = ""
    #: The phase in which it failed, and the build backend (PEP 517); None if unknown.
    phase: str | None = None
    backend: str | None = None
    #: Normalised names of the projects in the build environment; None if unknown.
    installed: frozenset[str] | None = None
    #: The project that has the missing module, if the sdist declares it.
    declared: str | None = None
    #: The names of projects that the operator adopted; True: all.
    adopted: bool | frozenset[str] = frozenset()
    python: tuple[int, int] = (3, 11)
    uploaded: str | None = None
    #: Seconds of the attempt, and of the project's longest build that gave a wheel.
    seconds: float = 0.0
    built_seconds: float | None = None
    #: When it failed, in seconds since 1970; None if unknown.
    failed_at: float | None = None


#: Phases in which a change of the build environment matters.
_FROM_ENVIRONMENT = frozenset({"environment", "requires", "build", "collect"})
#: Phases in which the project's build backend runs.
_BACKEND_AT_WORK = frozenset({"requires", "build", "collect"})
#: All phases: a limit can end any of them.
_ANY = frozenset(PHASES)


@dataclass(frozen=True)
class Remedy:
    """A rule: `try_` returns the adjustments of the next attempt, or None if they would not help.

    A new `version` puts all failures of its classes back into the queue.
    """

    name: str
    classes: frozenset[str]
    why: str
    adjust: Callable[[FailedBuild], Adjustments | None]
    version: int = 1
    #: The phases whose failures it can cure.
    phases: frozenset[str] = _FROM_ENVIRONMENT
    #: The project, normalised, whose version it changes: the remedy is useless if that is not in the environment. For
    #: setuptools it is useless too if the backend is another project's.
    of: str = ""

    def can_cure(self, failed_build: FailedBuild) -> bool:
        """Whether it could change this failure. An unknown phase, environment or backend rules nothing out."""
        if failed_build.failure not in self.classes or (
            failed_build.phase is not None and failed_build.phase not in self.phases
        ):
            return False
        if not self.of or failed_build.phase not in _BACKEND_AT_WORK:
            return True
        if failed_build.installed is not None and self.of not in failed_build.installed:
            return False
        other = self.of == "setuptools" and (failed_build.backend or "").partition(".")[0] in _OTHER_BACKENDS
        return not other


@dataclass(frozen=True)
class Proposal:
    """A remedy for one failure: its name, why, and the adjustments."""

    name: str
    why: str
    adjustments: Adjustments


def propose(failed_build: FailedBuild, applied: Collection[str]) -> Proposal | None:
    """The first remedy that fits the failure and is not in `applied`, the remedies of the failed attempt; else None."""
    for remedy in REMEDIES:
        if not remedy.can_cure(failed_build):
            continue
        adjustments = remedy.adjust(failed_build)
        if adjustments is None:
            continue
        name = f"{remedy.name} {adjustments.requires[0]}" if remedy.name in _NAMING else remedy.name
        if name not in applied:
            return Proposal(name, remedy.why.format(subject=failed_build.subject or failed_build.failure), adjustments)
    return None


def still_stands(name: str, adopted: bool | Collection[str]) -> bool:
    """Whether a remedy that helped before may be used again.

    A REVIEWED requirement must still be on the list, because older versions took names from error messages, an ADOPTED
    one among those that the operator adopts.
    """
    kind, _, requirement = name.rpartition(" ")
    if kind == ADOPTED:
        return is_adopted(requirement, adopted)
    return kind != REVIEWED or is_reviewed(requirement)


def may_need(failed_build: FailedBuild) -> str | None:
    """The name of the project that a build may need, which is a guess for the operator to look at; else None."""
    if failed_build.failure not in _REQUIREMENT or failed_build.declared is not None:
        return None
    return guessed(_first_name(failed_build))


def versions() -> dict[str, int]:
    """The version of each remedy's rule, by name: failures of its classes depend on it."""
    return {remedy.name: remedy.version for remedy in REMEDIES}


def matched_date(uploaded: str | None, python: tuple[int, int]) -> str | None:
    """The time up to which build requirements are chosen, as in PEP 700; None if the upload time is unknown.

    It is never before the Python was half a year old, because older build requirements do not run on that Python.
    """
    if uploaded is None:
        return None
    try:
        moment = datetime.fromisoformat(uploaded.replace("Z", "+00:00"))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    moment += DATE_MARGIN
    # A Python newer than the table appeared after those in it.
    appeared = _PYTHON_APPEARED.get(python) or (
        max(_PYTHON_APPEARED.values()) if python > max(_PYTHON_APPEARED) else ""
    )
    if appeared:
        moment = max(moment, datetime.fromisoformat(appeared).replace(tzinfo=timezone.utc) + _PYTHON_SETTLED)
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# ------------------------------------------------------------------------------------------------------- conditions


def _matches_log(pattern: str, adjustments: Adjustments) -> Callable[[FailedBuild], Adjustments | None]:
    """A condition: the pattern is found in the log lines or the subject of the failure."""
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda failed_build: adjustments if compiled.search(f"{failed_build.text}\n{failed_build.subject}") else None


def _always(adjustments: Adjustments) -> Callable[[FailedBuild], Adjustments | None]:
    return lambda failed_build: adjustments


def _first_name(failed_build: FailedBuild) -> str:
    """The first name of the missing module: `poetry` of `poetry.core.masonry.api`."""
    return failed_build.subject.partition(":")[0].partition(".")[0]


def _reviewed(failed_build: FailedBuild) -> Adjustments | None:
    project = reviewed(_first_name(failed_build))
    return Adjustments(requires=(project,)) if project else None


def _declared(failed_build: FailedBuild) -> Adjustments | None:
    """The requirement that the sdist declares, because its build needs it too; never one for a standard module."""
    if failed_build.declared is None or is_standard(_first_name(failed_build)):
        return None
    return Adjustments(requires=(failed_build.declared,))


def _adopted(failed_build: FailedBuild) -> Adjustments | None:
    name = may_need(failed_build)
    return Adjustments(requires=(name,)) if name and is_adopted(name, failed_build.adopted) else None


def _absent_setuptools(failed_build: FailedBuild) -> Adjustments | None:
    """setuptools, if the build environment has none."""
    gone = re.search(r"No module named '?(?:setuptools|distutils)'?$", failed_build.text, re.MULTILINE)
    return Adjustments(requires=("setuptools",)) if gone else None


def _more_time(failed_build: FailedBuild) -> Adjustments | None:
    done = [int(a) / int(b) for a, b in re.findall(r"\[\s*(\d{1,6})/(\d{1,6})\]", failed_build.text) if int(b)]
    done += [int(percent) / 100 for percent in re.findall(r"\b(\d{1,3})\s?%", failed_build.text)]
    near = max(done[-1:], default=0) >= _NEAR_END
    if failed_build.built_seconds is not None and failed_build.built_seconds <= 2 * failed_build.seconds:
        near = True
    return Adjustments(seconds=int(2 * failed_build.seconds) + 1) if near and failed_build.seconds > 0 else None


def _date_matched(failed_build: FailedBuild) -> Adjustments | None:
    if failed_build.phase in _BACKEND_AT_WORK and failed_build.installed == frozenset():
        # No build requirement was installed that could be of another time.
        return None
    date = matched_date(failed_build.uploaded, failed_build.python)
    if date is None or (failed_build.failed_at is not None and _seconds(date) >= failed_build.failed_at):
        # By that date there were all the requirements that the failed build had.
        return None
    return Adjustments(date_matched=True)


def _seconds(date: str) -> float:
    return datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp()


def _stdlib_distutils(failed_build: FailedBuild) -> Adjustments | None:
    if failed_build.python >= (3, 12) or "distutils" not in f"{failed_build.subject} {failed_build.text}":
        return None
    return Adjustments(environment={"SETUPTOOLS_USE_DISTUTILS": "stdlib"})


def _no_limited_api(failed_build: FailedBuild) -> Adjustments | None:
    """The option of the build backend that leaves the limited API out, for the two that say why they stop."""
    if "python.allow_limited_api" in failed_build.text:
        return Adjustments(config_settings={"setup-args": "-Dpython.allow_limited_api=false"})
    if "`py_limited_api=" in failed_build.text:
        return Adjustments(config_settings={"--build-option": "--py-limited-api="})
    return None


#: What Cython before 3 accepted and 3.0 does not.
_GONE_IN_CYTHON_3 = re.compile(r"cython_\w|noexcept|Exception values are incompatible")
#: What Cython 3.0 accepted and 3.1 does not: Python 2's `long`, and the declarations of Python 2's C API.
_GONE_IN_CYTHON_3_1 = re.compile(r"not builtin: long\b|'long' (?:is not a type|redeclared)|cpython/int\.pxd")
_OF_CYTHON = re.compile(r"[Cc]ython|\.pyx")


def _cython_3_0(failed_build: FailedBuild) -> Adjustments | None:
    """Cython 3.0, which accepts most of what older ones did, and the last that knows `long`."""
    gone = _GONE_IN_CYTHON_3_1.search(failed_build.text)
    # On Python 3.13 and later no older Cython can work, so 3.0 is tried against whatever is not known to be older.
    untold = failed_build.python >= (3, 13) and _OF_CYTHON.search(f"{failed_build.text}\n{failed_build.subject}")
    if not gone and (not untold or _GONE_IN_CYTHON_3.search(failed_build.text)):
        return None
    return Adjustments(constraints=("Cython<3.1",))


def _cython_0_29(failed_build: FailedBuild) -> Adjustments | None:
    """Cython before 3. The C code that it generates does not compile for Python 3.13 and later."""
    if failed_build.python >= (3, 13) or not _OF_CYTHON.search(f"{failed_build.text}\n{failed_build.subject}"):
        return None
    # The Cython headers of numpy 2.5 refuse Cython before 3; numpy 2.5 does not exist for Python before 3.12.
    beside = ("numpy<2.5",) if failed_build.python >= (3, 12) else ()
    return Adjustments(constraints=("Cython<3", *beside))


def _numpy_2_4(failed_build: FailedBuild) -> Adjustments | None:
    """numpy 2.4, which has `row_stack`, and whose Cython headers take a Cython before 3."""
    headers = failed_build.python < (3, 13) and "NumPy Cython headers" in failed_build.text
    return Adjustments(constraints=("numpy<2.5",)) if headers or "row_stack" in failed_build.text else None


def _numpy_1(failed_build: FailedBuild) -> Adjustments | None:
    """numpy 1, which has wheels for Python up to 3.12, and has numpy.distutils for Python up to 3.11."""
    said = f"{failed_build.text}\n{failed_build.subject}"
    if failed_build.python >= (3, 13) or not re.search(r"numpy|np\.|NPY_|PyArray|Py_?UFunc", said):
        return None
    if failed_build.python >= (3, 12) and "numpy.distutils" in said:
        return None
    return Adjustments(constraints=("numpy<2",))


_C_OF_OLD = re.compile(rf"__[Pp]yx|{GONE_HEADERS}|{GONE_NAMES}")


def _regenerated_c(failed_build: FailedBuild) -> Adjustments | None:
    # Sources with old generated C are mostly for Cython before 3, which supports Python up to 3.12.
    if not _C_OF_OLD.search(failed_build.text):
        return None
    old = ("Cython<3",) if failed_build.python < (3, 13) else ()
    return Adjustments(constraints=old, requires=("Cython",), regenerate=True)


# ------------------------------------------------------------------------------------------------------------ table

_REMOVED = frozenset({"removed-api", "sdist-broken", "build-script-error"})
_COMPILE = frozenset({"compile-error", "link-error", "removed-api", "numpy-abi", "cython-too-new"})
_REQUIREMENT = frozenset({"undeclared-build-requirement"})
_TOO_NEW = frozenset(
    {"removed-api", "cython-too-new", "numpy-abi", "compile-error", "build-script-error", "sdist-broken"}
    | {"undeclared-build-requirement", "no-wheel"}
)

REMEDIES: tuple[Remedy, ...] = (
    # Build requirements
    Remedy(
        "source on path",
        frozenset({"own-module-missing"}),
        "The build imports {subject} from beside setup.py, as builds could before PEP 517.",
        _always(Adjustments(source_on_path=True)),
        phases=_BACKEND_AT_WORK,
    ),
    Remedy(
        REVIEWED,
        _REQUIREMENT,
        "The build imports {subject}, which is not declared.",
        _reviewed,
        version=2,
        phases=_BACKEND_AT_WORK,
    ),
    Remedy(
        DECLARED,
        _REQUIREMENT,
        "The build imports {subject}, which the project declares, but not for its build.",
        _declared,
        phases=_BACKEND_AT_WORK,
    ),
    Remedy(
        ADOPTED,
        _REQUIREMENT,
        "The build imports {subject}, and the operator adopted the project of that name.",
        _adopted,
        phases=_BACKEND_AT_WORK,
    ),
    Remedy("setuptools", frozenset({"removed-api"}), "Nothing declares setuptools.", _absent_setuptools),
    Remedy(
        "setuptools<81",
        _REMOVED,
        "setuptools removed the argument dry_run in 81, and pkg_resources in 82.",
        _matches_log(
            r"pkg_resources|unexpected keyword argument 'dry_run'",
            Adjustments(constraints=("setuptools<81",), requires=("setuptools",)),
        ),
        version=2,
    ),
    Remedy(
        "setuptools<84",
        _REMOVED,
        "setuptools 84 changed the types of Extension and of compiler options.",
        _matches_log(
            r"unhashable type: '(?:[\w.]{1,80}\.)?Extension'|can only concatenate str \(not \"list\"\) to str",
            Adjustments(constraints=("setuptools<84",)),
        ),
        of="setuptools",
    ),
    Remedy(
        "setuptools<77",
        _REMOVED,
        "setuptools refuses keys with dashes and licences as classifiers since 77.",
        _matches_log(
            r"dash-separated|License classifiers have been superseded"
            r"|Setuptools\w*Warning: (?:.project\.license. as a TOML table|License classifiers)",
            Adjustments(constraints=("setuptools<77",)),
        ),
        version=2,
        of="setuptools",
    ),
    Remedy(
        "setuptools<74",
        _REMOVED,
        "setuptools changed its distutils in 74.",
        _matches_log(
            r"msvc9?compiler|bcppcompiler|distutils\.\w+compiler", Adjustments(constraints=("setuptools<74",))
        ),
        of="setuptools",
    ),
    Remedy(
        "setuptools<72",
        _REMOVED,
        "The command test left setuptools in 72.",
        _matches_log(
            r"setuptools\.command\.test|bdist_wininst|upload_docs", Adjustments(constraints=("setuptools<72",))
        ),
        of="setuptools",
    ),
    Remedy(
        "setuptools<66",
        _REMOVED,
        "setuptools refuses requirements that are not PEP 440 since 66.",
        _matches_log(
            r"InvalidRequirement|[Ii]nvalid ?[Ss]pecifier|valid version specifiers|_extras_require|install_requires",
            Adjustments(("setuptools<66",)),
        ),
        of="setuptools",
    ),
    Remedy(
        "setuptools<61",
        _REMOVED,
        "setuptools no longer guesses at several top-level packages since 61.",
        _matches_log(r"flat-layout", Adjustments(constraints=("setuptools<61",))),
        of="setuptools",
    ),
    Remedy(
        "setuptools<58",
        _REMOVED,
        "use_2to3 left setuptools in 58.",
        _matches_log(r"use_2to3|convert_2to3|setuptools\.lib2to3_ex", Adjustments(constraints=("setuptools<58",))),
        of="setuptools",
    ),
    Remedy(
        "setuptools<46",
        _REMOVED,
        "Feature left setuptools in 46.",
        _matches_log(r"cannot import name 'Feature'|setuptools\.Feature", Adjustments(constraints=("setuptools<46",))),
        of="setuptools",
    ),
    Remedy(
        "Cython<3.1",
        frozenset({"cython-too-new", "compile-error"}),
        "The source is for a Cython before 3.1.",
        _cython_3_0,
        of="cython",
    ),
    Remedy(
        "Cython<3",
        frozenset({"cython-too-new", "compile-error"}),
        "The source is for a Cython before 3.",
        _cython_0_29,
        version=2,
        of="cython",
    ),
    Remedy(
        "newer C API",
        frozenset({"removed-api"}),
        "The C code uses what Python's C API has under other names since.",
        _matches_log(rf"{ASSIGNED_MACROS}|pystrhex\.h|PyImport_ImportModuleNoBlock", Adjustments(modernize=True)),
        version=2,
        phases=_BACKEND_AT_WORK,
    ),
    Remedy(
        "C anew",
        frozenset({"removed-api", "compile-error"}),
        "The C code is by a Cython that did not know this Python; the source beside it is for others too.",
        _regenerated_c,
    ),
    Remedy(
        "numpy<2.4",
        frozenset({"numpy-abi"}),
        "The source uses what numpy removed in 2.4.",
        _matches_log(r"\b(?:in1d|trapz|numpy\.linalg\.linalg|numpy\.fft\.helper)\b", Adjustments(("numpy<2.4",))),
        of="numpy",
    ),
    Remedy(
        "numpy<2.5",
        frozenset({"numpy-abi"}),
        "The source is for a numpy before 2.5.",
        _numpy_2_4,
        of="numpy",
    ),
    Remedy(
        "numpy<2",
        frozenset({"numpy-abi", "compile-error"}),
        "The source is for a numpy before 2.",
        _numpy_1,
        version=2,
        of="numpy",
    ),
    Remedy(
        "numpy<1.24",
        frozenset({"numpy-abi"}),
        "The source uses what numpy removed in 1.24, or declared as going before.",
        lambda failed_build: Adjustments(constraints=("numpy<1.24",)) if failed_build.python < (3, 12) else None,
        of="numpy",
    ),
    # Flags
    Remedy(
        "-fcommon",
        frozenset({"link-error"}),
        "gcc 10 and later give each variable one definition only.",
        _matches_log(r"multiple definition", Adjustments(flags={"CFLAGS": ("-fcommon",)})),
    ),
    Remedy(
        "-Wno-error",
        _COMPILE,
        "The project turns warnings into errors, and newer compilers warn of more.",
        _matches_log(r"\[-Werror|all warnings being treated as errors", Adjustments(flags={"CFLAGS": ("-Wno-error",)})),
    ),
    Remedy(
        "older C",
        _COMPILE,
        "gcc 14 and later refuse what older ones warned of.",
        _matches_log(
            r"incompatible[- ](?:pointer|integer)|makes (?:pointer|integer) from|implicit declaration of function"
            r"|return type defaults to|type defaults to",
            Adjustments(
                flags={
                    "CFLAGS": (
                        "-Wno-error=incompatible-pointer-types",
                        "-Wno-error=int-conversion",
                        "-Wno-error=implicit-function-declaration",
                        "-Wno-error=implicit-int",
                    )
                }
            ),
        ),
    ),
    Remedy(
        "-std=gnu17",
        _COMPILE,
        "gcc 15 reads C as of 2023, where bool is a word of its own and () means no arguments.",
        _matches_log(
            r"too many arguments to function|cannot use keyword|two or more data types|conflicting types for"
            r"|expected identifier or .\(. before .(?:bool|true|false)|.bool. cannot be defined",
            Adjustments(flags={"CFLAGS": ("-std=gnu17",)}),
        ),
    ),
    Remedy(
        "older C++",
        _COMPILE,
        "The source is for an older C++.",
        _matches_log(
            r"ISO C\+\+17 does not allow|dynamic exception specification|invalid conversion from|\[-fpermissive\]"
            r"|register. storage class|narrowing conversion",
            # distutils passes CFLAGS to the C++ compiler too; the C compiler only warns about these flags.
            Adjustments(
                flags={
                    "CFLAGS": ("-fpermissive", "-Wno-narrowing"),
                    "CXXFLAGS": ("-std=gnu++14", "-fpermissive", "-Wno-narrowing"),
                }
            ),
        ),
    ),
    Remedy(
        "CMake policy",
        frozenset({"removed-api", "configure-error"}),
        "CMake 4 and later refuse projects for CMake before 3.5, unless they are told to try.",
        _matches_log(
            r"CMake < [\d.]+ has been removed|CMAKE_POLICY_VERSION_MINIMUM",
            Adjustments(environment={"CMAKE_POLICY_VERSION_MINIMUM": "3.5"}),
        ),
    ),
    Remedy(
        "PyO3 forward compatibility",
        frozenset({"python-too-new"}),
        "PyO3 builds for a Python it does not know, by the stable ABI, if it is told to.",
        _matches_log(r"PyO3", Adjustments(environment={"PYO3_USE_ABI3_FORWARD_COMPATIBILITY": "1"})),
    ),
    Remedy(
        "no limited API",
        frozenset({"python-too-new"}),
        "A free-threaded Python before 3.15 has no limited API; the wheel is for this Python alone.",
        _no_limited_api,
        phases=_BACKEND_AT_WORK,
    ),
    Remedy(
        "Python's distutils",
        frozenset({"removed-api", "build-script-error"}),
        "The build expects the distutils that came with Python.",
        _stdlib_distutils,
        of="setuptools",
    ),
    # Limits
    Remedy(
        "one job",
        frozenset({"out-of-memory", "killed", "too-many-processes"}),
        "It ran out of memory; one compiler at a time needs least.",
        _always(Adjustments(jobs=1, alone=True)),
        phases=_ANY,
    ),
    Remedy("more time", frozenset({"time-out"}), "It was stopped near its end.", _more_time, phases=_ANY),
    # The last
    Remedy(
        "date-matched",
        _TOO_NEW,
        "Build requirements as they were when the release was uploaded.",
        _date_matched,
    ),
)
