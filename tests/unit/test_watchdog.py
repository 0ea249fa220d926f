"""The service's watchdog: systemd hears of progress, and of nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from wheelfleet import watchdog
from wheelfleet.engine.host_status import HostStatus, post_status, status_folder
from wheelfleet.watchdog import MICROSECONDS, PROGRESS, SOCKET, Watchdog, note_progress, sd_notify

from tests.support.operator import REPOSITORY


@dataclass
class Manager:
    """A service manager: a socket, and what it was told."""

    path: str
    socket: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))

    def __post_init__(self) -> None:
        self.socket.bind(f"\0{self.path[1:]}" if self.path.startswith("@") else self.path)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """What was said since the last call."""
        messages = []
        while True:
            try:
                messages.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def environ(self, seconds: float = 40) -> dict[str, str]:
        return {SOCKET: self.path, MICROSECONDS: str(int(seconds * 1_000_000))}


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    with manager.socket:
        yield manager


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each note counts, and what a test sets in the environment goes with it."""
    monkeypatch.setattr(watchdog, "PAUSE", 0.0)
    monkeypatch.delenv(PROGRESS, raising=False)


def older(*paths: Path) -> None:
    """Make the files a minute older, as if that minute had passed."""
    for path in paths:
        about = path.stat()
        os.utime(path, (about.st_atime - 60, about.st_mtime - 60))


def test_ready_and_watchdog_reach_the_managers_socket(manager: Manager, tmp_path: Path) -> None:
    watching = Watchdog(manager.environ())
    watching.ready()
    watching.watch(tmp_path)
    assert watching.tell("2 builds go on")
    assert manager.heard() == ["READY=1", "WATCHDOG=1\nSTATUS=2 builds go on"]
    assert watching.look == 10.0


def test_an_abstract_socket_is_reached_too() -> None:
    manager = Manager(f"@wheelfleet-test-{os.getpid()}")
    with manager.socket:
        assert sd_notify("READY=1", address=manager.path)
        assert manager.heard() == ["READY=1"]


def test_without_progress_nothing_is_told(manager: Manager, tmp_path: Path) -> None:
    watching = Watchdog(manager.environ())
    watching.watch(tmp_path)
    assert watching.tell()
    assert not watching.tell()
    assert len(manager.heard()) == 1


def test_progress_of_any_process_of_the_run_is_told(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = manager.environ()
    watching = Watchdog(environ)
    watching.watch(tmp_path)
    older(Path(environ[PROGRESS]))
    watching.tell()
    assert not watching.tell()
    code = "from wheelfleet.watchdog import note_progress; note_progress()"
    subprocess.run(
        [sys.executable, "-c", code], env={**environ, "PYTHONPATH": str(REPOSITORY / "module_utils")}, check=True
    )
    assert watching.tell()


def test_a_hosts_status_is_progress(manager: Manager, tmp_path: Path) -> None:
    environ = manager.environ()
    watching = Watchdog(environ)
    watching.watch(tmp_path)
    watching.tell()
    post_status(status_folder(tmp_path), HostStatus("pi1", "run"))
    assert watching.tell()
    assert not watching.tell()


def test_progress_is_told_after_the_clock_was_set_back(manager: Manager, tmp_path: Path) -> None:
    environ = manager.environ()
    watching = Watchdog(environ)
    watching.watch(tmp_path)
    progress = Path(environ[PROGRESS])
    os.utime(progress, (time.time() + 86400,) * 2)
    assert watching.tell()
    os.utime(progress)
    assert watching.tell()
    assert not watching.tell()


def test_without_a_service_manager_nothing_is_done(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    watching = Watchdog(environ)
    watching.ready()
    watching.watch(tmp_path)
    assert watching.look == 0.0
    assert environ == {}
    assert not (tmp_path / "run").exists()
    note_progress()


def test_a_manager_that_is_gone_or_deaf_holds_nothing_up(manager: Manager, tmp_path: Path) -> None:
    assert not sd_notify("WATCHDOG=1", address=str(tmp_path / "missing"))
    # A socket's queue is finite; what does not fit is not waited for.
    assert not all(sd_notify("WATCHDOG=1", address=manager.path) for _ in range(10_000))


def test_a_look_comes_four_times_within_the_watchdogs_time(manager: Manager) -> None:
    assert Watchdog(manager.environ(8)).look == 2.0
    assert Watchdog({SOCKET: manager.path}).look == 0.0


def test_touches_are_spared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "PAUSE", 60.0)
    monkeypatch.setattr(watchdog, "_touched", -60.0)
    file = tmp_path / "progress"
    file.touch()
    monkeypatch.setenv(PROGRESS, str(file))
    older(file)
    note_progress()
    older(file)
    before = file.stat().st_mtime
    note_progress()
    assert file.stat().st_mtime == before
