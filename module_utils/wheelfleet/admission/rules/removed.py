"""Rules for interfaces that Python, setuptools and CMake no longer have."""

from __future__ import annotations

import re

from ...removed_api import ASSIGNED_MACROS, GONE_HEADERS, GONE_NAMES, REMOVED_MODULES
from ...standard_modules import SEPARATE_PACKAGES, STANDARD_MODULES
from .platforms import WINDOWS_AND_APPLE_MODULES
from .rule import any_of, rule

_REMOVED_MODULES = any_of(*sorted({*REMOVED_MODULES, "numpy.distutils", "pkg_resources", "setuptools"}))
_OTHER_MODULES = any_of(
    *sorted(STANDARD_MODULES - REMOVED_MODULES - {*WINDOWS_AND_APPLE_MODULES} - SEPARATE_PACKAGES.keys())
)
_CHANGED_MODULES = any_of(*sorted({*STANDARD_MODULES, "numpy", "pip", "pkg_resources", "setuptools", "wheel"}))

REMOVED = (
    rule(
        "removed-api",
        rf"(?:ModuleNotFoundError|ImportError): No module named '?((?:{_REMOVED_MODULES})(?:\.[\w.]{{1,80}})?)'?$",
        "The build imports {found}, which Python or setuptools no longer have.",
    ),
    rule(
        "removed-api",
        rf"(?:ModuleNotFoundError|ImportError): No module named '?((?:{_OTHER_MODULES})(?:\.[\w.]{{1,80}})?)'?$"
        # Python 3.15 knows its own names.
        rf"|Standard library module '((?:{_OTHER_MODULES})(?:\.[\w.]{{1,80}})?)' was not found",
        "The build imports {found} of the standard library, which this Python does not have.",
        advice="Another version of Python has it; use that target, or another release of the project.",
    ),
    rule(
        "removed-api",
        r"ModuleNotFoundError: No module named '(pip\.\w{1,80})'$",
        "The build imports {found}, which pip never meant for others and has no more.",
    ),
    rule(
        "removed-api",
        r"ConfigError: The \[(tool\.flit\.metadata)\] table is no longer supported",
        "pyproject.toml uses {found}, which flit no longer has.",
    ),
    rule(
        "removed-api",
        r"TypeError: (Compiler\.__init__\(\)) takes",
        "numpy.distutils uses {found} as it was in older distutils of setuptools.",
        after=re.compile(r"klass\(None, dry_run, force\)"),
    ),
    rule(
        "removed-api",
        r"TypeError: \w{1,80}\(\) got an unexpected keyword argument '(dry_run)'",
        "setup.py passes {found} to a function of distutils, and setuptools no longer takes it.",
    ),
    rule(
        "removed-api",
        r"TypeError: .{0,120}unhashable type: '(?:[\w.]{1,80}\.)?(Extension)'",
        "setup.py puts an {found} into a set or uses it as a key, and setuptools no longer allows that.",
    ),
    rule(
        "removed-api",
        rf"AttributeError: module '(?:{_CHANGED_MODULES})(?:\.[\w.]{{1,80}})?' has no attribute '(\w{{1,80}})'",
        "The build uses {found}, which its module no longer has.",
    ),
    rule(
        "removed-api",
        rf"ImportError: cannot import name '(\w{{1,80}})' from '(?:{_CHANGED_MODULES})[.']",
        "The build imports {found}, which its module no longer has.",
    ),
    rule(
        "removed-api",
        r"error in .{1,100} setup command: (\w{1,40}) is invalid",
        "setup.py uses {found}, which setuptools no longer has.",
    ),
    rule(
        "removed-api",
        r"InvalidConfigError: (Invalid dash-separated key|License classifiers have been superseded)"
        r"|error: (Multiple top-level (?:packages|modules) discovered in a flat-layout)",
        "setuptools no longer accepts what the project does: {found}.",
    ),
    rule(
        "removed-api",
        # Overdue warnings are raised; others stand behind a file's name.
        r"^[\s|│]*setuptools\.warnings\.Setuptools\w{0,20}Warning: (.{1,150})",
        "setuptools no longer accepts what the project does: {found}.",
    ),
    rule(
        "removed-api",
        GONE_HEADERS,
        "The source includes {found}, which Python no longer has; it is for an older Python, or by an old Cython.",
    ),
    rule(
        "removed-api",
        GONE_NAMES,
        "The source uses {found} as Python's C API no longer has it; it is for an older Python, or by an old Cython.",
        choose="first",
    ),
    rule(
        "removed-api",
        ASSIGNED_MACROS,
        "The source assigns to {found}, which Python's C API no longer allows; it is for an older Python.",
        after=re.compile("error: lvalue required as left operand of assignment"),
        choose="first",
    ),
    rule(
        "removed-api",
        r"^re\.(?:error|PatternError): (global flags not at the start of the expression)",
        "The build has a regular expression that Python no longer accepts: {found}.",
    ),
    rule(
        "removed-api",
        r"Compatibility with CMake < [\d.]{1,10} has been removed"
        r"|The LOCATION property may not be read from target|Policy CMP\d{4} may not be set to OLD behavior",
        "The project is made for a CMake older than the one here.",
        advice="Set CMAKE_POLICY_VERSION_MINIMUM=3.5 in the build's environment, or use a later release.",
    ),
)
