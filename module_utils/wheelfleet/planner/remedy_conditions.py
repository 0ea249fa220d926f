"""The conditions of remedies: each returns the adjustments for a failed build, or None if they would not help."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from ..contract.adjustments import Adjustments
from ..failure_classes import SAYS_SOMETHING
from ..removed_api import GONE_HEADERS, GONE_NAMES
from .failed_build import BACKEND_AT_WORK, FailedBuild
from .matched_date import matched_date
from .projects_of_modules import backport, guessed, is_adopted, is_standard, reviewed

#: A build that was stopped after this part of its work would have come to its end with more time.
_NEAR_END = 0.6


def matches_log(
    pattern: str, adjustments: Adjustments, before: tuple[int, int] = (4, 0)
) -> Callable[[FailedBuild], Adjustments | None]:
    """A condition: the pattern is found in the log lines or the subject of the failure, of a Python before `before`."""
    compiled = re.compile(pattern, re.MULTILINE)

    def condition(failed_build: FailedBuild) -> Adjustments | None:
        said = f"{failed_build.text}\n{failed_build.subject}"
        return adjustments if failed_build.python < before and compiled.search(said) else None

    return condition


def always(adjustments: Adjustments) -> Callable[[FailedBuild], Adjustments | None]:
    return lambda failed_build: adjustments


def first_name(failed_build: FailedBuild) -> str:
    """The first name of the missing module: `poetry` of `poetry.core.masonry.api`."""
    return failed_build.subject.partition(":")[0].partition(".")[0]


def reviewed_requirement(failed_build: FailedBuild) -> Adjustments | None:
    project = reviewed(first_name(failed_build))
    return Adjustments(requires=(project,)) if project else None


def declared_requirement(failed_build: FailedBuild) -> Adjustments | None:
    """The requirement that the sdist declares, because its build needs it too; never one for a standard module."""
    if failed_build.declared is None or is_standard(first_name(failed_build)):
        return None
    return Adjustments(requires=(failed_build.declared,))


def restored_module(failed_build: FailedBuild) -> Adjustments | None:
    project = backport(first_name(failed_build))
    return Adjustments(requires=(project,)) if project else None


def may_need(failed_build: FailedBuild) -> str | None:
    """The name of the project that a build may need, which is a guess for the operator to look at; else None."""
    if failed_build.failure != "undeclared-build-requirement" or failed_build.declared is not None:
        return None
    return guessed(first_name(failed_build))


def adopted_requirement(failed_build: FailedBuild) -> Adjustments | None:
    name = may_need(failed_build)
    return Adjustments(requires=(name,)) if name and is_adopted(name, failed_build.adopted) else None


def absent_setuptools(failed_build: FailedBuild) -> Adjustments | None:
    """setuptools, if the build environment has none."""
    gone = re.search(r"No module named '?(?:setuptools|distutils)'?$", failed_build.text, re.MULTILINE)
    has = "setuptools" in (failed_build.installed or ())
    return Adjustments(requires=("setuptools",)) if gone and not has else None


def later_setuptools(failed_build: FailedBuild) -> Adjustments | None:
    """setuptools 66, the first for Python 3.12: older ones need Python's distutils or pkgutil.ImpImporter."""
    gone = re.search(r"No module named '?distutils'?$|no attribute 'ImpImporter'", failed_build.text, re.MULTILINE)
    has = "setuptools" in (failed_build.installed or ())
    return Adjustments(constraints=("setuptools>=66,<81",)) if gone and has and failed_build.python >= (3, 12) else None


def later_cython(failed_build: FailedBuild) -> Adjustments | None:
    """Cython 3.0, the first for Python 3.13: older ones import modules that left Python."""
    gone = re.search(r"/Cython/[\w/]{1,80}\.py\", line (?:.*\n){1,2}ModuleNotFoundError", failed_build.text)
    has = "cython" in (failed_build.installed or ("cython",))
    return (
        Adjustments(constraints=("Cython>=3.0.11,<3.1",)) if gone and has and failed_build.python >= (3, 12) else None
    )


def more_time(failed_build: FailedBuild) -> Adjustments | None:
    done = [int(a) / int(b) for a, b in re.findall(r"\[\s*(\d{1,6})/(\d{1,6})\]", failed_build.text) if int(b)]
    done += [int(percent) / 100 for percent in re.findall(r"\b(\d{1,3})\s?%", failed_build.text)]
    near = max(done[-1:], default=0) >= _NEAR_END
    if failed_build.built_seconds is not None and failed_build.built_seconds <= 2 * failed_build.seconds:
        near = True
    return Adjustments(seconds=int(2 * failed_build.seconds) + 1) if near and failed_build.seconds > 0 else None


def date_matched(failed_build: FailedBuild) -> Adjustments | None:
    if failed_build.phase in BACKEND_AT_WORK and failed_build.installed == frozenset():
        # No build requirement was installed that could be of another time.
        return None
    date = matched_date(failed_build.uploaded, failed_build.python)
    if date is None or (failed_build.failed_at is not None and _seconds(date) >= failed_build.failed_at):
        # By that date there were all the requirements that the failed build had.
        return None
    return Adjustments(date_matched=True)


def _seconds(date: str) -> float:
    return datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp()


def untold(failed_build: FailedBuild) -> Adjustments | None:
    """Watching, if the log does not say what is missing, or says it by a name that no package has."""
    told = failed_build.failure.startswith("missing-") and failed_build.subject and not failed_build.no_package
    # An error in the script itself has nothing to do with what it looks for.
    a_fault = failed_build.failure == "build-script-error" and not SAYS_SOMETHING.search(failed_build.subject)
    return Adjustments(watch=True) if failed_build.can_watch and not told and not a_fault else None


def stdlib_distutils(failed_build: FailedBuild) -> Adjustments | None:
    if failed_build.python >= (3, 12) or "distutils" not in f"{failed_build.subject} {failed_build.text}":
        return None
    return Adjustments(environment={"SETUPTOOLS_USE_DISTUTILS": "stdlib"})


def no_limited_api(failed_build: FailedBuild) -> Adjustments | None:
    """The options of the build backend that leave the limited API out, for meson-python and setuptools."""
    if "python.allow_limited_api" in failed_build.text:
        return Adjustments(config_settings={"setup-args": "-Dpython.allow_limited_api=false"})
    if not re.search(r"`py_limited_api=|The limited API is not currently supported", failed_build.text):
        return None
    # A project may define the macro itself. Only what is given to build_ext comes after a project's own macros.
    return Adjustments(config_settings={"--build-option": "--py-limited-api= build_ext --undef=Py_LIMITED_API"})


def no_warnings_as_errors(failed_build: FailedBuild) -> Adjustments | None:
    """The warnings of the log are turned off by name too, because the project's -Werror may come last."""
    if not re.search(r"\[-Werror|all warnings being treated as errors", failed_build.text):
        return None
    names = sorted({*re.findall(r"\[-Werror=([a-z][a-z0-9+-]{1,60})", failed_build.text)})
    return Adjustments(flags={"CFLAGS": ("-Wno-error", *(f"-Wno-{name}" for name in names))})


#: What Cython before 3 accepted and 3.0 does not.
_GONE_IN_CYTHON_3 = re.compile(r"cython_\w|noexcept|Exception values are incompatible")
#: What Cython 3.0 accepted and 3.1 does not: Python 2's `long`, and the declarations of Python 2's C API.
_GONE_IN_CYTHON_3_1 = re.compile(r"not builtin: long\b|'long' (?:is not a type|redeclared)|cpython/int\.pxd")
_OF_CYTHON = re.compile(r"[Cc]ython|\.p(?:yx|xd)\b")


def cython_3_0(failed_build: FailedBuild) -> Adjustments | None:
    """Cython 3.0, which accepts most of what older ones did, and the last that knows `long`."""
    gone = _GONE_IN_CYTHON_3_1.search(failed_build.text)
    # On Python 3.13 and later no older Cython can work, so 3.0 is tried against whatever is not known to be older.
    untold = failed_build.python >= (3, 13) and _OF_CYTHON.search(f"{failed_build.text}\n{failed_build.subject}")
    if not gone and (not untold or _GONE_IN_CYTHON_3.search(failed_build.text)):
        return None
    return Adjustments(constraints=("Cython<3.1",))


def cython_0_29(failed_build: FailedBuild) -> Adjustments | None:
    """Cython before 3. The C code that it generates does not compile for Python 3.13 and later."""
    if failed_build.python >= (3, 13) or not _OF_CYTHON.search(f"{failed_build.text}\n{failed_build.subject}"):
        return None
    # The Cython headers of numpy 2.5 refuse Cython before 3; numpy 2.5 does not exist for Python before 3.12.
    beside = ("numpy<2.5",) if failed_build.python >= (3, 12) else ()
    return Adjustments(constraints=("Cython<3", *beside))


def numpy_2_4(failed_build: FailedBuild) -> Adjustments | None:
    """numpy 2.4, which has `row_stack`, and whose Cython headers take a Cython before 3."""
    headers = failed_build.python < (3, 13) and "NumPy Cython headers" in failed_build.text
    return Adjustments(constraints=("numpy<2.5",)) if headers or "row_stack" in failed_build.text else None


def numpy_1(failed_build: FailedBuild) -> Adjustments | None:
    """numpy 1, which has wheels for Python up to 3.12, and has numpy.distutils for Python up to 3.11."""
    said = f"{failed_build.text}\n{failed_build.subject}"
    if failed_build.python >= (3, 13) or not re.search(r"numpy|np\.|NPY_|PyArray|Py_?UFunc", said):
        return None
    if failed_build.python >= (3, 12) and "numpy.distutils" in said:
        return None
    return Adjustments(constraints=("numpy<2",))


def newer_python(failed_build: FailedBuild) -> Adjustments | None:
    """What `builder/modernize` rewrites in setup.py."""
    # What exec() sets is missing in locals() since Python 3.13 (PEP 667).
    unset = r"|KeyError: '_{0,2}[A-Za-z]\w{0,60}'" if failed_build.python >= (3, 13) else ""
    pattern = r"'dict' object has no attribute '__\w{1,60}__'|unknown file type '\.pxd'" + unset
    found = re.search(pattern, failed_build.text)
    return Adjustments(modernize=True) if found else None


_C_OF_OLD = re.compile(
    rf"__[Pp]yx|{GONE_HEADERS}|{GONE_NAMES}|does not look like it was generated by Cython", re.MULTILINE
)


def regenerated_c(failed_build: FailedBuild) -> Adjustments | None:
    # Sources with old generated C are mostly for Cython before 3, which supports Python up to 3.12.
    if not _C_OF_OLD.search(failed_build.text) or "/pybind11/" in failed_build.text:
        return None
    # The last one before 3, which knows Python 3.12, whatever older one the project asks for.
    old = ("Cython>=0.29.37,<3",) if failed_build.python < (3, 13) else ()
    return Adjustments(constraints=old, requires=("Cython",), regenerate=True)
