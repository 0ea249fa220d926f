"""The inbox and the outbox: what a controller may do at any moment and as often as it likes."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from wheelfleet.atomic_files import remove, write_json
from wheelfleet.builder.folders import BuilderHome, NotReady
from wheelfleet.builder.inbox import hand_over
from wheelfleet.contract.assignment import Assignment, read_assignment
from wheelfleet.contract.shape import ContractError
from wheelfleet.engine.poll import PollError, parse_snapshot, poll_command, withdraw_command

from tests.support.builder import Builder, poll, state, take_back
from tests.support.sdists import pure_sdist


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path)


@pytest.fixture
def assignment(builder: Builder) -> Assignment:
    return builder.assignment(pure_sdist("demo", "1.0"))


def test_an_assignment_handed_over_can_be_read_by_its_owner_alone(builder: Builder, assignment: Assignment) -> None:
    assert hand_over(builder.home, [assignment]) == ["demo-1.0-0000"]
    file = builder.home / "inbox" / "demo-1.0-0000.json"
    assert read_assignment(file, "demo-1.0-0000") == assignment
    assert file.stat().st_mode & 0o077 == 0
    assert state(builder.home)["queued"] == ["demo-1.0-0000"]


def test_an_assignment_is_not_doubled_wherever_it_has_got_to(builder: Builder, assignment: Assignment) -> None:
    home = BuilderHome(builder.home)
    work_dir = home.work_dir("demo-1.0-0000")
    hand_over(home.path, [assignment])
    assert hand_over(home.path, [assignment]) == []
    work_dir.path.mkdir()
    home.waiting("demo-1.0-0000").rename(work_dir.assignment)
    assert hand_over(home.path, [assignment]) == []
    work_dir.result.mkdir()
    work_dir.assignment.rename(work_dir.finished)
    assert hand_over(home.path, [assignment]) == []
    work_dir.result.rename(home.delivered("demo-1.0-0000"))
    assert hand_over(home.path, [assignment]) == []
    assert state(home.path)["queued"] == []


def test_nothing_is_written_when_one_assignment_cannot_be_read(builder: Builder, assignment: Assignment) -> None:
    other = {**assignment, "attempt": "other-1.0-0001", "schema": 3}
    with pytest.raises(ContractError, match=r"schema 2, not 3; provision the builder again"):
        hand_over(builder.home, [assignment, other])
    assert not builder.home.exists()


@pytest.mark.parametrize("attempt", ["", ".", "..", ".hidden", "../x", "a/b", "A", "-a", "ä", "a\n", "a" * 201, None])
def test_an_id_that_is_no_safe_file_name_is_refused(builder: Builder, assignment: Assignment, attempt: str) -> None:
    with pytest.raises(ContractError, match="is not an attempt's id"):
        hand_over(builder.home, [{**assignment, "attempt": attempt}])


@pytest.mark.parametrize("filename", ["../demo-1.0.tar.gz", "/etc/passwd", "a b.tar.gz", ".tar.gz", ""])
def test_an_sdist_whose_name_leads_elsewhere_is_refused(
    builder: Builder, assignment: Assignment, filename: str
) -> None:
    assignment["sdist"]["filename"] = filename
    with pytest.raises(ContractError, match="is not a file name of a distribution"):
        hand_over(builder.home, [assignment])


def test_missing_parts_of_an_assignment_are_named(builder: Builder, assignment: Assignment) -> None:
    del assignment["limits"]["memory"]
    del assignment["limits"]["disk"]
    with pytest.raises(ContractError, match=r"the assignment's limits lacks disk, memory"):
        hand_over(builder.home, [assignment])
    del assignment["limits"]
    with pytest.raises(ContractError, match=r"the assignment lacks limits"):
        hand_over(builder.home, [assignment])


def test_a_home_that_cannot_be_made_gives_one_sentence(tmp_path: Path, assignment: Assignment) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotReady, match=r"cannot be used .*; set builder_home to a folder"):
        hand_over(tmp_path / "file" / "home", [assignment])


def test_unstarted_builds_can_be_taken_back_and_the_rest_is_missing(builder: Builder, assignment: Assignment) -> None:
    begun = {**assignment, "attempt": "begun-1.0-0001"}
    home = BuilderHome(builder.home)
    hand_over(home.path, [assignment, begun])  # type: ignore[list-item]
    home.work_dir("begun-1.0-0001").path.mkdir()
    home.waiting("begun-1.0-0001").rename(home.work_dir("begun-1.0-0001").assignment)
    assert take_back(home.path, ["begun-1.0-0001", "demo-1.0-0000", "unknown-1-0"]) == ["demo-1.0-0000"]
    now = state(home.path)
    assert (now["queued"], now["building"]) == ([], ["begun-1.0-0001"])


def test_acknowledged_results_are_gone_and_acknowledging_again_is_no_error(builder: Builder) -> None:
    home = BuilderHome(builder.home)
    home.create()
    for attempt in ("one-1-0", "two-1-0"):
        home.delivered(attempt).mkdir()
        (home.delivered(attempt) / "result.json").write_text("{}")
    poll(home.path, ["one-1-0"])
    poll(home.path, ["one-1-0", "never-there-1-0"])
    assert state(home.path)["outbox"] == {"two-1-0": {"result.json": 2}}
    assert sorted(path.name for path in home.outbox.iterdir()) == ["two-1-0"]


def test_an_acknowledgement_cut_off_in_the_middle_is_completed_by_the_next(builder: Builder) -> None:
    home = BuilderHome(builder.home)
    home.create()
    (home.outbox / ".one-1-0").mkdir()
    (home.outbox / ".one-1-0" / "log.gz").touch()
    assert state(home.path)["outbox"] == {}
    poll(home.path, ["one-1-0"])
    assert list(home.outbox.iterdir()) == []


def test_busybox_answers_a_poll_as_debian_does(builder: Builder, assignment: Assignment, tmp_path: Path) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("needs BusyBox; apt-get install busybox")
    home = BuilderHome(builder.home)
    hand_over(home.path, [assignment])
    home.delivered("one-1-0").mkdir()
    (home.delivered("one-1-0") / "result.json").write_text("{}")
    (home.work / "demo-1.0-0001").mkdir()
    (home.work / "demo-1.0-0001" / "log").write_text("compiling\n")
    commands = tmp_path / "commands"
    commands.mkdir()
    subprocess.run([busybox, "--install", "-s", commands], check=True)
    # Debian's BusyBox leaves it out, Alpine's has it.
    if not (commands / "flock").exists():
        (commands / "flock").symlink_to(str(shutil.which("flock")))
    command = poll_command(str(home.path), ["never-there-1-0"], tails=True)
    ran = subprocess.run(
        [commands / "sh", "-c", command], env={"PATH": str(commands)}, capture_output=True, text=True, check=True
    )
    answer, debians = parse_snapshot(ran.stdout.splitlines()), poll(home.path, tails=True)
    assert (ran.stderr, answer.outbox, answer.waiting) == ("", debians.outbox, {"demo-1.0-0000"})
    assert "tail demo-1.0-0001 " in ran.stdout
    assert answer.outbox == {"one-1-0": {"result.json": 2}}
    take = withdraw_command(str(home.path), ["demo-1.0-0000"])
    ran = subprocess.run(
        [commands / "sh", "-c", take], env={"PATH": str(commands)}, capture_output=True, text=True, check=True
    )
    assert (ran.stdout, ran.stderr) == ("demo-1.0-0000\n", "")


@pytest.mark.parametrize("answer", ["", "alive\n17", "alive\n17\n1 4096\n{}\noutbox:\n", "no shell\n" * 9])
def test_a_poll_that_broke_off_is_an_error(answer: str) -> None:
    with pytest.raises(PollError):
        parse_snapshot(answer.splitlines())


def test_what_is_not_named_like_a_result_or_an_assignment_is_not_seen(builder: Builder) -> None:
    home = BuilderHome(builder.home)
    home.create()
    (home.inbox / "../inbox/A B.json").touch()
    (home.delivered("one-1-0")).mkdir()
    for name in ("result.json", "a b", "x\nend", "-rf"):
        (home.delivered("one-1-0") / name).touch()
    seen = poll(home.path)
    assert (seen.waiting, seen.outbox) == (frozenset(), {"one-1-0": {"result.json": 0}})


def test_a_worker_lives_as_long_as_its_lock_is_held(builder: Builder) -> None:
    home = BuilderHome(builder.home)
    home.create()
    with home.lock.open("w") as lock:
        assert not state(home.path)["worker"]
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert state(home.path)["worker"]
    assert not state(home.path)["worker"]


def test_a_file_is_replaced_as_a_whole_and_nothing_else_stays_behind(tmp_path: Path) -> None:
    file = tmp_path / "status.json"
    write_json(file, {"beat": 1})
    with file.open() as reader:
        write_json(file, {"beat": 2}, durable=False)
        assert json.load(reader) == {"beat": 1}
    assert json.loads(file.read_text()) == {"beat": 2}
    assert list(tmp_path.iterdir()) == [file]


def test_whatever_a_build_leaves_can_be_removed(tmp_path: Path) -> None:
    folder = tmp_path / "left"
    make_deep_folders(folder, 1500)
    locked = folder / "locked"
    locked.mkdir()
    (locked / "file").touch()
    (locked / "elsewhere").symlink_to(tmp_path / "other")
    locked.chmod(0o500)
    (tmp_path / "other").mkdir()
    remove(folder)
    remove(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def make_deep_folders(folder: Path, depth: int) -> None:
    """One by one: the whole path is longer than the kernel takes at once."""
    folder.mkdir()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("directory", dir_fd=here)
        deeper = os.open("directory", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
