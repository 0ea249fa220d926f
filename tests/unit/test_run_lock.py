"""One run at a time, and a killed run leaves nothing to clean up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from wheelfleet.run.board import Building, HostBoard, expected_end_seconds, post, read_boards
from wheelfleet.run.lock import RunBusy, take_run_lock


@contextmanager
def process() -> Iterator[subprocess.Popen]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        yield running
        running.kill()


def test_a_second_run_is_refused_with_the_first_ones_process(tmp_path: Path):
    with process() as first, process() as second:
        take_run_lock(tmp_path, first.pid)
        with pytest.raises(RunBusy, match=f"process {first.pid}"):
            take_run_lock(tmp_path, second.pid)


def test_the_lock_ends_with_its_process_however_that_ends(tmp_path: Path):
    with process() as first, process() as second:
        run = take_run_lock(tmp_path, first.pid)
        first.kill()
        first.wait()
        assert take_run_lock(tmp_path, second.pid) != run


def test_a_run_that_asks_again_gets_the_same_id(tmp_path: Path):
    assert take_run_lock(tmp_path, os.getpid()) == take_run_lock(tmp_path, os.getpid())


def test_a_reused_pid_is_not_mistaken_for_the_run_that_had_it(tmp_path: Path):
    take_run_lock(tmp_path, os.getpid())
    lock = tmp_path / "run" / "lock"
    lock.write_text(lock.read_text().replace('"start": ', '"start": 1'))
    with process() as second:
        take_run_lock(tmp_path, second.pid)


@pytest.mark.parametrize("left", ["", "{", "[]", '{"pid": "x"}'])
def test_a_half_written_lock_holds_nobody_back(tmp_path: Path, left: str):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").write_text(left)
    take_run_lock(tmp_path, os.getpid())


def test_the_board_shows_the_hosts_of_this_run_only(tmp_path: Path):
    post(tmp_path, HostBoard("pi/1", "run1", "building", [Building("spidev", "3.8", "cp311", 1.0)]))
    post(tmp_path, HostBoard("pi2", "run0", "building"))
    (tmp_path / "pi3.json").write_text("half a fil")
    (board,) = read_boards(tmp_path, "run1")
    assert (board.host, board.building[0].name) == ("pi/1", "spidev")


def test_the_expected_end_shares_what_is_left_among_the_builds_going_on():
    now = time.time()
    build = Building("a", "1", "cp311", now)
    boards = [
        HostBoard("pi1", "r", "building", [build, build], seconds_left=100.0, at=now),
        HostBoard("pi2", "r", "building", [build, build], seconds_left=120.0, at=now - 1),
        HostBoard("pi3", "r", "idle", at=now - 2),
    ]
    assert expected_end_seconds(boards, now + 5) == pytest.approx(20.0)
    assert expected_end_seconds(boards[2:], now) is None
