"""Rules for messages of compilers, linkers and configure steps."""

from __future__ import annotations

from .missing import LOOK_FOR_LIBRARY
from .rule import rule

COMPILERS = (
    rule(
        "missing-library",
        r"cannot find -l:?(\w[\w.+-]{0,80})|unable to find library -l(\w[\w.+-]{0,80})",
        "The library {found} is missing on the builder.",
        missing_kind="library",
        advice=LOOK_FOR_LIBRARY,
    ),
    rule(
        "link-error",
        r"undefined reference to [`'‘]?([^`'’]{1,100})|multiple definition of [`'‘]?([^`'’]{1,100})",
        "The linker does not accept the compiled parts ({found}).",
        choose="first",
    ),
    rule("link-error", r"ld returned \d+ exit status|linking with .{1,20} failed", "The linker failed."),
    rule("configure-error", r"\bmeson\.build:\d+:\d+: ERROR: (.{1,200})", "Meson stopped: {found}."),
    rule("configure-error", r"configure: error: (.{1,200})", "configure stopped: {found}."),
    rule("configure-error", r"CMake Error(?: at \S{1,200})?", "CMake stopped with an error.", choose="first"),
    rule("compile-error", r"internal compiler error", "The compiler itself failed."),
    rule(
        "compile-error",
        r"^[\s|│]*\S{1,200}:\d+:(?:\d+:)? (?:fatal )?error: (.{1,200})",
        "The compiler does not accept the source: {found}.",
        choose="first",
    ),
    rule(
        "compile-error",
        r"^[\s|│]*error: could not compile `([\w-]{1,80})`",
        "The Rust compiler does not accept the crate {found}.",
        choose="first",
    ),
    rule("compile-error", r"Cython\.Compiler\.Errors\.CompileError|Error compiling Cython file", "Cython stopped."),
)
