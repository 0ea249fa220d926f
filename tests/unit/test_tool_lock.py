"""The lock of builders' tools: which versions it has, when it is made, and when it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from wheelfleet.builder import install
from wheelfleet.engine import tool_lock
from wheelfleet.engine.tool_lock import SHIPPED, LockError, ToolLock, known_lock, lock_tools

from tests.support.file_index import FileIndex
from tests.support.interpreters import interpreters

DEFAULTS = Path(__file__).resolve().parents[2] / "roles" / "builder" / "defaults" / "main.yml"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileIndex:
    made = FileIndex(tmp_path / "index")
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", made.url)
    return made


def test_the_default_requirements_are_locked_already_and_ask_nobody(tmp_path: Path, index: FileIndex):
    requirements = yaml.safe_load(DEFAULTS.read_text())["builder_tool_requirements"]
    path, lock, before = lock_tools(tmp_path / "state", requirements)
    assert (path, lock) == (SHIPPED, before)
    assert not (tmp_path / "state").exists()
    assert "auditwheel==6.4.2 ; python_full_version < '3.10'" in lock.versions
    (newer,) = (line for line in lock.versions if line.startswith("auditwheel") and ">=" in line)
    assert tuple(map(int, newer.partition(" ")[0].removeprefix("auditwheel==").split("."))) >= (6, 8, 2)
    assert SHIPPED.read_text() == lock.text


def test_other_requirements_are_locked_once_and_stay_until_renewed(tmp_path: Path, index: FileIndex):
    index.add("demo", "1.0")
    index.add("demo", "1.5", requires_python=">=3.10")
    path, lock, before = lock_tools(tmp_path, ["demo>=1"])
    assert lock.versions == (
        "demo==1.0 ; python_full_version < '3.10'",
        "demo==1.5 ; python_full_version >= '3.10'",
    )
    assert before is None
    index.add("demo", "2.0")
    assert lock_tools(tmp_path, ["demo>=1"]) == (path, lock, lock)
    assert ToolLock.from_text(path.read_text()) == lock
    renewed = lock_tools(tmp_path, ["demo>=1"], renew=True)
    assert renewed[1].versions == ("demo==2.0",)
    assert renewed[2] == lock
    assert known_lock(tmp_path, ["demo>=1"]) == renewed[:2]
    assert lock_tools(tmp_path, ["demo>=1"], renew=True) == (path, renewed[1], renewed[1])


def test_builders_with_other_requirements_share_the_versions(tmp_path: Path, index: FileIndex):
    shipped = next(line for line in ToolLock.from_text(SHIPPED.read_text()).versions if line.startswith("wheel=="))
    index.add("wheel", shipped.removeprefix("wheel=="))
    index.add("wheel", "99.0")
    index.add("demo", "1.0")
    assert lock_tools(tmp_path, ["demo", "wheel>=0.45"])[1].versions == ("demo==1.0", shipped)


def test_check_mode_says_what_would_be_locked_and_writes_nothing(tmp_path: Path, index: FileIndex):
    index.add("demo", "1.0")
    _, lock, before = lock_tools(tmp_path / "state", ["demo"], check=True)
    assert (lock.versions, before) == (("demo==1.0",), None)
    assert not (tmp_path / "state").exists()


def test_of_two_locks_for_the_same_requirements_the_newer_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tool_lock, "SHIPPED", tmp_path / "shipped.txt")
    own = tool_lock.path_of(tmp_path, ["demo"])
    own.parent.mkdir()
    own.write_text(ToolLock(("demo",), ("demo==1.0",), "2026-05-01").text)
    for day, version in (("2026-04-01", "1.0"), ("2026-06-01", "2.0")):
        tool_lock.SHIPPED.write_text(ToolLock(("demo",), ("demo==2.0",), day).text)
        known = known_lock(tmp_path, ["demo"])
        assert known is not None
        assert known[1].versions == (f"demo=={version}",)


@pytest.mark.parametrize("requirement", ["nowhere>=1", "not a requirement"])
def test_what_cannot_be_locked_is_told_in_one_sentence(tmp_path: Path, index: FileIndex, requirement: str):
    with pytest.raises(LockError, match=r"cannot be locked: .*\. Check builder_tool_requirements") as told:
        lock_tools(tmp_path, [requirement])
    assert "\n" not in str(told.value)


def test_a_controller_with_older_policies_than_its_builders_is_told():
    def told(*builders: str) -> str | None:
        return tool_lock.policies_apart({name: {"tools": {"auditwheel": name}} for name in builders}, "6.8.2")

    assert told("6.4.2", "6.8.2") is None
    assert told() is None
    sentence = told("6.4.2", "6.10.0")
    assert sentence is not None and "auditwheel 6.10.0, and the controller judges them by 6.8.2" in sentence


@pytest.mark.slow
@pytest.mark.parametrize("python", sorted({interpreters()[0], interpreters()[-1]}), ids=lambda path: path.name)
def test_a_builder_installs_the_locked_versions(tmp_path: Path, index: FileIndex, python: Path):
    index.add("demo", "1.0")
    index.add("demo", "2.0")
    asked = (tmp_path, str(python), ["demo>=1"])
    first = install.tool_environment(*asked, ["demo==1.0"])
    assert (first["changed"], first["versions"]["demo"]) == (True, "1.0")
    again = install.tool_environment(*asked, ["demo==1.0"])
    assert (again["changed"], again["versions"]) == (False, first["versions"])
    renewed = install.tool_environment(*asked, ["demo==2.0"], check=True)
    assert (renewed["changed"], renewed["versions"]) == (True, {})
    renewed = install.tool_environment(*asked, ["demo==2.0"])
    assert (renewed["changed"], renewed["versions"]["demo"]) == (True, "2.0")
