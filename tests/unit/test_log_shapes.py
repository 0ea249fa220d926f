"""What the logs of unexplained failures have in common: the tool for who writes the next rule."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from wheelfleet.admission.classify import classify
from wheelfleet.admission.failed_logs import FailedLog
from wheelfleet.admission.log_shapes import common_shapes, shape, telling_lines
from wheelfleet.monitor.log_shapes import main

from tests.support.catalogs import ControllerState

LOGS = Path(__file__).parents[1] / "support" / "logs"


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("src/a.c:12:5: fatal error: x/y.h: No such file", "<path>:<number>: fatal error: <path>: No such file"),
        ("error: Command '['/usr/bin/gcc', '-c', 'a.c']' failed with 1", "error: Command <name> failed with <number>"),
        ("  Foo-Bar 1.2rc1 needs   “cmake” >= 3.5", "<project> <number> needs “cmake” >= <number>"),
        ("foo_bar: see https://example.org/a?b=c", "<project>: see <url>"),
        ("object at 0x7f3a2b1c9d00 of `it'", "object at <hex> of <name>"),
        ("\x1b[31mdon't\x1b[0m panic", "don't panic"),
    ],
)
def test_numbers_paths_and_names_are_masked(line: str, masked: str):
    assert shape(line, "foo-bar") == masked


def log(project: str, *lines: str) -> FailedLog:
    return FailedLog(project, "1.0", "pi1", "unknown", f"{project}.log.gz", lines)


def test_frames_of_a_traceback_and_pips_own_lines_tell_nothing():
    lines = [
        "  Getting requirements to build wheel: finished with status 'error'",
        "  error: subprocess-exited-with-error",
        "  │ Traceback (most recent call last):",
        '  │   File "setup.py", line 3, in <module>',
        '  │     raise RuntimeError("no cairo")',
        "  │     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
        "  │ RuntimeError: no cairo",
        "  note: This error originates from a subprocess",
    ]
    assert telling_lines(lines) == ["  │ RuntimeError: no cairo"]
    assert telling_lines(lines[:3]) == ["  error: subprocess-exited-with-error"]


def test_what_most_projects_say_comes_first_and_each_log_counts_once():
    failed = [
        log("alpha", "Cannot find cairo development files.", "error: setup failed"),
        log("beta", "Cannot find gdal development files.", "error: setup failed"),
        log("beta", "Cannot find gdal development files."),
        log("gamma", "Cannot find sdl development files.", "RuntimeError: bye"),
        log("delta", "RuntimeError: bye"),
    ]
    first, second = common_shapes(failed)
    assert (first.text, first.projects, first.logs) == (
        "Cannot find <any> development files.",
        ["alpha", "beta", "gamma"],
        4,
    )
    assert (first.example, first.of.project) == ("Cannot find cairo development files.", "alpha")
    assert (second.text, second.projects, second.logs) == ("RuntimeError: bye", ["delta"], 1)


def test_what_explained_failures_say_as_often_is_left_out():
    failed = [log(name, "setup.py: failed", f"{name} must have a moon") for name in ("alpha", "beta")]
    known = [log(name, "setup.py: failed") for name in ("gamma", "delta", "epsilon")]
    assert common_shapes(failed, known)[0].text == "<project> must have a moon"
    (found,) = common_shapes([log("alpha", "setup.py: failed")])
    assert found.text == "<file>: failed"
    assert common_shapes([log("alpha", "setup.py: failed")], known) == []


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """A catalog with the logs of builds that really failed."""
    with ControllerState(tmp_path / "var") as state:
        # Without those of the second corpus, which grow in number.
        for path in sorted(set(LOGS.glob("*.log")) - set(LOGS.glob("corpus-*.log"))):
            head, _, text = path.read_text().partition("\n")
            why = classify(json.loads(head), text, path.stem)
            facts = {"failure_class": why.failure_class, "blocks": why.blocks, "evidence": "\n".join(why.evidence)}
            state.attempt(path.stem, "1.0", log=text, **facts)
        for project in ("alpha", "beta"):
            said = f"::wheelfleet phase build\n{project}: Cannot find cairo.pc\x1b[2J, which is required\n"
            state.attempt(project, "1.0", log=said, failure_class="unknown", blocks="release")
        old = state.attempt("gone", "1.0", log=said, failure_class="unknown", blocks="release", superseded=1)
        assert old
    return tmp_path / "var"


def test_the_command_prints_shapes_with_projects_and_an_example(real: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--state", str(real), "--most", "2"]) == 0
    head, _, shapes = capsys.readouterr().out.partition("\n")
    assert head == "4 unknown, 1 build-script-error; 5 read, 4 shapes"
    first = shapes.strip().split("\n\n")[0].splitlines()
    assert first[0] == "2 projects, 2 logs: <project>: Cannot find cairo.pc, which is required"
    assert first[1:3] == [
        "    of       alpha, beta",
        "    example  beta: Cannot find cairo.pc, which is required",
    ]
    assert first[3].startswith("             beta 1.0 on pi1, unknown: ")
    assert Path(first[3].rpartition(": ")[2]).is_file()


def test_other_classes_can_be_asked_for_and_scripts_get_json(real: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--state", str(real), "--classes", "missing-header", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"shape", "projects", "logs", "example"} == found[0].keys()
    missing = next(each for each in found if "fatal error" in each["shape"])
    assert {"pyaudio", "python-ldap"} <= set(missing["projects"])


def test_of_a_lost_log_the_evidence_is_read(real: Path, capsys: pytest.CaptureFixture[str]):
    shutil.rmtree(real / "logs")
    assert main(["--state", str(real)]) == 0
    said = capsys.readouterr().out
    assert "AssertionError: the moon is not full" in said
    assert "its log is lost" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--classes", "no-such"], "no failure class; docs/reference"), ([], "There is no catalog")],
)
def test_a_wrong_question_gets_a_sentence(arguments: list[str], said: str, tmp_path: Path, capsys):
    try:
        assert main(["--state", str(tmp_path), *arguments]) == 1
    except SystemExit as ended:
        assert ended.code == 2
    assert said in capsys.readouterr().err
