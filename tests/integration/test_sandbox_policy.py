"""A host that cannot sandbox builds nothing, says why, and is allowed to by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support import sdists
from tests.support.operator import Operator
from tests.support.upstream import Upstream


@pytest.fixture
def no_bubblewrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine without one program."""
    commands = tmp_path / "commands"
    commands.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for program in Path(folder).glob("*"):
            place = commands / program.name
            if program.name != "bwrap" and not place.is_symlink():
                place.symlink_to(program)
    monkeypatch.setenv("PATH", str(commands))


@pytest.mark.usefixtures("no_bubblewrap")
def test_a_host_without_bubblewrap_builds_nothing_until_allowed_by_name(operator: Operator, upstream: Upstream) -> None:
    upstream.add_release(sdists.pure_sdist("demo", "1.0"))
    operator.variables["controller_packages"] = ["demo"]
    run = operator.build(expect=None)
    assert run.returncode != 0
    said = " ".join(run.output.split())
    assert "This host has no bubblewrap, in which builds are kept apart; install it" in said
    assert "builder_sandbox: false in this host's variables" in said
    assert operator.wheels() == []
    operator.variables["builder_sandbox"] = False
    operator.build()
    assert operator.wheels() == ["demo-1.0-py3-none-any.whl"]
