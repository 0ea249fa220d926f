"""A host whose Python is too old for modules is told so by a command that such a Python understands too."""

from __future__ import annotations

import ast
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from wheelfleet_ansible.host_python import OLDEST, PROGRAM, question, too_old

from tests.support.interpreters import interpreters, older_interpreters
from tests.support.operator import ANSIBLE_PLAYBOOK, REPOSITORY, Operator


def ask(*candidates: str) -> str:
    return subprocess.run(["sh", "-c", question(candidates)], capture_output=True, text=True, check=True).stdout


def test_the_oldest_that_modules_need_is_the_oldest_that_is_tested() -> None:
    assert min(OLDEST, sys.version_info[:2]) == OLDEST
    for python in interpreters():
        assert too_old(ask(str(python))) is None, python


def stand_in(folder: Path, version: str) -> str:
    """A Python that knows nothing but its version: what an older one would do with the program, this one says."""
    program = folder / f"python {version}"
    program.write_text(f"#!/bin/sh\necho motd\necho wheelfleet-python {version} {shlex.quote(str(program))}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize("version", ["2.7.18", "3.7.3", "3.8.18+"])
def test_an_older_one_is_named_with_what_is_needed_and_where_to_say_it(tmp_path: Path, version: str) -> None:
    sentence = too_old(ask("not-there-at-all", stand_in(tmp_path, version), sys.executable))
    assert sentence is not None
    for part in (version, str(tmp_path), "needs 3.9 or newer", "ansible_python_interpreter"):
        assert part in sentence
    assert sentence.count(". ") == 0


def test_what_says_nothing_is_no_old_python(tmp_path: Path) -> None:
    assert too_old(ask("not-there-at-all")) is None
    assert too_old("") is None


def test_an_older_one_understands_the_question() -> None:
    """Its grammar does, and so do those that are here; most machines have none."""
    assert ast.parse(PROGRAM, feature_version=(3, 4))
    for python in older_interpreters():
        sentence = too_old(ask(str(python)))
        assert sentence is not None
        assert str(python) in sentence


@pytest.mark.slow
def test_the_builders_module_and_provisioning_end_with_that_sentence(tmp_path: Path) -> None:
    """With whatever older Python is here, else with one that fails at Ansible's code as such ones do."""
    python = next(map(str, older_interpreters()), stand_in(tmp_path, "3.7.3"))
    (tmp_path / "hosts.yml").write_text(
        json.dumps({"all": {"hosts": {"old": {"ansible_connection": "local", "ansible_python_interpreter": python}}}})
    )
    builder = {
        "home": str(tmp_path / "home"),
        "pythons": ["python3"],
        "tool_requirements": ["pip"],
        "tool_versions": [],
        "sandbox": False,
    }
    tasks = [{"wheelfleet_python": None, "ignore_errors": True}, {"wheelfleet_builder": builder}]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "old", "gather_facts": False, "tasks": tasks}]))
    operator = Operator(tmp_path)
    command = [str(ANSIBLE_PLAYBOOK), "-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml")]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=operator.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    said = " ".join((done.stdout + done.stderr).split())
    assert said.count("and wheelfleet needs 3.9 or newer there") >= 2
    assert "No start of json" not in said
    assert not (tmp_path / "home").exists()
