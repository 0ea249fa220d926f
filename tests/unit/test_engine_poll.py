"""Polling a builder: what its shell says of the machine, and what is believed of that."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from wheelfleet.builder.folders import BuilderHome
from wheelfleet.contract.result import SCHEMA
from wheelfleet.engine.host_metrics import METRICS_COMMAND, parse_metrics
from wheelfleet.engine.poll import PollError, parse_snapshot
from wheelfleet.engine.watched import WATCHED_SECONDS, is_watched, watch

from tests.support.builder import poll

SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]
MEMINFO = "MemTotal:        3884084 kB\nMemFree:          442872 kB\nMemAvailable:    2022100 kB\nBuffers: 37624 kB\n"


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """The files a Pi has below its root."""
    files = {
        "proc/meminfo": MEMINFO,
        "proc/loadavg": "3.97 2.50 0.24 5/195 21068\n",
        "sys/devices/system/cpu/online": "0-3\n",
        "sys/class/thermal/thermal_zone0/temp": "61322\n",
    }
    for name, text in files.items():
        write(tmp_path / name, text)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def say(root: Path, shell: str = "sh") -> str:
    """What the command prints on a machine whose files are below `root`."""
    command = METRICS_COMMAND.replace("/proc/", f"{root}/proc/").replace("/sys/", f"{root}/sys/")
    arguments = ["busybox", "sh"] if shell == "busybox" else [shell]
    done = subprocess.run([*arguments, "-c", command], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    (line,) = done.stdout.splitlines()
    return line


def test_a_look_at_this_machine_says_how_it_is(tmp_path: Path) -> None:
    home = BuilderHome(tmp_path)
    home.create()
    metrics = poll(tmp_path).metrics
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert metrics["memory_total"] == memory
    assert 0 < metrics["memory_free"] < memory
    assert metrics["disk_total"] == shutil.disk_usage(tmp_path).total
    assert 0 < metrics["disk_free"] <= metrics["disk_total"]
    assert len(metrics["load"]) == 3
    assert metrics["cores"] >= len(os.sched_getaffinity(0))


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_reads_a_pis_files(pi: Path, shell: str) -> None:
    assert parse_metrics(say(pi, shell)) == {
        "memory_total": 3884084 * 1024,
        "memory_free": 2022100 * 1024,
        "load": [3.97, 2.5, 0.24],
        "cores": 4,
        "temperature": 61.3,
    }


@pytest.mark.parametrize("shell", SHELLS)
def test_where_the_files_are_not_there_nothing_is_said_and_nothing_fails(tmp_path: Path, shell: str) -> None:
    assert parse_metrics(say(tmp_path, shell)) == {}


def test_what_is_missing_hides_nothing_else(pi: Path) -> None:
    shutil.rmtree(pi / "sys")
    (pi / "proc/meminfo").write_text("MemTotal:        3884084 kB\n")
    assert parse_metrics(say(pi)) == {"memory_total": 3884084 * 1024, "load": [3.97, 2.5, 0.24]}


def test_the_hottest_sensor_counts_but_for_those_that_are_not_connected(pi: Path) -> None:
    for zone, text in enumerate(["0", "255000", "-273200", "70500", "48000", "garbage", ""], start=1):
        write(pi / f"sys/class/thermal/thermal_zone{zone}/temp", f"{text}\n")
    assert parse_metrics(say(pi))["temperature"] == 70.5


@pytest.mark.parametrize(("online", "cores"), [("0", 1), ("0-3", 4), ("0,2-3", 3), ("0-1,4-5,7", 5)])
def test_cores_are_counted_from_the_kernels_list(online: str, cores: int) -> None:
    assert parse_metrics(f"metrics cores={online}") == {"cores": cores}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "metrics",
        "metrics total= free=x load=1,2,3 load=nan,nan,nan cores=3-0 cores=0- heat=1e9 heat=99999999999",
        "metrics total=-5 free=1.5 load=1.00,2.00 cores=<b>4</b> heat=٤٢",
        "metrics total=9999999999999 cores=0-99999 temperature=50 at=1 disk_total=1",
        "<script>alert(1)</script>",
    ],
)
def test_what_is_no_sensible_number_is_left_out(line: str) -> None:
    assert parse_metrics(line) == {}


def answer(space: str, machine: str = "metrics") -> list[str]:
    return ["ended", "1700000000", space, machine, "", "outbox:", "end"]


def test_the_disk_is_that_of_the_builders_folder() -> None:
    seen = parse_snapshot(answer("100 400 4096"))
    assert (seen.free, seen.metrics) == (409_600, {"disk_total": 1_638_400, "disk_free": 409_600})


@pytest.mark.parametrize("space", ["5 4 4096", "0 0 4096", "1 99999999999999999999 4096", "-1 4 4096"])
def test_a_disk_that_cannot_be_has_no_size(space: str) -> None:
    assert parse_snapshot(answer(space)).metrics == {}


@pytest.mark.parametrize(
    "broken", [answer("100 4096"), answer("a b c"), ["outbox:", *answer("1 1 1")[1:5], "x", "end"]]
)
def test_an_answer_of_another_form_is_no_look(broken: list[str]) -> None:
    with pytest.raises(PollError):
        parse_snapshot(broken)


def running(home: BuilderHome, attempt: str, log: bytes) -> int:
    """A build that goes on, as a worker that lives would leave it; returns the lock that says so."""
    place = home.work_dir(attempt).log
    write(place, "")
    place.write_bytes(log)
    building = [{"attempt": attempt, "seconds": 1.0}]
    home.status.write_text(json.dumps({"schema": SCHEMA, "pid": 1, "beat": 1, "building": building, "queued": 0}))
    lock = os.open(home.lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


@pytest.fixture
def home(tmp_path: Path) -> BuilderHome:
    made = BuilderHome(tmp_path)
    made.create()
    return made


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        (b"", ""),
        (b"one\ntwo\n", "one\ntwo"),
        (b"10 %\r50 %\r100 %\r\ndone", "100 %\ndone"),
        (b"\x1b[31mred\x1b[0m \x1b]0;title\x07\x07bell\x9b2J\n", "red \ufffdbell\ufffd2J"),
        (b"tail other-1.0-abc Zm9v\nend\noutbox:\n", "tail other-1.0-abc Zm9v\nend\noutbox:"),
        ("caf\u00e9 \u202egnp.exe".encode(), "caf\u00e9 \ufffdgnp.exe"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 5000 + b"\nlast line", "last line"),
    ],
)
def test_who_watches_sees_the_end_of_a_running_builds_log(home: BuilderHome, log: bytes, shown: str) -> None:
    lock = running(home, "numpy-2.0-abc", log)
    assert poll(home.path).tails == {}
    assert poll(home.path, tails=True).tails == {"numpy-2.0-abc": shown}
    os.close(lock)


def test_a_link_or_a_pipe_in_place_of_a_log_is_not_read(home: BuilderHome, tmp_path: Path) -> None:
    lock = running(home, "numpy-2.0-abc", b"")
    log = home.work_dir("numpy-2.0-abc").log
    write(tmp_path / "secret", "secret")
    log.unlink()
    log.symlink_to(tmp_path / "secret")
    assert poll(home.path, tails=True).tails == {}
    log.unlink()
    os.mkfifo(log)
    assert poll(home.path, tails=True).tails == {}
    os.close(lock)


def test_a_session_fetches_logs_only_while_somebody_watches(tmp_path: Path) -> None:
    assert not is_watched(tmp_path)
    assert not watch(tmp_path / "no-such-folder")
    (tmp_path / "run").mkdir()
    assert watch(tmp_path)
    assert is_watched(tmp_path)
    long_ago = time.time() - WATCHED_SECONDS - 1
    os.utime(tmp_path / "run" / "watched", (long_ago, long_ago))
    assert not is_watched(tmp_path)
