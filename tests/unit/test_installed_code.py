"""The controller has a builder described by the code that the builder has, if that is the controller's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder import worker_code
from wheelfleet.contract.report import ANSWER, Report
from wheelfleet.engine.installed_code import answer, command

DIGEST = worker_code.digest(worker_code.worker_code())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "it's a home"
    worker_code.install(folder, worker_code.pack(worker_code.worker_code()))
    return folder


def asked(home: Path, *, python: str = sys.executable, digest: str = DIGEST) -> dict[str, Any] | None:
    options = {
        "home": str(home),
        "pythons": [python],
        "tool_requirements": ["pip"],
        "tool_versions": [],
        "parallel": 3,
        "memory": 0,
        "sandbox": False,
    }
    line = command(["/no/such/python", sys.executable], digest, options, check=True)
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return answer(f"Welcome to this host\n{done.stdout}")


def test_it_makes_the_report_of_a_builder_and_names_what_it_would_make(home: Path) -> None:
    found = asked(home)
    assert found is not None
    report = Report.from_data(found)
    report.check()
    assert report.facts["slots"] == 3
    assert [target["python_version"] for target in report.targets] == [sys.version.split()[0]]
    assert found["changed"]
    assert str(home / "outbox") in found["diff"]["after"]
    assert not (home / "outbox").exists()


def test_a_failure_is_told_as_the_module_would_tell_it(home: Path) -> None:
    found = asked(home, python="no-such-python")
    assert found is not None
    assert found["failed"]
    assert "builder_pythons names no-such-python" in found["msg"]


@pytest.mark.parametrize(
    "change",
    [
        lambda lib: (lib / "builder" / "make_builder.py").write_text("print('wheelfleet-builder {}')"),
        lambda lib: (lib / "builder" / "more.py").touch(),
        lambda lib: (lib / "names.py").unlink(),
        lambda lib: (lib / "names.py").rename(lib / "other_names.py"),
    ],
)
def test_code_that_is_not_the_controllers_is_not_run(home: Path, change: Any) -> None:
    change(home / "lib" / "wheelfleet")
    assert asked(home) is None


def test_a_host_without_code_gives_no_answer(tmp_path: Path) -> None:
    assert asked(tmp_path) is None


def test_an_answer_has_nothing_but_a_modules_results() -> None:
    assert answer(f'{ANSWER}{{"changed": false, "ansible_facts": {{"a": 1}}, "rc": 7}}\n') == {"changed": False}
    assert answer(f"{ANSWER}[1]\n") is None
    assert answer(f'{ANSWER}{{"chan') is None
    assert answer("") is None
