"""The logs of configure steps say more than their last line: the real form of each, and what a hostile one gives."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from wheelfleet.admission.classify import classify
from wheelfleet.builder.own_logs import MOST_ENTRIES, MOST_LINES, excerpts

CONFIG_LOG = """\
configure:3401: checking minix/config.h usability
conftest.c:54:10: fatal error: minix/config.h: No such file or directory
configure:3401: result: no
configure:3900: checking for libusb_init in -lusb-1.0
configure:3925: gcc -o conftest -g -O2   conftest.c -lusb-1.0   >&5
/usr/bin/ld: cannot find -lusb-1.0: No such file or directory
collect2: error: ld returned 1 exit status
configure:3925: $? = 1
configure: failed program was:
| #include <never.h>
| int main (void) { return libusb_init (); }
configure:3934: result: no
configure:3950: error: se necesita la biblioteca
## ---------------- ##
## Cache variables. ##
configure: exit 1
"""
CMAKE_ERROR = """\
Performing C SOURCE FILE Test CMAKE_HAVE_LIBC_PTHREAD failed with the following output:
/usr/bin/ld: cannot find -lfirst
Determining if files quux/frob.h exist failed with the following output:
/build/CheckIncludeFiles.c:2:10: fatal error: quux/frob.h: No such file or directory
compilation terminated.
"""
CMAKE_YAML = """\
events:
  -
    kind: "try_compile-v1"
    buildResult:
      exitCode: 0
  -
    kind: "try_compile-v1"
    checks:
      - "Looking for frob in quux"
    buildResult:
      variable: "HAVE_FROB"
      cached: true
      stdout: |
        /usr/bin/ld: cannot find -lquux: No such file or directory
        collect2: error: ld returned 1 exit status
      exitCode: 1
"""
#: A header of Windows, which the step does without.
CMAKE_WENT_ON = f"""{CMAKE_YAML}  -
    kind: "try_compile-v1"
    buildResult:
      exitCode: 0
"""
MESON_LOG = """\
Build started
Run-time dependency quux found: NO (tried pkgconfig)
../meson.build:3:0: ERROR: Dependency "quux" not found, tried pkgconfig
"""
FAILED = {"phase": "build", "stopped_by": None, "exit_code": 1, "message": "It failed.", "reason": "backend-failed"}


@pytest.mark.parametrize(
    ("path", "text", "what"),
    [
        ("config.log", CONFIG_LOG, ("missing-library", "usb-1.0")),
        ("build/CMakeFiles/CMakeError.log", CMAKE_ERROR, ("missing-header", "quux/frob.h")),
        ("build/CMakeFiles/CMakeConfigureLog.yaml", CMAKE_YAML, ("missing-library", "quux")),
        ("b/meson-logs/meson-log.txt", MESON_LOG, ("missing-header", "quux")),
    ],
)
def test_the_cause_is_read_in_the_log_of_the_step(tmp_path: Path, path: str, text: str, what: tuple[str, str]) -> None:
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(text)
    ((name, lines),) = excerpts(tmp_path)
    assert name == Path(path).name
    log = "\n".join(["Es fehlt etwas.", f"::wheelfleet from {name}", *(f"| {line}" for line in lines)])
    found = classify(FAILED, log, "demo")
    assert (found.failure_class, found.subject) == what


def test_what_the_output_says_exactly_counts_before_it() -> None:
    log = "a.c:1:1: error: expected ';'\n::wheelfleet from config.log\n| /usr/bin/ld: cannot find -lusb-1.0\n"
    assert classify(FAILED, log, "demo").failure_class == "compile-error"


def test_a_configure_that_went_well_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.log").write_text(CONFIG_LOG.replace("error: se", "result: se"))
    assert excerpts(tmp_path) == []


def test_a_try_that_the_step_got_past_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "CMakeConfigureLog.yaml").write_text(CMAKE_WENT_ON)
    assert excerpts(tmp_path) == []


def test_hostile_logs_give_little_and_no_file_of_others(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(CONFIG_LOG)
    tree = tmp_path / "tree"
    for folder in ("a", "b", "c", "d"):
        (tree / folder).mkdir(parents=True)
    (tree / "a" / "config.log").symlink_to(secret)
    os.mkfifo(tree / "b" / "meson-log.txt")
    (tree / "c" / "CMakeError.log").mkdir()
    (tree / "link").symlink_to(tmp_path)
    assert excerpts(tree) == []
    (tree / "d" / "config.log").write_text(
        "\x1b[2J" + "x" * 5000 + "\n" * 9 + f"{'configure:1: y' * 99}\n" * 9999 + CONFIG_LOG
    )
    os.utime(tree / "d" / "config.log", (4e9, 4e9))
    ((_, lines),) = excerpts(tree)
    assert len(lines) <= MOST_LINES
    assert all(len(line) <= 300 and line.isprintable() for line in lines)


def test_a_crowd_of_files_is_not_walked(tmp_path: Path) -> None:
    crowd = tmp_path / "crowd"
    crowd.mkdir()
    for number in range(MOST_ENTRIES + 1):
        (crowd / str(number)).touch()
    (tmp_path / "crowd" / "config.log").write_text(CONFIG_LOG)
    assert excerpts(tmp_path) == []
