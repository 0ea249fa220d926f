"""Requirements files: read as pip reads them, and what is remembered of how they were resolved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from wheelfleet.planner.requirements_files import (
    RequirementsFile,
    confirm_resolutions,
    forget_other_files,
    pinned_rules,
    record_resolution,
    resolution_logs,
    to_resolve,
    unconsidered_requirements,
)
from wheelfleet.planner.requirements_reader import read_requirements_files
from wheelfleet.planner.scope import BadScope

from tests.support.catalogs import TARGET, ControllerState


def read(path: Path) -> RequirementsFile:
    """One file, as the controller reads it."""
    return read_requirements_files([str(path)])[0]


def texts(lines: Any) -> list[str]:
    """What stands in lines."""
    return [line.text for line in lines]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"-r base.txt  # what all need\n", id="comment"),
        pytest.param(b"-rbase.txt\n", id="together"),
        pytest.param(b"-r\tbase.txt\n", id="tab"),
        pytest.param(b"--requirement=base.txt\n", id="long"),
        pytest.param(b'-r "my base.txt"\n', id="quoted"),
        pytest.param(b"-r bom.txt\n", id="included-bom"),
        pytest.param(b"-r more/up.txt\n", id="from-another-folder"),
        pytest.param("-r base.txt\n".encode("utf-16"), id="utf-16"),
        pytest.param("# -*- coding: latin-1 -*-\n# \xe9t\xe9\nspidev>=3.6\n".encode("latin-1"), id="coding"),
        pytest.param(b"spidev \\\n>=3.6 --hash=sha256:00 \\\n --hash=sha256:01\r\n", id="continued-with-hashes"),
        pytest.param(b"spidev>=${LEAST}\n", id="variable"),
    ],
)
def test_a_requirements_file_is_read_as_pip_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("LEAST", "3.6")
    for name in ("base.txt", "my base.txt"):
        (tmp_path / name).write_text("spidev>=3.6\n")
    (tmp_path / "bom.txt").write_text("spidev>=3.6\n", "utf-8-sig")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/up.txt").write_text("-r ../base.txt\n")
    (tmp_path / "requirements.in").write_bytes(content)
    file = read(tmp_path / "requirements.in")
    assert [line.replace(" ", "") for line in texts(file.lines)] == ["spidev>=3.6"]
    assert not file.problems


def test_constraints_and_options_are_read_and_an_index_is_not(tmp_path: Path) -> None:
    (tmp_path / "limits.txt").write_text("six<2\n")
    (tmp_path / "a.txt").write_text(
        "-c limits.txt\n--pre\n--only-binary numpy\n--extra-index-url https://u:p@wheels.example/simple\n"
        "--require-hashes\na ; python_version < '4'\n"
    )
    file = read(tmp_path / "a.txt")
    assert (texts(file.constraints), texts(file.options)) == (["six<2"], ["--pre", "--only-binary numpy"])
    assert texts(file.lines) == ["a ; python_version < '4'"]
    (told,) = (line for line in file.ignored if line.why)
    assert (told.number, told.why) == (4, "the fleet's upstream is the only index that counts")
    assert "u:p@" not in told.text


def test_lines_that_cannot_be_meant_are_named_and_the_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(
        "good\n-r missing.txt\n-r a.txt\nspidev >= >= 3\n-e .\n./wheels/x-1-py3-none-any.whl\n"
        "own @ git+https://token@git.example/own\n--nonsense\nalso-good\n"
    )
    file = read(path)
    assert texts(file.lines) == ["good", "also-good"]
    assert [line.number for line in file.problems] == [2, 3, 4, 5, 6, 7, 8]
    why = {line.number: line.why for line in file.problems}
    assert "missing.txt" in why[2] and "includes itself" in why[3] and "pip cannot read it" in why[4]
    assert why[5] == "it is a folder or a repository, and no release of the index"
    assert "no such option" in why[8] and "token" not in str(file)
    with ControllerState(tmp_path / "state") as state:
        told = unconsidered_requirements(state.catalog.db, [file], [], [])
    assert told[2].what == "spidev >= >= 3" and told[2].where == f"{path}:4" and told[2].code == "requirement"
    assert told[2].sentence.startswith("This line plays no part, because pip cannot read it (Invalid requirement")


def test_a_file_that_cannot_be_read_at_all_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadScope, match=r"controller_requirements names .*missing\.txt, which cannot be read"):
        read(tmp_path / "missing.txt")
    (tmp_path / "bad.txt").write_bytes(b"# coding: no-such-code\na\n")
    with pytest.raises(BadScope, match="no-such-code"):
        read(tmp_path / "bad.txt")


# ------------------------------------------------------------------------------------------------- what is remembered


class Memory:
    """A catalog with one target, and one requirements file."""

    def __init__(self, root: Path) -> None:
        self.state = ControllerState(root / "state")
        self.path = root / "requirements.txt"
        self.target: Any = SimpleNamespace(id=self.state.target(), name=TARGET)
        self.state.builder("pi1", TARGET)
        self.db = self.state.catalog.db

    def write(self, *lines: str) -> None:
        """Let the file have these lines."""
        self.path.write_text("".join(f"{line}\n" for line in lines))
        self.file = read(self.path)

    def asked(self) -> list[dict[str, list[str]]]:
        """What pip has to be asked."""
        return [each.question for each in to_resolve(self.db, [self.file], [self.target])]

    def answer(self, *pins: tuple[str, str], problem: str | None = None, log: str = "log", **reasons: str) -> bool:
        """Record pip's answer, for lines by their names."""
        lines = texts(self.file.lines)
        return record_resolution(
            self.db,
            {
                "path": str(self.path),
                "digest": self.file.digest,
                "target_id": self.target.id,
                "lines": lines,
                "pins": [list(pin) for pin in pins],
                "unresolved": [{"line": line, "reason": reasons[line]} for line in lines if line in reasons],
                "problem": problem,
                "log": log,
            },
            0.0,
        )

    def pins(self) -> list[str]:
        """What is in scope by the file."""
        return [f"{w.name}{w.specifier}" for w in pinned_rules(self.db, [self.file], [self.target])]

    def told(self) -> list[str]:
        """What could not be considered."""
        unanswered = to_resolve(self.db, [self.file], [self.target])
        found = unconsidered_requirements(self.db, [self.file], [self.target], unanswered)
        return [f"{each.where.rpartition('/')[2]} {each.what} {each.sentence}" for each in found]


@pytest.fixture
def memory(tmp_path: Path) -> Any:
    memory = Memory(tmp_path)
    yield memory
    memory.state.catalog.close()


def test_a_file_is_resolved_once_until_its_lines_or_its_closure_change(memory: Memory) -> None:
    memory.write("app", "leaf<2")
    assert [question["lines"] for question in memory.asked()] == [["app", "leaf<2"]]
    (told,) = memory.told()
    assert "is not known, because pi1 has not been asked yet" in told
    assert memory.answer(("App", "1.0"), ("leaf", "1.5"))
    confirm_resolutions(memory.db)
    memory.write("# another comment", "leaf<2", "", "app")
    assert (memory.asked(), memory.told(), memory.pins()) == ([], [], ["app==1.0", "leaf==1.5"])
    assert resolution_logs(memory.db) == [], "no log is kept where nothing is left over"
    memory.state.insert("project", name="leaf", display_name="leaf", page_digest="other")
    assert memory.asked()


def test_an_unresolved_line_is_named_where_it_stands_now_and_asked_again(
    memory: Memory,
) -> None:
    memory.write("good", "wrong")
    memory.answer(("good", "1.0"), wrong="pip says: no.", log="first")
    confirm_resolutions(memory.db)
    assert memory.pins() == ["good==1.0"]
    memory.write("# comment", "good", "wrong")
    (told,) = memory.told()
    assert told == f"requirements.txt:3 wrong It cannot be resolved for {TARGET}: pip says: no."
    (question,) = memory.asked()
    assert question["suspects"] == ["wrong"]
    assert not memory.answer(("good", "1.0"), wrong="pip says: no.", log="the same after 7 seconds")
    ((name, log),) = resolution_logs(memory.db)
    assert log == "first" and name.endswith(f"-{memory.target.id}")


@pytest.mark.parametrize("fault", ["line", "all"])
def test_what_could_be_resolved_before_stays_in_scope_while_it_cannot_be(memory: Memory, fault: str) -> None:
    memory.write("app", "good")
    memory.answer(("app", "1.0"), ("leaf", "1.5"), ("good", "1.0"))
    memory.write("app", "good", "new")
    failures: list[Callable[[], bool]] = [
        lambda: memory.answer(("good", "1.1"), app="pip says: gone.", new="pip says: none."),
        lambda: memory.answer(problem="The index could not be asked."),
    ]
    for _ in range(2):
        assert failures[fault == "all"]() is (_ == 0)
        assert memory.pins() == ["app==1.0", f"good=={'1.1' if fault == 'line' else '1.0'}", "leaf==1.5"]
    assert len(memory.told()) == (2 if fault == "line" else 1)
    memory.answer(("good", "1.1"), ("app", "2.0"), new="pip says: none.")
    assert memory.pins() == ["app==2.0", "good==1.1"], "what nothing needs any more goes"


def test_files_that_the_inventory_names_no_more_are_forgotten(memory: Memory) -> None:
    memory.write("app")
    memory.answer(("app", "1.0"))
    forget_other_files(memory.db, [memory.file])
    assert memory.pins()
    forget_other_files(memory.db, [])
    assert not memory.pins()
