"""Explains a failure by what the build looked for in vain (`builder/watch`), whatever the language of its messages.

The names come from the build, which may make them up: they are as little trusted as its log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from ..catalog.states import MissingKind
from ..contract.log_lines import OURS
from ..contract.result import LookedFor, LookedForKind
from ..failure_classes import FAILURE_CLASSES, SAYS_SOMETHING, ClassName
from ..text import plain
from .failure import Failure
from .rules.missing import LOOK_FOR_HEADER, LOOK_FOR_LIBRARY, LOOK_FOR_TOOL

#: Lines at the end of the log in which the name may stand, and names that are shown with the failure.
_LAST_LINES, _MOST_SHOWN = 25, 8
#: The looks before the end that count where the log names none of them.
_MOST_RECENT = 5

#: Classes that only say that a build stopped, or may have taken a wrong name from words.
_UNTOLD: frozenset[ClassName] = frozenset({"unknown", "build-script-error", "configure-error"})
_NAMED: frozenset[ClassName] = frozenset(
    {"missing-header", "missing-library", "missing-tool", "download-in-build", "undeclared-build-requirement"}
)
#: What many builds look for and do without.
_OPTIONAL = re.compile(
    r"(?:git|hg|svn|bzr|doxygen|sphinx-build|ccache|cmcldeps|gdb|valgrind|python[\d.]*(?:-config)?|pypy3?|which|ps)"
)
_FRAME = re.compile(r'[\s|│]*File "')
_CONFIG_PROGRAM = re.compile(r"[-_]config$")
_WHAT: dict[LookedForKind, str] = {
    "tool": "the program {}",
    "header": "the header {}",
    "library": "the library {}",
    "pkg-config": "the pkg-config module {}",
    "cmake": "CMake's package {}",
    "host": "the server {}",
}
_CLASS: dict[LookedForKind, ClassName] = {
    "tool": "missing-tool",
    "header": "missing-header",
    "library": "missing-library",
    "pkg-config": "missing-header",
    "cmake": "missing-header",
    "host": "download-in-build",
}
_KIND: dict[LookedForKind, MissingKind | None] = {
    "tool": "tool",
    "header": "header",
    "library": "library",
    "pkg-config": "pkg-config",
    "cmake": "library",
    "host": None,
}
_ADVICE: dict[LookedForKind, str] = {
    "tool": LOOK_FOR_TOOL,
    "header": LOOK_FOR_HEADER,
    "library": LOOK_FOR_LIBRARY,
    "pkg-config": LOOK_FOR_LIBRARY,
    "cmake": LOOK_FOR_LIBRARY,
}


def explained(found: Failure, looked_for: Sequence[LookedFor], lines: Sequence[str]) -> Failure:
    """The failure that the log shows, or a better one by what the build looked for in vain, the last one first.

    `lines` are those of the log. The log's own words count if they name what was looked for, and where they name an
    error that nothing missing explains.
    """
    if not looked_for or found.failure_class not in _UNTOLD | _NAMED:
        return found
    candidates = [each for each in looked_for if not _OPTIONAL.fullmatch(each["name"])]
    if found.failure_class in _NAMED:
        subject = found.subject or ""
        if found.failure_class == "undeclared-build-requirement" or any(e["name"] == subject for e in looked_for):
            return found
        # Words named it. What the build really looked for may have a package where that has none.
        named = [each for each in candidates if _same(each, subject)] if subject else candidates[:_MOST_RECENT]
    else:
        words = _last_words([*lines, *found.evidence])
        named = [each for each in candidates if _is_named(each, words)]
        if not named and (found.failure_class != "build-script-error" or SAYS_SOMETHING.search(found.sentence)):
            named = candidates[:_MOST_RECENT]
    cause = min(named, key=lambda each: (_RANK[each["kind"]], named.index(each)), default=None)
    return _failure(found, cause, looked_for) if cause is not None else found


#: Which of several looks has the package for sure: CMake's names are its own, a server is asked for as the last resort.
_RANK: dict[LookedForKind, int] = {"tool": 0, "pkg-config": 0, "header": 0, "library": 0, "host": 1, "cmake": 2}


def _failure(found: Failure, cause: LookedFor, looked_for: Sequence[LookedFor]) -> Failure:
    kind, name = cause["kind"], cause["name"]
    what = _WHAT[kind].format(name)
    failure_class = _CLASS[kind]
    if kind == "tool" and _CONFIG_PROGRAM.search(name):
        failure_class = "missing-header"
    known = FAILURE_CLASSES[failure_class]
    sentence = f"The build looked for {what}, did not find it, and stopped."
    if kind == "host":
        sentence = f"The build wanted to download something from {name}, and builds reach nothing but the index."
    shown = ", ".join(_WHAT[each["kind"]].format(each["name"]) for each in looked_for[:_MOST_SHOWN])
    return replace(
        found,
        failure_class=failure_class,
        sentence=sentence,
        evidence=[*found.evidence, plain(f"Looked for in vain, the last one first: {shown}", 600)],
        advice=_ADVICE[kind].format(found=name) if kind in _ADVICE else known.advice,
        blocks=known.blocks,
        subject=name,
        missing_kind=_KIND[kind],
    )


def _last_words(lines: Sequence[str]) -> str:
    """The last lines of the log in small letters, without a traceback's paths, which have the project's name, and its
    lines of code, which have all names."""
    told = [
        line
        for before, line in zip(["", *lines], lines)
        if not line.startswith(OURS) and not _FRAME.match(line) and not _FRAME.match(before)
    ]
    return "\n".join(told[-_LAST_LINES:]).lower()


def _names(looked_for: LookedFor) -> set[str]:
    """The words by which a message may name it: cairo.h, cairo; libusb-1.0, libusb, usb."""
    name = looked_for["name"].rpartition("/")[2].lower()
    stem = re.sub(r"(?:\.h(?:pp|h|xx)?|[-_]config)$", "", name)
    short = re.sub(r"[-_.]?[0-9][0-9.]*$", "", stem)
    plain_names = {name, stem, short, looked_for["name"].lower()}
    plain_names |= {each[3:] for each in plain_names if each.startswith("lib")}
    return {each for each in plain_names if len(each) >= 3} | {name}


def _is_named(looked_for: LookedFor, words: str) -> bool:
    return any(_word(name)(words) for name in _names(looked_for))


def _word(name: str) -> Callable[[str], object]:
    return re.compile(rf"(?<![a-z0-9])(?:lib)?{re.escape(name)}(?![a-z0-9])").search


def _same(looked_for: LookedFor, subject: str) -> bool:
    """Whether a look was for what words named: cairo.h or cairo-config for Cairo."""
    return bool(_names(looked_for) & _names({"kind": "library", "name": subject}))
