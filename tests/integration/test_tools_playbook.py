"""playbooks/tools.yml: the versions of builders' tools are renewed by a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.file_index import FileIndex
from tests.support.operator import Operator


def test_the_lock_of_the_tools_is_renewed_by_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = FileIndex(tmp_path / "index")
    index.add("demo", "1.0")
    settings = tmp_path / "home" / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"[global]\nindex-url = {index.url}\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    # No host answers: nobody is asked.
    operator = Operator(tmp_path / "operator", {"builder_tool_requirements": ["demo>=1"]}, ["pi1", "pi2"])
    would = operator.play("playbooks/tools.yml", "--check", "--diff")
    assert "+demo==1.0" in would.output
    assert not operator.state.exists()
    assert operator.play("playbooks/tools.yml").recap["pi1"]["changed"] == 1
    assert operator.play("playbooks/tools.yml").changed == 0
    index.add("demo", "2.0")
    renewed = operator.play("playbooks/tools.yml", "--diff")
    assert (renewed.changed, "-demo==1.0" in renewed.output, "+demo==2.0" in renewed.output) == (1, True, True)
    (lock,) = operator.state.glob("tools/*.txt")
    assert "are locked in" in renewed.output and lock.read_text().endswith("demo==2.0\n")
    operator.variables["builder_tool_requirements"] = ["nowhere>=1"]
    refused = operator.play("playbooks/tools.yml", expect=2)
    assert "(nowhere>=1) cannot be locked" in " ".join(refused.output.split())
    assert "No builder works" not in refused.output
