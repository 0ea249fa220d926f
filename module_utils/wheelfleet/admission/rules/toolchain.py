"""Rules for builds that need newer compilers or build tools than the builder has."""

from __future__ import annotations

from .rule import rule

TOOLCHAIN = (
    rule(
        "toolchain-too-old",
        r"requires rustc \d[\d.]{0,20} or newer|rustc [\d.]{1,20} is not supported by the following"
        r"|lock ?file version .{0,40}(?:not understand|requires `-Znext-lockfile-bump`)"
        r"|feature `edition20\d\d` is required|than the `20\d\d` edition"
        r"|[Rr]ust (?:version )?\d[\d.]{0,20}\+? (?:or (?:newer|later|higher) )?(?:is )?required",
        "The build needs a newer Rust compiler than the builder has.",
        about="rustc",
        advice="Install a newer Rust on the builder (rustup, or the distribution's backports).",
    ),
    rule(
        "toolchain-too-old",
        r"E0554|only accepted on the nightly compiler|may not be used on the (?:stable|beta) release channel",
        "The source uses what only a nightly Rust compiler has.",
        about="rustc",
        advice="Use a later release; if there is none, report it to the project.",
    ),
    rule(
        "toolchain-too-old",
        r"CMake (\d[\d.]{0,20}) or higher is required\.",
        "The build needs CMake {found} or newer, and the builder has an older one.",
        about="cmake",
        advice="Install a newer CMake on the builder, or give the project cmake as a build requirement by a recipe.",
    ),
    rule(
        "toolchain-too-old",
        r"go\.mod requires go >= (\d[\d.]{0,20})|note: module requires Go (\d[\d.]{0,20})"
        r"|invalid go version '(\d[\d.]{0,20})'",
        "The build needs Go {found} or newer, and the builder has an older one.",
        about="go",
        advice="Install a newer Go on the builder (the distribution's backports).",
    ),
    rule(
        "toolchain-too-old",
        r"unrecognized command[- ]line option .?(-std=[\w+]{1,20})"
        r"|#error .{0,80}(?:compiler|gcc|GCC|g\+\+|C\+\+\d\d).{0,40}(?:too old|required|or newer)",
        "The build needs a newer C or C++ compiler than the builder has.",
        about="gcc",
        advice="Install a newer gcc on the builder, or have an older release built.",
    ),
)
