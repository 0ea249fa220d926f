"""A watched build says what it looked for in vain, whatever the language of its messages."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from wheelfleet.admission.classify import classify
from wheelfleet.admission.failure import Failure

from tests.support.builder import Builder
from tests.support.operator import Operator
from tests.support.sdists import c_sdist, pure_sdist
from tests.support.upstream import Upstream

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace watches builds")

RUN = "import os, shutil, socket, subprocess, sys, urllib.request\nquiet = dict(stdout=-3, stderr=-3)\n"

#: What a build script does and says, and what it looked for: kind and name, and the class of the failure.
CASES = {
    "program": (
        "try:\n    subprocess.run(['quux-config', '--cflags'], check=True)\n"
        "except OSError:\n    sys.exit('Die Entwicklungsdateien fehlen, bitte einspielen.')",
        ("tool", "quux-config", "missing-header"),
    ),
    "program by which": (
        "if not shutil.which('frobnicate'):\n    raise RuntimeError('Il manque frobnicate sur cette machine')",
        ("tool", "frobnicate", "missing-tool"),
    ),
    "program by the shell": (
        "if os.system('frobnicate --version >/dev/null 2>&1'):\n    print('Falta un programa.'); os._exit(3)",
        ("tool", "frobnicate", "missing-tool"),
    ),
    "module of pkg-config": (
        "if subprocess.call(['pkg-config', '--exists', 'quuxlib-2.0 >= 2.1'], **quiet):\n"
        "    sys.exit('Tarvittavaa kirjastoa ei ole')",
        ("pkg-config", "quuxlib-2.0", "missing-header"),
    ),
    "header": (
        "open('t.c', 'w').write('#include <stdio.h>\\n#include <quux/frob.h>\\n')\n"
        "if subprocess.call(['cc', '-c', 't.c'], **quiet):\n    raise RuntimeError('Не найдена библиотека')",
        ("header", "quux/frob.h", "missing-header"),
    ),
    "library": (
        "open('t.c', 'w').write('int main(void) { return 0; }\\n')\n"
        "if subprocess.call(['cc', 't.c', '-lquux', '-o', 't'], **quiet):\n    raise RuntimeError('quux puuttuu')",
        ("library", "quux", "missing-library"),
    ),
    "download": (
        "try:\n    urllib.request.urlopen('https://downloads.example.org/quux.tar.gz')\n"
        "except OSError:\n    sys.exit('Das Archiv war nicht zu holen.')",
        ("host", "downloads.example.org", "download-in-build"),
    ),
}


def watched(builder: Builder, script: str) -> tuple[dict[str, Any], Failure]:
    assignment = builder.assignment(
        pure_sdist("demo", "1.0", script=RUN + script), sandbox=True, adjustments={"watch": True}
    )
    (result,) = builder.build(assignment)
    return result, classify(result, builder.log(assignment["attempt"]), "demo")


def test_what_it_looked_for_in_vain_is_named(builder: Builder) -> None:
    assignments = [
        builder.assignment(
            pure_sdist(f"demo{i}", "1.0", script=RUN + script), position=i, sandbox=True, adjustments={"watch": True}
        )
        for i, (script, _) in enumerate(CASES.values())
    ]
    results = builder.build(*assignments, parallel=2)
    for (case, (_, (kind, name, failure_class))), result in zip(CASES.items(), results):
        log = builder.log(result["attempt"])
        found = classify(result, log, "demo")
        assert {"kind": kind, "name": name} in result["looked_for"], f"{case}: {log}"
        assert (found.failure_class, found.subject) == (failure_class, name), f"{case}: {result['looked_for']}"
        assert name in found.sentence
        assert "Looked for in vain, the last one first:" in found.evidence[-1]


def test_a_fault_of_the_script_is_not_explained_by_what_is_optional(builder: Builder) -> None:
    result, found = watched(builder, "shutil.which('frobnicate'); subprocess.call('git log', shell=True); 1 + 'a'")
    assert {"kind": "tool", "name": "frobnicate"} in result["looked_for"]
    assert found.failure_class == "build-script-error"
    assert "TypeError" in found.sentence


def test_what_is_found_later_is_not_missing(builder: Builder) -> None:
    script = (
        "os.makedirs('inc/quux', exist_ok=True); open('inc/quux/own.h', 'w').close()\n"
        "open('t.c', 'w').write('#include <quux/own.h>\\n#include <stdio.h>\\n')\n"
        "assert subprocess.call(['cc', '-c', 't.c'], **quiet)\n"
        "assert not subprocess.call(['cc', '-idirafter', 'inc', '-c', 't.c'], **quiet)\n"
        "sys.exit(1)"
    )
    result, _ = watched(builder, script)
    assert "own.h" not in str(result["looked_for"])
    assert not [each for each in result["looked_for"] if each["name"] in ("stdio.h", "cc", "sh")]


@pytest.mark.parametrize(
    "ending",
    [
        "os.kill(os.getpid(), 11)",
        "sys.exit(7)",
        "subprocess.Popen(['sleep', '600'], start_new_session=True, **quiet); sys.exit(7)",
    ],
)
def test_a_watched_build_ends_as_it_would_unwatched(builder: Builder, ending: str) -> None:
    sdist = pure_sdist("demo", "1.0", script=RUN + ending)
    plain, seen = (
        builder.assignment(sdist, position=i, sandbox=True, adjustments=more)
        for i, more in enumerate(({}, {"watch": True}))
    )
    first, second = builder.build(plain, seen)
    facts = ("outcome", "stopped_by", "exit_code", "phase", "message", "reason")
    assert [first[fact] for fact in facts] == [second[fact] for fact in facts]
    assert second["seconds"] < 60
    builder.assert_nothing_is_left()


def test_a_watched_build_gives_the_same_wheel(builder: Builder) -> None:
    sdist = c_sdist("demo", "1.0")
    plain = builder.assignment(sdist, sandbox=True)
    seen = builder.assignment(sdist, position=1, sandbox=True, adjustments={"watch": True})
    first, second = builder.build(plain, seen)
    assert first["wheels"] == second["wheels"]
    assert builder.wheel(second) == builder.wheel(first)


@pytest.mark.parametrize("answer", ["link", "markup", "huge", "pipe"])
def test_a_made_up_answer_says_nothing_that_has_not_the_form(builder: Builder, answer: str) -> None:
    """The answer's folder is the build's: it may put anything there, and wins if it is quick."""
    makes = {
        "link": "os.symlink('/etc/passwd', path)",
        "markup": (
            'open(path, \'w\').write(\'[["tool", "<b>x</b>"], ["tool", "a\\\\u001b[2J"], ["header", "../../x.h"],'
            ' ["tool", "ok"], ["tool"], 7, {}]\')'
        ),
        "huge": "open(path, 'w').write('[' + '[\"tool\", \"frob\"],' * 500_000 + '0]')",
        "pipe": "os.mkfifo(path)",
    }
    script = (
        "path = '/build/control/looked_for.json'\n"
        f"{makes[answer]}\n"
        # Nobody writes the answer after this one's end.
        "for pid in filter(str.isdigit, os.listdir('/proc')):\n"
        "    if b'watch.py' in open(f'/proc/{pid}/cmdline', 'rb').read().split(b'\\0')[3]:\n"
        "        os.kill(int(pid), 15)\n"
    )
    result, found = watched(builder, script)
    allowed = [] if answer != "markup" else [{"kind": "tool", "name": "ok"}]
    assert result["looked_for"] == allowed, found


@pytest.mark.skipif(shutil.which("cmake") is None, reason="CMake writes the log")
def test_the_log_of_a_configure_step_is_read_above_its_last_line(builder: Builder) -> None:
    """The same without strace: CMake says in German that something is missing, its log what."""
    lists = (
        "cmake_minimum_required(VERSION 3.10)\nproject(demo C)\ninclude(CheckIncludeFile)\n"
        'check_include_file(quux/frob.h HAS_FROB)\nif(NOT HAS_FROB)\n  message(FATAL_ERROR "Es fehlt etwas")\nendif()\n'
    )
    configure = "if subprocess.call(['cmake', '-B', 'out', '.']): sys.exit('Schade')"
    script = f"open('CMakeLists.txt', 'w').write({lists!r})\n{configure}"
    assignment = builder.assignment(pure_sdist("demo", "1.0", script=RUN + script), sandbox=True)
    (result,) = builder.build(assignment)
    found = classify(result, builder.log(assignment["attempt"]), "demo")
    assert (found.failure_class, found.subject) == ("missing-header", "quux/frob.h"), builder.log(assignment["attempt"])


@pytest.mark.long
def test_a_run_tries_a_failure_again_that_says_nothing_and_names_it(operator: Operator, upstream: Upstream) -> None:
    script, (kind, name, failure_class) = CASES["module of pkg-config"]
    upstream.add_release(pure_sdist("mute", "1.0", script=RUN + script))
    upstream.add_release(pure_sdist("faulty", "1.0", script=RUN + "1 + 'a'"))
    operator.variables["controller_packages"] = ["mute", "faulty"]
    operator.build()
    rows = operator.query(
        "SELECT p.name, a.failure_class, a.missing_kind, a.subject, a.remedies FROM attempt a JOIN release r "
        "ON r.id = a.release_id JOIN project p ON p.id = r.project_id ORDER BY p.name, a.finished_at"
    )
    found = [
        (
            row["name"],
            row["failure_class"],
            row["missing_kind"],
            [e["name"] for e in json.loads(row["remedies"] or "[]")],
        )
        for row in rows
    ]
    assert found == [
        ("faulty", "build-script-error", None, []),
        ("mute", "unknown", None, []),
        ("mute", failure_class, kind, ["watched"]),
    ]
    assert rows[-1]["subject"] == name
    assert operator.build().changed == 0
