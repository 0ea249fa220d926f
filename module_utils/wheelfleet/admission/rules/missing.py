"""Rules for programs, headers and libraries that are missing on the builder."""

from __future__ import annotations

import re

from ...removed_api import REMOVED_MODULES
from ...standard_modules import SEPARATE_PACKAGES
from .rule import any_of, rule

LOOK_FOR_HEADER = (
    "Look for the package that has {found} (on Debian: apt-file search {found}) and install it on the builder."
)
LOOK_FOR_LIBRARY = (
    "Look for the -dev or -devel package of {found} (on Debian: apt search {found}) and install it on the builder."
)
LOOK_FOR_TOOL = (
    "Look for the package that has the program {found} (on Debian: apt-file search bin/{found}) and install it."
)

_SEPARATE_MODULES = any_of(*sorted(SEPARATE_PACKAGES.keys() - REMOVED_MODULES))

MISSING = (
    rule(
        "missing-library",
        rf"No module named '?({_SEPARATE_MODULES})'?$|Standard library module '({_SEPARATE_MODULES})' was not found"
        # Debian's words.
        r"|please install the (python3[\w.-]{1,40}) package|Please install the (python3[\w.-]{1,40}) package for",
        "The build needs {found}, which the distribution has in a package apart from Python's.",
        advice="Install that package on the builder: python3-tk has tkinter, python3-gdbm has dbm.gnu.",
    ),
    rule(
        "missing-tool",
        r"raise PyProjectOptionException\('(qmake)'",
        "The build needs {found}, which the builder does not have.",
        missing_kind="tool",
        advice=LOOK_FOR_TOOL,
    ),
    rule(
        "missing-tool",
        r"^[\s|│]*error: \[Errno 2\] No such file or directory: '([\w+-]{1,60})'",
        "The build needs {found}, which the builder does not have.",
        # Scripts print the command before they run it: as in a shell, or as Python's list.
        after=re.compile(r"^[\s|│]*\$ (?:\w{1,40}=\S{0,200} ){0,8}\w|: \['[\w+-]{1,60}', "),
        missing_kind="tool",
        advice=LOOK_FOR_TOOL,
    ),
    rule(
        "missing-tool",
        r"error: command '(\w[\w.+-]{0,60})' failed: No such file or directory"
        r"|unable to execute '?(\w[\w.+-]{0,60})'?: No such file or directory"
        r"|Unknown compiler\(s\): \[\['(\w[\w.+-]{0,60})'"
        r"|ERROR: Program '(\w[\w.+-]{0,60})' not found"
        # Perl, which autoconf is written in.
        r"|Can't exec \"(\w[\w.+-]{0,60})\": No such file or directory",
        "The build needs {found}, which the builder does not have.",
        missing_kind="tool",
        advice=LOOK_FOR_TOOL,
    ),
    rule(
        "missing-tool",
        r"No CMAKE_(\w{1,20})_COMPILER could be found|CMAKE_(\w{1,20})_COMPILER not set"
        r"|no acceptable (C) compiler found",
        "The build needs a compiler for {found}, which the builder does not have.",
        missing_kind="tool",
    ),
    rule(
        "missing-tool",
        r"has Fortran sources but no Fortran compiler found",
        "The build needs a compiler for Fortran, which the builder does not have.",
        subject="gfortran",
        missing_kind="tool",
    ),
    rule(
        "missing-tool",
        r"Libtool library used but 'LIBTOOL' is undefined|possibly undefined macro: (?:AC_PROG_LIBTOOL|LT_INIT)",
        "The build needs libtool, which the builder does not have.",
        subject="libtool",
        missing_kind="tool",
    ),
    rule(
        "missing-tool",
        r"can't find Rust compiler|Rust not found|Cargo, the Rust package manager, is not installed"
        # maturin's words.
        r"|Do you have cargo in your PATH\?",
        "The build needs a Rust compiler, which the builder does not have.",
        subject="rust",
        missing_kind="tool",
    ),
    rule(
        "missing-tool",
        r"(?i)CMake (?:\S{1,20} )?(?:must be installed|is required|(?:was )?not found)"
        r"|need to install CMake|problems? with the CMake installation",
        "The build needs CMake, which the builder does not have.",
        subject="cmake",
        missing_kind="tool",
    ),
    rule(
        "missing-tool",
        r"FileNotFoundError: \[Errno 2\] No such file or directory: '([\w+-]{1,60})'",
        "The build needs {found}, which the builder does not have.",
        after=re.compile(r"child_exception_type|_execute_child"),
        missing_kind="tool",
        advice=LOOK_FOR_TOOL,
    ),
    rule(
        "sdist-broken",
        r"cc1(?:plus|obj)?: fatal error: (\S{1,200}): No such file or directory",
        "The sdist does not have {found}, which its own build compiles.",
    ),
    rule(
        "missing-header",
        r"fatal error: '?([\w./][\w./+-]{0,200})'?:? (?:No such file or directory|file not found)",
        "The header {found} is missing on the builder.",
        missing_kind="header",
        advice=f"{LOOK_FOR_HEADER} If no package has it, the sdist does not have a file of its own.",
    ),
    rule(
        "missing-tool",
        r"ERROR: Dependency lookup for \S{1,80} with method '\S{1,20}' failed: Pkg-config .{1,40} not found",
        "The build needs {found}, which the builder does not have.",
        subject="pkg-config",
        missing_kind="tool",
        advice=LOOK_FOR_TOOL,
    ),
    rule(
        "missing-library",
        # What ctypes and the linker of programs say; setuptools prints it alone.
        r"\b(?i:\w{0,40}error): lib(\w[\w.+-]{0,80}?)\.so[\d.]{0,20}: cannot open shared object file",
        "The library {found} is missing on the builder.",
        missing_kind="library",
        advice=LOOK_FOR_LIBRARY,
    ),
    rule(
        "missing-library",
        r"ERROR: \S{1,10} (?:shared |static |shared or static )?library '(\w[\w.+-]{0,80})' not found",
        "The library {found} is missing on the builder.",
        missing_kind="library",
        advice=LOOK_FOR_LIBRARY,
    ),
    rule(
        "missing-header",
        r"ERROR: (?:C|C\+\+) header '([\w./+-]{1,200})' not found",
        "The header {found} is missing on the builder.",
        missing_kind="header",
        advice=LOOK_FOR_HEADER,
    ),
    rule(
        "missing-header",
        r"configure: error: Package requirements \((\w[\w.+-]{0,80})"
        r"|ERROR: Dependency [\"'](\w[\w.+-]{0,80})[\"'] not found",
        "The development files of {found} are missing on the builder.",
        missing_kind="pkg-config",
        advice=LOOK_FOR_LIBRARY,
    ),
    rule(
        "missing-header",
        r"^\s+Could NOT find (?!Python)(\w{1,80})",
        "CMake does not find {found} on the builder.",
        after=re.compile("CMake Error"),
        missing_kind="library",
        advice=LOOK_FOR_LIBRARY,
    ),
    rule(
        "missing-header",
        r"(?:Error|Exception): .{0,120}?/(usr/(?:share|include|lib)/[\w./+-]{1,90}\w)['\"]?,? "
        r"(?:does not exist|(?:was )?not found)",
        "The build reads /{found}, which the builder does not have.",
        missing_kind="header",
        advice="Look for the package that has /{found} (on Debian: apt-file search /{found}) and install it.",
    ),
)

#: They may explain a failure, but builds also print them about optional parts.
HINTS = (
    rule(
        "missing-tool",
        r"(?i:pkg-config['`]?(?: binary)? (?:is required|is missing|(?:probably )?not (?:installed|found)))"
        r"|(?i:unable to (?:invoke|run|execute|find) pkg-config|requires pkg-config\b)",
        "The build needs {found}, which the builder does not have.",
        subject="pkg-config",
        missing_kind="tool",
        advice=LOOK_FOR_TOOL,
    ),
    rule(
        "missing-tool",
        r"\[Errno 2\] No such file or directory: '(\w[\w.+]{0,40}[-_]config)'"
        r"|Command '\['which', '(\w[\w.+-]{0,60})'\]' returned non-zero"
        r"|(?i:the) ['`](\w[\w.+-]{0,60})['`] (?:command|program|executable) (?:appears not to be|is not) installed",
        "The build needs {found}, which the builder does not have.",
        missing_kind="tool",
        advice=LOOK_FOR_TOOL,
    ),
    rule(
        "missing-header",
        # Pillow's words.
        r"(?:headers or library files|libraries or headers) could not be found for (\w[\w.+-]{0,80})",
        "The development files of {found} are missing on the builder.",
        missing_kind="library",
        advice=LOOK_FOR_LIBRARY,
    ),
    rule(
        "missing-header",
        r"(?i:need to install (?:the )?(\w[\w.+-]{0,80}) (?:development|dev) (?:headers?|files?|packages?|librar))"
        r"|(?i:(\w[\w.+-]{0,80}) (?:development headers?|header files?|headers|development files?)"
        r" (?:(?:is|are) )?(?:not found|missing|required))"
        r"|\b([a-z][\w.+]{0,40}[-_]config)(?: executable)? (?:is )?(?:not found|missing)",
        "The development files of {found} are missing on the builder.",
        missing_kind="library",
        advice=LOOK_FOR_LIBRARY,
    ),
    rule(
        "missing-header",
        r"(?i:(?:could not|couldn't|cannot|can't|unable to) find (?:the )?(?:header )?(?:file )?)"
        r"[‘'`\"<]?([\w./+-]{1,200}\.h)\b",
        "The header {found} is missing on the builder.",
        missing_kind="header",
        advice=LOOK_FOR_HEADER,
    ),
    rule(
        "missing-header",
        r"Package '?(\w[\w.+-]{0,80})'?(?:, required by '[^']{1,80}',)? (?:was )?not found"
        r"|No package '(\w[\w.+-]{0,80})' found|pkg-config --exists (\w[\w.+-]{0,80})' returned non-zero"
        r"|pkg-config --(?:modversion|cflags|libs) (\w[\w.+-]{0,80})[\"'] (?:returned non-zero|failed)"
        r"|^\S*sh: (?:line )?(?:\d+: )?([\w.+]{1,60}[-_]config): (?:command )?not found",
        "The development files of {found} are missing on the builder.",
        choose="first",
        missing_kind="pkg-config",
        advice=LOOK_FOR_LIBRARY,
    ),
    rule(
        "missing-tool",
        r"^[\s|│]*\S*sh: (?:line )?(?:\d+: )?(\w[\w.+-]{0,60}): (?:command )?not found"
        r"|make(?:\[\d+\])?: (\w[\w.+-]{0,60}): No such file or directory",
        "The build needs {found}, which the builder does not have.",
        missing_kind="tool",
        advice=LOOK_FOR_TOOL,
    ),
)
