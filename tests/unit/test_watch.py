"""What a build looked for in vain, by the lines of strace's, and what follows from it."""

from __future__ import annotations

from typing import Any

import pytest
from wheelfleet.admission.classify import classify
from wheelfleet.builder.watch import MOST_KEPT, Misses, asked_host
from wheelfleet.contract.result import looked_for
from wheelfleet.planner import remedies
from wheelfleet.planner.failed_build import FailedBuild
from wheelfleet.planner.remedy_table import WATCHED

#: How strace shows the beginning of a question for a name.
QUESTION = r"\22\64\1\0\0\1\0\0\0\0\0\0"
PATH = "/build/env/bin:/usr/bin:/bin"
FAILED = {"phase": "build", "stopped_by": None, "exit_code": 1, "message": "It failed.", "reason": "backend-failed"}


def misses(*lines: str) -> list[tuple[str, str]]:
    seen = Misses(PATH)
    for line in lines:
        seen.read(line + "\n")
    return seen.missing()


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('7 execve("/usr/bin/quux-config", ["quux-config", "--libs"], 0x7f) = -1 ENOENT (No)', ("tool", "quux-config")),
        ('7 newfstatat(AT_FDCWD, "/usr/bin/quux", 0x7ffd, 0) = -1 ENOENT (No)', ("tool", "quux")),
        ('7 openat(AT_FDCWD, "/usr/include/quux/q.hpp", O_RDONLY|O_NOCTTY) = -1 ENOENT (No)', ("header", "quux/q.hpp")),
        ('7 open("/usr/lib/x86_64-linux-gnu/libquux.so", O_RDONLY) = -1 ENOENT (No)', ("library", "quux")),
        ('7 access("/usr/lib/pkgconfig/quux-2.0.pc", F_OK) = -1 ENOENT (No)', ("pkg-config", "quux-2.0")),
        ('7 access("/usr/lib/cmake/Quux/QuuxConfig.cmake", R_OK) = -1 ENOENT (No)', ("cmake", "Quux")),
        (f'7 sendto(3, "{QUESTION}\\4quux\\7example\\3org\\0\\0\\1\\0\\1", 34, 0) = 34', ("host", "quux.example.org")),
    ],
)  # fmt: skip
def test_each_kind_of_look_is_recognised(line: str, what: tuple[str, str]) -> None:
    assert misses(line) == [what]


def test_a_header_that_lies_beside_the_folder_is_not_missing() -> None:
    assert not misses('7 newfstatat(AT_FDCWD, "/usr/include/quux/stdio.h", 0x7ffd, 0) = -1 ENOENT (No)')


def test_the_last_look_comes_first_and_what_is_found_is_not_missing() -> None:
    gone = "= -1 ENOENT (No)"
    assert misses(
        f'7 access("/usr/bin/aaa", X_OK) {gone}',
        f'7 access("/usr/bin/bbb", X_OK) {gone}',
        '8 openat(AT_FDCWD, "/usr/include/ccc.h", O_RDONLY <unfinished ...>',
        f'7 access("/usr/bin/ddd", X_OK) {gone}',
        f"8 <... openat resumed>) {gone}",
        f'7 access("/usr/bin/aaa", X_OK) {gone}',
        '7 access("/build/env/bin/ddd", X_OK) = 0',
        f'7 access("/usr/bin/sh", X_OK) {gone}',
        f'7 openat(AT_FDCWD, "/usr/include/own/eee.h", O_RDONLY) {gone}',
        '7 openat(AT_FDCWD, "/build/source/inc/own/eee.h", O_RDONLY) = 4',
        # Nothing follows from a name that needs quoting, a file elsewhere, or another error.
        f'7 access("/usr/bin/\\33[2J", X_OK) {gone}',
        f'7 access("/srv/aaa", X_OK) {gone}',
        '7 access("/usr/bin/fff", X_OK) = -1 EACCES (Permission denied)',
        "what the build itself wrote",
    ) == [("tool", "aaa"), ("header", "ccc.h"), ("tool", "bbb")]


def test_without_pkg_config_its_command_line_says_what_was_wanted() -> None:
    line = '7 execve("/usr/bin/{}", ["{}", "--cflags", "quux >= 2", "-x"], 0x7f) = -1 ENOENT (No)'
    assert ("pkg-config", "quux") in misses(line.format("pkg-config", "pkg-config"))


def test_the_end_of_the_first_process_is_the_end() -> None:
    seen = Misses(PATH)
    lines = ['7 execve("/usr/bin/true", ["true"], 0x7f /* 9 vars */) = 0', "8 +++ exited with 0 +++"]
    assert [seen.read(line) for line in [*lines, "7 +++ exited with 3 +++"]] == [False, False, True]
    assert (seen.exit_code, seen.signal) == (3, None)
    assert seen.read("7 +++ killed by SIGSEGV (core dumped) +++")
    assert (seen.exit_code, seen.signal) == (None, "SIGSEGV")


def test_no_number_of_looks_fills_the_memory() -> None:
    seen = Misses(PATH)
    for number in range(MOST_KEPT + 500):
        seen.read(f'7 access("/usr/bin/p{number}", X_OK) = -1 ENOENT (No)')
        seen.read(f'{number} access("/usr/bin/p{number}", X_OK <unfinished ...>')
    found = seen.missing()
    assert (len(found), found[0]) == (60, ("tool", f"p{MOST_KEPT + 499}"))


@pytest.mark.parametrize(
    "message", ["", "GET / HTTP/1.1\\r\\n", "\\22\\64\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\77a", "\\377" * 40]
)
def test_what_is_no_question_for_a_name_is_none(message: str) -> None:
    assert asked_host(message) is None


def test_what_a_builder_says_of_it_is_brought_into_form() -> None:
    given: Any = [{"kind": "tool", "name": "quux"}, {"kind": "door", "name": "x"}, {"kind": "tool", "name": "<b>"}]
    given += [{"kind": "header", "name": "../x.h"}, {"kind": "tool", "name": "a" * 200}, 7, {"kind": "tool", "name": 7}]
    assert looked_for(given) == [{"kind": "tool", "name": "quux"}]
    assert len(looked_for([{"kind": "tool", "name": "quux"}] * 500)) == 60
    assert looked_for("quux") == []


def explained(log: str, *looks: tuple[str, str]) -> tuple[str, str | None]:
    document = {**FAILED, "looked_for": [{"kind": kind, "name": name} for kind, name in looks]}
    found = classify(document, log, "demo")
    return found.failure_class, found.subject


LAST = ("header", "last.h")


@pytest.mark.parametrize(
    ("log", "looks", "what"),
    [
        # The words name one of them, in any language and case.
        ("Bitte erst Cairo einspielen.", [LAST, ("pkg-config", "cairo")], ("missing-header", "cairo")),
        ("RuntimeError: libusb が必要です", [LAST, ("library", "usb-1.0")], ("missing-library", "usb-1.0")),
        # They name none: the last look counts, but none that is mostly optional.
        ("Il manque quelque chose.", [("tool", "git"), LAST], ("missing-header", "last.h")),
        # ninja's CMake looks for this one in each project.
        ("Il manque quelque chose.", [("tool", "cmcldeps"), LAST], ("missing-header", "last.h")),
        ("SystemExit: chybí knihovna", [LAST], ("missing-header", "last.h")),
        # A fault of the script is its own, and so is what a compiler says exactly.
        ("TypeError: unsupported operand", [LAST], ("build-script-error", "TypeError: unsupported operand")),
        ("a.c:1:2: error: expected ';'", [LAST], ("compile-error", "expected ';'")),
        ("a.c:1:1: fatal error: foo.h: No such file or directory", [("header", "foo.h")], ("missing-header", "foo.h")),
        # The words have another name for it.
        ("Need to install the Geo development files", [LAST, ("tool", "geo-config")], ("missing-header", "geo-config")),
        ("ModuleNotFoundError: No module named 'numpy'", [LAST], ("undeclared-build-requirement", "numpy")),
    ],
)  # fmt: skip
def test_the_cause_is_chosen_by_the_words_then_by_the_order(
    log: str, looks: list[tuple[str, str]], what: tuple[str, str]
) -> None:
    assert explained(log, *looks) == what


def test_a_build_is_watched_once_and_only_where_the_log_says_too_little() -> None:
    def proposed(failure: str, *applied: str, **facts: Any) -> str | None:
        proposals = remedies.propose(FailedBuild(failure, phase="build", **{"can_watch": True, **facts}), applied)
        return proposals[0].name if proposals else None

    assert proposed("unknown") == WATCHED
    assert proposed("configure-error") == WATCHED
    assert proposed("build-script-error", subject="RuntimeError: no") == WATCHED
    assert proposed("build-script-error", subject="KeyError: 'no'") is None
    assert proposed("unknown", WATCHED) is None
    assert proposed("unknown", can_watch=False) is None
    assert proposed("missing-header", subject="yaml.h") is None
    assert proposed("missing-header", subject="GeoThing", no_package=True) == WATCHED
    assert proposed("missing-tool") == WATCHED
    assert proposed("compile-error") is None
