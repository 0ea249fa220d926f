"""The table of remedies. Specific ones come first, where nothing is known of their successes.

The date-matched build environment is the last, because it helps against most build requirements that are too new.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..contract.adjustments import Adjustments
from ..removed_api import ASSIGNED_MACROS
from .failed_build import ANY_PHASE, BACKEND_AT_WORK, FROM_ENVIRONMENT, FailedBuild
from .remedy_conditions import (
    absent_setuptools,
    adopted_requirement,
    always,
    cython_0_29,
    cython_3_0,
    date_matched,
    declared_requirement,
    later_cython,
    later_setuptools,
    matches_log,
    more_time,
    newer_python,
    no_limited_api,
    no_warnings_as_errors,
    numpy_1,
    numpy_2_4,
    regenerated_c,
    restored_module,
    reviewed_requirement,
    stdlib_distutils,
    untold,
)

#: Remedies whose name ends with the requirement that they add: one from the reviewed list (projects_of_modules), one
#: that the sdist declares, one that the operator adopted.
REVIEWED, DECLARED, ADOPTED = "requirement", "declared requirement", "adopted requirement"
NAMED_BY_REQUIREMENT = (REVIEWED, DECLARED, ADOPTED)
#: No remedy in itself: it shows what is missing.
WATCHED = "watched"
#: First names of backends that do not use setuptools.
_OTHER_BACKENDS = {"flit_core", "hatchling", "maturin", "mesonpy", "pdm", "poetry", "scikit_build_core"}


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
    phases: frozenset[str] = FROM_ENVIRONMENT
    #: The project, normalised, whose version it changes: the remedy is useless if that is not in the environment. For
    #: setuptools it is useless too if the backend is another project's.
    of: str = ""
    #: Whether it comes after all others, because it changes much: unless it helped the project before.
    last: bool = False

    def can_cure(self, failed_build: FailedBuild) -> bool:
        """Whether it could change this failure. An unknown phase, environment or backend rules nothing out."""
        if failed_build.failure not in self.classes or (
            failed_build.phase is not None and failed_build.phase not in self.phases
        ):
            return False
        if not self.of or failed_build.phase not in BACKEND_AT_WORK:
            return True
        if failed_build.installed is not None and self.of not in failed_build.installed:
            return False
        other = self.of == "setuptools" and (failed_build.backend or "").partition(".")[0] in _OTHER_BACKENDS
        return not other


_REMOVED = frozenset({"removed-api", "sdist-broken", "build-script-error"})
_COMPILE = frozenset({"compile-error", "link-error", "removed-api", "numpy-abi", "cython-too-new"})
_UNDECLARED = frozenset({"undeclared-build-requirement"})
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
        always(Adjustments(source_on_path=True)),
        phases=BACKEND_AT_WORK,
    ),
    Remedy(
        REVIEWED,
        _UNDECLARED,
        "The build imports {subject}, which is not declared.",
        reviewed_requirement,
        version=2,
        phases=BACKEND_AT_WORK,
    ),
    Remedy(
        DECLARED,
        _UNDECLARED,
        "The build imports {subject}, which the project declares, but not for its build.",
        declared_requirement,
        phases=BACKEND_AT_WORK,
    ),
    Remedy(
        ADOPTED,
        _UNDECLARED,
        "The build imports {subject}, and the operator adopted the project of that name.",
        adopted_requirement,
        phases=BACKEND_AT_WORK,
    ),
    Remedy("setuptools", frozenset({"removed-api"}), "Nothing declares setuptools.", absent_setuptools),
    Remedy(
        "setuptools>=66",
        frozenset({"removed-api", "build-script-error"}),
        "The project asks for a setuptools that does not run on Python 3.12 and later.",
        later_setuptools,
        of="setuptools",
    ),
    Remedy(
        "setuptools<81",
        _REMOVED,
        "setuptools removed the argument dry_run in 81, and pkg_resources in 82.",
        matches_log(
            r"pkg_resources|unexpected keyword argument 'dry_run'",
            Adjustments(constraints=("setuptools<81",), requires=("setuptools",)),
        ),
        version=2,
    ),
    Remedy(
        "setuptools<84",
        _REMOVED,
        "setuptools 84 changed the types of Extension and of compiler options.",
        matches_log(
            r"unhashable type: '(?:[\w.]{1,80}\.)?Extension'|can only concatenate str \(not \"list\"\) to str",
            Adjustments(constraints=("setuptools<84",)),
        ),
        of="setuptools",
    ),
    Remedy(
        "setuptools<77",
        _REMOVED,
        "setuptools refuses keys with dashes and licences as classifiers since 77.",
        matches_log(
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
        matches_log(r"msvc9?compiler|bcppcompiler|distutils\.\w+compiler", Adjustments(constraints=("setuptools<74",))),
        of="setuptools",
    ),
    Remedy(
        "setuptools<72",
        _REMOVED,
        "The command test left setuptools in 72.",
        matches_log(
            r"setuptools\.command\.test|bdist_wininst|upload_docs", Adjustments(constraints=("setuptools<72",))
        ),
        of="setuptools",
    ),
    Remedy(
        "setuptools<66",
        _REMOVED,
        "setuptools refuses requirements that are not PEP 440 since 66.",
        matches_log(
            r"InvalidRequirement|[Ii]nvalid ?[Ss]pecifier|valid version specifiers|_extras_require|install_requires",
            Adjustments(("setuptools<66",)),
            before=(3, 12),
        ),
        of="setuptools",
    ),
    Remedy(
        "setuptools<61",
        _REMOVED,
        "setuptools no longer guesses at several top-level packages since 61.",
        matches_log(r"flat-layout", Adjustments(constraints=("setuptools<61",)), before=(3, 12)),
        of="setuptools",
    ),
    Remedy(
        "setuptools<58",
        _REMOVED,
        "use_2to3 left setuptools in 58.",
        matches_log(
            r"use_2to3|convert_2to3|setuptools\.lib2to3_ex", Adjustments(constraints=("setuptools<58",)), before=(3, 12)
        ),
        of="setuptools",
    ),
    Remedy(
        "setuptools<46",
        _REMOVED,
        "Feature left setuptools in 46.",
        matches_log(
            r"cannot import name 'Feature'|setuptools\.Feature",
            Adjustments(constraints=("setuptools<46",)),
            before=(3, 12),
        ),
        of="setuptools",
    ),
    Remedy(
        "Cython>=3",
        frozenset({"removed-api"}),
        "The project asks for a Cython that does not run on this Python.",
        later_cython,
        of="cython",
    ),
    Remedy(
        "restored module",
        frozenset({"removed-api"}),
        "The build imports {subject}, which this Python no longer has; a project of PyPI has it still.",
        restored_module,
        phases=BACKEND_AT_WORK,
    ),
    Remedy(
        "Cython<3.1",
        frozenset({"cython-too-new", "compile-error"}),
        "The source is for a Cython before 3.1.",
        cython_3_0,
        version=2,
        of="cython",
    ),
    Remedy(
        "Cython<3",
        frozenset({"cython-too-new", "compile-error"}),
        "The source is for a Cython before 3.",
        cython_0_29,
        version=3,
        of="cython",
    ),
    Remedy(
        "newer C API",
        frozenset({"removed-api", "import-failed"}),
        "The C code uses what Python's C API has under other names since.",
        matches_log(
            rf"{ASSIGNED_MACROS}|pystrhex\.h|PyImport_ImportModuleNoBlock|Py_TRASHCAN_SAFE_|_PyInterpreterState_Get\b",
            Adjustments(modernize=True),
        ),
        version=3,
        phases=BACKEND_AT_WORK,
    ),
    Remedy(
        "newer Python",
        frozenset({"build-script-error"}),
        "setup.py expects of Python or setuptools what older ones did.",
        newer_python,
        phases=BACKEND_AT_WORK,
    ),
    Remedy(
        "newer pybind11",
        frozenset({"removed-api", "compile-error"}),
        "The sdist carries a pybind11 that does not know this Python.",
        matches_log(r"/pybind11/\w+(?:/\w+)?\.h\b", Adjustments(requires=("pybind11<3",), modernize=True)),
        phases=BACKEND_AT_WORK,
    ),
    Remedy(
        "C anew",
        frozenset({"removed-api", "compile-error"}),
        "The C code is by a Cython that did not know this Python; the source beside it is for others too.",
        regenerated_c,
        version=2,
    ),
    Remedy(
        "numpy<2.4",
        frozenset({"numpy-abi"}),
        "The source uses what numpy removed in 2.4.",
        matches_log(r"\b(?:in1d|trapz|numpy\.linalg\.linalg|numpy\.fft\.helper)\b", Adjustments(("numpy<2.4",))),
        of="numpy",
    ),
    Remedy(
        "numpy<2.5",
        frozenset({"numpy-abi"}),
        "The source is for a numpy before 2.5.",
        numpy_2_4,
        of="numpy",
    ),
    Remedy(
        "numpy<2",
        frozenset({"numpy-abi", "compile-error"}),
        "The source is for a numpy before 2.",
        numpy_1,
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
    Remedy(
        "numpy 2",
        frozenset({"import-failed"}),
        "Modules compiled with numpy 2 run with numpy 1 and 2, those compiled with numpy 1 with numpy 1 alone.",
        matches_log(r"compiled using NumPy 1\.x cannot be run|_ARRAY_API not found", Adjustments(("numpy>=2",))),
        phases=BACKEND_AT_WORK,
        of="numpy",
    ),
    Remedy(
        "SWIG<4.2",
        frozenset({"compile-error"}),
        "SWIG 4.2 and later leave default arguments of templates out of the names of types.",
        matches_log(
            r"SWIGTYPE_p_\w+. was not declared|SWIGTYPE_p_\w+. undeclared", Adjustments(requires=("swig<4.2",))
        ),
        phases=BACKEND_AT_WORK,
    ),
    # Flags
    Remedy(
        "-fcommon",
        frozenset({"link-error"}),
        "gcc 10 and later give each variable one definition only.",
        matches_log(r"multiple definition", Adjustments(flags={"CFLAGS": ("-fcommon",)})),
    ),
    Remedy(
        "-Wno-error",
        _COMPILE,
        "The project turns warnings into errors, and newer compilers warn of more.",
        no_warnings_as_errors,
        version=2,
    ),
    Remedy(
        "older C",
        _COMPILE,
        "gcc 14 and later refuse what older ones warned of.",
        matches_log(
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
        "older Fortran",
        _COMPILE,
        "gfortran 10 and later refuse arguments of another type or rank, of which older ones warned.",
        matches_log(
            r"(?:Rank|Type) mismatch (?:in argument|between actual argument)",
            Adjustments(flags={"FFLAGS": ("-fallow-argument-mismatch",)}),
        ),
    ),
    Remedy(
        "-std=gnu17",
        _COMPILE,
        "gcc 15 reads C as of 2023, where bool is a word of its own and () means no arguments.",
        matches_log(
            r"too many arguments to function|cannot use keyword|two or more data types|conflicting types for"
            r"|expected identifier or .\(. before .(?:bool|true|false)|.bool. cannot be defined",
            Adjustments(flags={"CFLAGS": ("-std=gnu17",)}),
        ),
    ),
    Remedy(
        "older C++",
        _COMPILE,
        "The source is for an older C++.",
        matches_log(
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
        matches_log(
            r"CMake < [\d.]+ has been removed|CMAKE_POLICY_VERSION_MINIMUM",
            Adjustments(environment={"CMAKE_POLICY_VERSION_MINIMUM": "3.5"}),
        ),
    ),
    Remedy(
        "CMake<4",
        frozenset({"removed-api", "configure-error"}),
        "CMake 4 removed what projects for CMake before 3.5 use.",
        matches_log(
            r"LOCATION property may not be read|Policy CMP\d+ may not be set to OLD|cmake_policy",
            Adjustments(constraints=("cmake<4",)),
        ),
        of="cmake",
    ),
    Remedy(
        "PyO3 forward compatibility",
        frozenset({"python-too-new"}),
        "PyO3 builds for a Python it does not know, by the stable ABI, if it is told to.",
        matches_log(r"PyO3", Adjustments(environment={"PYO3_USE_ABI3_FORWARD_COMPATIBILITY": "1"})),
    ),
    Remedy(
        "no limited API",
        frozenset({"python-too-new"}),
        "A free-threaded Python before 3.15 has no limited API; the wheel is for this Python alone.",
        no_limited_api,
        version=2,
        phases=BACKEND_AT_WORK,
    ),
    Remedy(
        "Python's distutils",
        frozenset({"removed-api", "build-script-error"}),
        "The build expects the distutils that came with Python.",
        stdlib_distutils,
        of="setuptools",
    ),
    # Limits
    Remedy(
        "one job",
        frozenset({"out-of-memory", "killed", "too-many-processes"}),
        "It ran out of memory; one compiler at a time needs least.",
        always(Adjustments(jobs=1, alone=True)),
        phases=ANY_PHASE,
    ),
    Remedy("more time", frozenset({"time-out"}), "It was stopped near its end.", more_time, phases=ANY_PHASE),
    Remedy(
        WATCHED,
        frozenset({"unknown", "build-script-error", "configure-error", "download-in-build"})
        | {"missing-header", "missing-library", "missing-tool"},
        "The log does not say what is missing, so what the build looks for in vain is watched.",
        untold,
        phases=BACKEND_AT_WORK,
    ),
    # The last
    Remedy(
        "date-matched",
        _TOO_NEW,
        "Build requirements as they were when the release was uploaded.",
        date_matched,
        last=True,
    ),
)


def versions() -> dict[str, int]:
    """The version of each remedy's rule, by name: failures of its classes depend on it."""
    return {remedy.name: remedy.version for remedy in REMEDIES}
