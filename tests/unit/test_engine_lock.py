"""One run at a time, and a killed run leaves nothing to clean up."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from wheelfleet.engine import lock
from wheelfleet.engine.filesystems import network_filesystem
from wheelfleet.engine.fleet_view import fleet_lines
from wheelfleet.engine.host_status import (
    Building,
    HostState,
    HostStatus,
    expected_end_seconds,
    latest_count,
    post_status,
    read_statuses,
)
from wheelfleet.engine.lock import Handover, RunBusy, run_at_work, take_run_lock
from wheelfleet.engine.status import status_document

from tests.support.operator import REPOSITORY
from tests.support.processes import children
from tests.support.waiting import until

#: A run: takes the lock in a process that ends, as Ansible's tasks do, and holds it until its standard input is closed.
RUN = """
import os, sys, wheelfleet.engine.lock as lock
from pathlib import Path
handover = lock.Handover()
if os.fork() == 0:
    try:
        run, held = lock.take_run_lock(Path(sys.argv[1]), os.getppid(), patience=float(sys.argv[2]))
    except lock.RunBusy as busy:
        print("refused:", busy, flush=True)
        os._exit(1)
    handover.give(held)
    print(run, flush=True)
    os._exit(0)
if os.wait()[1] == 0:
    held = handover.take()
    if not sys.argv[3:] or os.fork():
        print("holds", flush=True)
    input()
"""


@contextmanager
def run(state: Path, *arguments: str, inside: tuple[str, ...] = (), patience: float = 0.0) -> Iterator[tuple]:
    """A run in a process of its own, and what it says of the lock."""
    with subprocess.Popen(
        [*inside, sys.executable, "-c", RUN, str(state), str(patience), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "module_utils")},
    ) as process:
        said = process.stdout.readline().strip()
        assert said.startswith("refused") or process.stdout.readline() == "holds\n"
        yield process, said
        process.kill()


def refused(state: Path, **options) -> str:
    with run(state, **options) as (_, said):
        return said


def test_a_second_run_is_refused_with_the_first_ones_process(tmp_path: Path):
    with run(tmp_path) as (first, ident):
        assert ident.endswith(f"-{first.pid}")
        said = refused(tmp_path)
        assert "Another run of build.yml is at work" in said and f"(process {first.pid}, since " in said
    assert not refused(tmp_path).startswith("refused")


def test_a_run_in_another_pid_namespace_is_refused_too(tmp_path: Path):
    if not shutil.which("unshare"):
        pytest.skip("util-linux's unshare is not here")
    inside = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a pid namespace")
    with run(tmp_path) as (first, ident):
        assert ident
        said = refused(tmp_path, inside=inside)
        assert f"process {first.pid} on " in said and "another container or machine" in said, said
    with run(tmp_path, inside=inside) as (_, ident):
        assert not ident.startswith("refused"), ident
        assert "another container or machine" in refused(tmp_path)
        assert run_at_work(tmp_path) == ident, "playbooks/end.yml reaches it"
    until(lambda: run_at_work(tmp_path) is None, "its end")


def test_who_asks_whether_a_run_is_at_work_keeps_none_from_beginning(tmp_path: Path):
    with run(tmp_path) as (_, ident):
        assert ident
    file = tmp_path / "run" / "lock"
    file.write_text(file.read_text().replace('"boot": "', '"boot": "another'))
    with file.open() as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        threading.Timer(0.2, asking.close).start()
        _, held = take_run_lock(tmp_path, os.getpid())
        os.close(held)


def test_the_lock_ends_with_its_process_however_that_ends(tmp_path: Path):
    with run(tmp_path) as (first, ident):
        first.kill()
        first.wait()
        assert refused(tmp_path) != ident


def test_what_a_killed_run_has_left_at_work_is_waited_for(tmp_path: Path):
    said: list[str] = []
    with run(tmp_path, "fork") as (first, _):
        # Its child lives on, and ends when its standard input does.
        first.kill()
        first.wait()
        threading.Timer(0.3, first.stdin.close).start()
        _, held = take_run_lock(tmp_path, os.getpid(), said.append, patience=30)
        os.close(held)
    assert len(said) == 1 and f"process {first.pid}" in said[0]


def test_what_does_not_end_with_its_killed_run_is_killed(tmp_path: Path):
    said: list[str] = []
    with run(tmp_path, "fork") as (first, _), (tmp_path / "run" / "lock").open() as reader:
        (child,) = children(first.pid)
        first.kill()
        first.wait()
        _, held = take_run_lock(tmp_path, os.getpid(), said.append, patience=0.2)
        assert not reader.closed
        os.close(held)
    assert said[1] == f"killed what still ran of it: process {child}"


def test_what_cannot_be_killed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lock, "LAST_PATIENCE", 0.2)
    monkeypatch.setattr(lock, "_kill_holders", lambda file: [])
    with run(tmp_path, "fork") as (first, _):
        first.kill()
        first.wait()
        with pytest.raises(RunBusy, match=rf"was killed \(process {first.pid}, since .*fuser -v"):
            take_run_lock(tmp_path, os.getpid(), patience=0.2)
        first.stdin.close()


def test_a_run_that_asks_again_gets_the_same_id_and_no_second_lock(tmp_path: Path):
    ident, held = take_run_lock(tmp_path, os.getpid())
    assert take_run_lock(tmp_path, os.getpid()) == (ident, None)
    os.close(held)


def test_a_reused_pid_is_not_mistaken_for_the_run_that_had_it(tmp_path: Path):
    _, held = take_run_lock(tmp_path, os.getpid())
    file = tmp_path / "run" / "lock"
    file.write_text(file.read_text().replace('"start": ', '"start": 1'))
    with pytest.raises(RunBusy):
        take_run_lock(tmp_path, os.getpid(), patience=0)
    os.close(held)


@pytest.mark.parametrize("left", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}'])
def test_a_half_written_lock_is_taken_and_a_held_one_is_refused(tmp_path: Path, left: str):
    (tmp_path / "run").mkdir()
    file = tmp_path / "run" / "lock"
    file.write_text(left)
    _, held = take_run_lock(tmp_path, os.getpid())
    file.write_text(left)
    with pytest.raises(RunBusy, match=r"Another run of build\.yml is at work"):
        take_run_lock(tmp_path, os.getpid())
    os.close(held)


def test_a_lock_that_is_handed_on_goes_to_no_program_that_is_started(tmp_path: Path):
    handover = Handover()
    with (tmp_path / "file").open("w") as file:
        handover.give(file.fileno())
    (taken,) = handover.take()
    assert not os.get_inheritable(taken) and handover.take() == []
    os.close(taken)


MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /srv/shared\040disk rw shared:2 - nfs4 server:/export rw,vers=4.2
31 30 8:2 / /srv/shared\040disk/local rw - ext4 /dev/sdb1 rw
32 22 0:41 / /home rw - fuse.sshfs pi@host:/ rw
33 22 0:42 / /home rw - tmpfs tmpfs rw
34 22 0:43 / /media rw master:7 - cifs //server/share rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv", None),
        ("/srv/shared disk", "nfs4"),
        ("/srv/shared disk/var", "nfs4"),
        ("/srv/shared disk/local/var", None),
        ("/srv/shared disks", None),
        ("/home/pi", None),
        ("/media/var", "cifs"),
    ],
)
def test_a_folder_on_a_network_file_system_is_known_by_its_mount(tmp_path: Path, folder: str, kind: str):
    mountinfo = tmp_path / "mountinfo"
    mountinfo.write_text(MOUNTS)
    assert network_filesystem(Path(folder), mountinfo) == kind


def test_a_state_folder_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("wheelfleet.engine.lock.network_filesystem", lambda folder: "nfs4")
    with pytest.raises(RunBusy, match=r"network file system \(nfs4\).*set controller_state_dir to a folder on a disk"):
        take_run_lock(tmp_path, os.getpid())


def test_the_board_shows_the_hosts_of_this_run_only(tmp_path: Path):
    post_status(tmp_path, HostStatus("pi/1", "run1", HostState.BUILDING, [Building("spidev", "3.8", "cp311", 1.0)]))
    post_status(tmp_path, HostStatus("pi2", "run0", HostState.BUILDING))
    (tmp_path / "pi3.json").write_text("half a fil")
    (status,) = read_statuses(tmp_path, "run1")
    assert (status.host, status.building[0].name) == ("pi/1", "spidev")


def test_the_expected_end_shares_what_is_left_among_the_builds_going_on():
    now = time.time()
    build = Building("a", "1", "cp311", now, 50.0)
    statuses = [
        HostStatus("pi1", "r", HostState.BUILDING, [build, build], seconds_left=100.0, at=now),
        HostStatus("pi2", "r", HostState.BUILDING, [build, build], seconds_left=120.0, at=now - 1),
        HostStatus("pi3", "r", HostState.IDLE, at=now - 2),
    ]
    assert expected_end_seconds(statuses, now) == pytest.approx(50.0), "the builds that go on take that long"
    statuses[0].seconds_left = 300.0
    assert expected_end_seconds(statuses, now) == pytest.approx(75.0)
    assert expected_end_seconds(statuses, now + 40) == pytest.approx(35.0)
    assert expected_end_seconds(statuses, now + 900) == pytest.approx(25.0), "late builds count as done"
    assert expected_end_seconds(statuses[2:], now) is None


def test_what_is_left_is_told_by_the_host_that_counted_last():
    now = time.time()
    build = Building("a", "1", "cp311", now, 10.0)
    counted = HostStatus("pi1", "r", HostState.BUILDING, [build], left=1, seconds_left=10.0, counted_at=now, at=now)
    polled = HostStatus(
        "pi2", "r", HostState.BUILDING, [build], left=40, seconds_left=9000.0, counted_at=now - 600, at=now + 5
    )
    assert latest_count([counted, polled]) is counted
    assert latest_count([]) is None
    assert expected_end_seconds([counted, polled], now) == pytest.approx(10.0)
    assert status_document([counted, polled], run="r", now=now, ended=False)["left"] == 1
    assert "1 left" in fleet_lines([counted, polled], now, 200)[0]
    assert "later than predicted" in fleet_lines([counted], now + 60, 200)[0]
