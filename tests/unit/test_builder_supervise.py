"""Running a command within limits: it stops at each of them, and whatever happens nothing of it is left."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.builder import GENEROUS, LIBRARY, REPORT, Lookout

#: Supervises `argv[2:]` in the folder `argv[1]` under the limits on standard input, and prints how it ended.
SUPERVISE = """
import json, os, pathlib, sys
from wheelfleet.processes import descendants
from wheelfleet.builder.supervise import Used, run
folder = pathlib.Path(sys.argv[1])
limits = json.load(sys.stdin)
used = Used(**limits.pop("used", {}))
with (folder / "log").open("wb", buffering=0) as log:
    ending = run(sys.argv[2:], environment=os.environ, cwd=folder, folder=folder, log=log, limits=limits, before=used)
print(json.dumps({**ending._asdict(), "left": descendants()}))
"""


class Supervised:
    """The command under supervision, in a process of its own as in a runner."""

    def __init__(self, folder: Path, lookout: Lookout) -> None:
        self.folder = folder
        self.lookout = lookout

    def start(self, *command: str, **limits: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, str(self.folder), *command],
            cwd=LIBRARY,
            env={**os.environ, **self.lookout.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        json.dump({**GENEROUS, **limits}, process.stdin)
        process.stdin.close()
        return process

    def run(self, *command: str, **limits: Any) -> dict[str, Any]:
        with self.start(*command, **limits) as process:
            assert process.stdout is not None
            ending: dict[str, Any] = json.loads(process.stdout.read())
        assert ending["left"] == []
        return ending

    def python(self, code: str, **limits: float) -> dict[str, Any]:
        return self.run(sys.executable, "-c", code, **limits)

    def log(self) -> str:
        return (self.folder / "log").read_text()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    with Lookout() as lookout:
        yield Supervised(tmp_path, lookout)


def test_the_exit_code_the_words_and_the_cost_of_a_command_are_told(supervised: Supervised) -> None:
    ending = supervised.python(
        "import sys, time\n"
        "sys.stderr.write('to stderr\\n'); sys.stderr.flush(); print('to stdout', flush=True)\n"
        "held = bytearray(60 << 20)\n"
        "while time.process_time() < 0.3: pass\n"
        "sys.exit(3)"
    )
    assert (ending["exit_code"], ending["stopped_by"], ending["message"]) == (3, None, None)
    assert supervised.log() == "to stderr\nto stdout\n"
    assert ending["cpu_seconds"] >= 0.3
    assert ending["seconds"] >= 0.3
    assert ending["peak_memory"] >= 60 << 20


def test_cpu_time_of_children_and_grandchildren_is_counted(supervised: Supervised) -> None:
    spin = "import time\nwhile time.process_time() < 0.2: pass"
    ending = supervised.run(
        "sh", "-c", f"{sys.executable} -c '{spin}' & (sh -c \"{sys.executable} -c '{spin}'; :\"); wait"
    )
    assert ending["exit_code"] == 0
    assert ending["cpu_seconds"] >= 0.4


def test_a_command_that_dies_by_a_signal_has_a_negative_exit_code(supervised: Supervised) -> None:
    ending = supervised.run("sh", "-c", "kill -SEGV $$")
    assert (ending["exit_code"], ending["stopped_by"]) == (-signal.SIGSEGV, None)


def test_a_command_killed_from_outside_is_told_from_one_that_failed(supervised: Supervised) -> None:
    with supervised.start(sys.executable, "-c", REPORT + "report('up'); wait_for_the_test()") as process:
        command = supervised.lookout.visitor()
        os.kill(command.pid, signal.SIGKILL)
        assert process.stdout is not None
        ending = json.loads(process.stdout.read())
    assert (ending["exit_code"], ending["stopped_by"]) == (-signal.SIGKILL, "killed")
    assert "most likely by the kernel because the machine's memory ran out" in ending["message"]


def test_a_command_that_is_not_there_is_an_error_of_the_caller(supervised: Supervised) -> None:
    with supervised.start("/nowhere/python") as process:
        assert process.stdout is not None
        assert process.stdout.read() == ""
    assert process.returncode == 1


#: Its control group has gone.
WITHOUT_GROUP = """
from contextlib import nullcontext
from wheelfleet.builder import supervise
group = supervise.Group()
group.folders = [__import__("pathlib").Path("/nowhere")]
supervise.bounded = lambda *_: nullcontext(group)
"""


def test_a_limit_that_cannot_be_set_is_named(supervised: Supervised) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_GROUP + SUPERVISE, str(supervised.folder), "true"],
        cwd=LIBRARY,
        input=json.dumps(GENEROUS),
        capture_output=True,
        text=True,
        check=False,
    )
    why = "its control group ([Errno 2] No such file or directory: '/nowhere/cgroup.procs')"
    assert ended.stderr.splitlines()[-1] == f"OSError: a limit of the build cannot be set: {why}"


DAEMON = (
    REPORT
    + """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        report("daemon")
        while True:
            time.sleep(60)
    os._exit(0)
"""
)


@pytest.mark.parametrize("end", ["sys.exit(0)", "sys.exit(1)", "time.sleep(60)"])
def test_a_daemon_in_a_session_of_its_own_does_not_outlive_the_command(supervised: Supervised, end: str) -> None:
    wait_for_the_daemon = "import pathlib\nwhile not pathlib.Path('go').exists(): time.sleep(0.005)\n"
    with supervised.start(sys.executable, "-c", DAEMON + wait_for_the_daemon + end, silence_seconds=2) as process:
        daemon = supervised.lookout.visitor()
        (supervised.folder / "go").touch()
        daemon.wait_until_gone()
        assert process.stdout is not None
        assert json.loads(process.stdout.read())["left"] == []


#: Forks up to `most` processes; whoever is left when that many were forked leaves a trace.
FORKS = """
import mmap, os, pathlib, time
forked = mmap.mmap(-1, 8)
def fork(most):
    count = int.from_bytes(forked[:8], "little") + 1
    forked[:8] = count.to_bytes(8, "little")
    if count > most:
        pathlib.Path("ran out").touch()
        time.sleep(60)
    try:
        child = os.fork()
    except BlockingIOError:
        # The kernel's brake for users other than root (RLIMIT_NPROC): a bomb goes on.
        time.sleep(0.01)
        return -1
    if not child:
        os.setsid()
    return child
"""


def test_processes_that_all_fork_all_the_time_are_all_killed(supervised: Supervised) -> None:
    ending = supervised.python(FORKS + "while True: fork(1000)", processes=40)
    assert ending["stopped_by"] == "processes"


def test_a_process_that_lives_only_to_fork_the_next_is_caught(supervised: Supervised) -> None:
    ending = supervised.python(FORKS + "while fork(100_000) == 0: pass")
    assert ending["exit_code"] == 0
    assert not (supervised.folder / "ran out").exists()


def test_the_death_of_the_supervisor_is_the_death_of_the_command(supervised: Supervised) -> None:
    with supervised.start(sys.executable, "-c", REPORT + "report('up'); wait_for_the_test()") as process:
        command = supervised.lookout.visitor()
        process.kill()
        command.wait_until_gone()


def test_a_command_that_takes_too_long_is_stopped(supervised: Supervised) -> None:
    ending = supervised.run("sh", "-c", "while :; do echo busy; sleep 0.01; done", seconds=0.4)
    assert (ending["exit_code"], ending["stopped_by"]) == (None, "timeout")
    assert ending["message"] == "The build took longer than the 0.4 seconds it may."
    assert ending["seconds"] >= 0.4


@pytest.mark.parametrize(
    ("used", "limits", "said"),
    [
        ({"seconds": 59.8}, {"seconds": 60}, "The build took longer than the 60 seconds it may."),
        ({"log": 99000}, {"log": 100000}, "The build wrote more than the 100000 bytes its log may have."),
    ],
)
def test_a_later_command_has_the_rest_and_the_whole_limit_is_named(
    supervised: Supervised, used: dict[str, float], limits: dict[str, float], said: str
) -> None:
    ending = supervised.run("sh", "-c", "while :; do echo busy; done", used=used, **limits)
    assert ending["message"] == said
    assert ending["seconds"] < 30


def test_a_command_that_says_nothing_is_stopped_even_if_it_works(supervised: Supervised) -> None:
    ending = supervised.run("sh", "-c", "echo hello; while :; do :; done", silence_seconds=0.3)
    assert (ending["exit_code"], ending["stopped_by"]) == (None, "silence")
    assert ending["message"] == "The build wrote nothing to its log for 0.3 seconds."
    assert supervised.log() == "hello\n"


def test_closing_its_output_does_not_save_a_command_from_the_limits(supervised: Supervised) -> None:
    ending = supervised.run("sh", "-c", "exec >&- 2>&-; while :; do sleep 1; done", silence_seconds=0.3)
    assert ending["stopped_by"] == "silence"


def test_memory_is_counted_over_all_processes_together(supervised: Supervised) -> None:
    code = "import os, time\nfor _ in range(3): os.fork()\nheld = os.urandom(30 << 20)\ntime.sleep(60)"
    ending = supervised.python(code, memory=120 << 20)
    assert (ending["exit_code"], ending["stopped_by"]) == (None, "memory")
    assert ending["message"] == "The build wanted more than the 120 MiB of memory it may use."
    assert ending["peak_memory"] >= 120 << 20


def test_a_build_that_outlives_its_greedy_process_has_failed(supervised: Supervised) -> None:
    greedy = "import os, time; held = os.urandom(300 << 20); time.sleep(60)"
    ending = supervised.python(
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {greedy!r}])", memory=120 << 20
    )
    assert (ending["exit_code"], ending["stopped_by"]) == (None, "memory")


def test_memory_that_processes_share_is_counted_once(supervised: Supervised) -> None:
    code = (
        "import os, time\nheld = os.urandom(60 << 20)\nchildren = [os.fork() for _ in range(1)]\n"
        "if os.fork() == 0: pass\nend = time.monotonic() + 1\nwhile time.monotonic() < end: time.sleep(0.01)"
    )
    ending = supervised.python(code, memory=150 << 20)
    assert (ending["exit_code"], ending["stopped_by"]) == (0, None)
    assert 60 << 20 < ending["peak_memory"] < 150 << 20


def test_too_many_processes_at_once_are_stopped_and_many_in_a_row_are_not(supervised: Supervised) -> None:
    crowd = supervised.run("sh", "-c", "for i in $(seq 30); do sleep 60 & done; wait", processes=20)
    assert crowd["stopped_by"] == "processes"
    assert crowd["message"].endswith("processes at once; it may have 20.")
    queue = supervised.run("sh", "-c", "for i in $(seq 100); do true | cat; done", processes=20)
    assert queue["stopped_by"] is None


def test_a_folder_that_grows_too_large_is_stopped(supervised: Supervised) -> None:
    code = "import time\nfor i in range(64): open(f'file{i}', 'wb').write(bytes(1 << 20))\ntime.sleep(60)"
    ending = supervised.python(code, disk=16 << 20)
    assert (ending["exit_code"], ending["stopped_by"]) == (None, "disk")
    assert ending["message"] == "The build's folder grew larger than the 16 MiB it may have on the disk."


def test_a_single_large_file_fails_to_be_written_and_the_reason_is_told(supervised: Supervised) -> None:
    ending = supervised.python("open('file', 'wb').write(bytes(64 << 20))", disk=16 << 20)
    assert (ending["exit_code"], ending["stopped_by"]) == (1, "disk")
    assert (supervised.folder / "file").stat().st_size == 16 << 20


def test_a_folder_with_too_many_files_is_stopped_however_small_they_are(supervised: Supervised) -> None:
    code = "import time\nfor i in range(1200): open(f'file{i}', 'wb').close()\ntime.sleep(60)"
    ending = supervised.python(code, disk=16 << 20)
    assert (ending["exit_code"], ending["stopped_by"]) == (None, "disk")
    assert re.fullmatch(r"The build's folder held 1\d\d\d files; it may hold 1024\.", ending["message"])


def test_folders_nested_deeper_than_a_look_can_follow_are_stopped(supervised: Supervised) -> None:
    code = "import os, time\nfor i in range(30):\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)\ntime.sleep(60)"
    ending = supervised.python(code)
    assert (ending["exit_code"], ending["stopped_by"]) == (None, "disk")
    assert "nested deeper than paths may be long" in ending["message"]
    subprocess.run(["rm", "-rf", str(supervised.folder / ("d" * 200))], check=True)


def test_a_file_whose_name_was_removed_counts_as_long_as_it_is_open(supervised: Supervised) -> None:
    code = (
        "import os, time\nfor i in range(3):\n    file = os.open('file', os.O_CREAT | os.O_WRONLY)\n"
        "    os.unlink('file')\n    os.write(file, bytes(8 << 20))\ntime.sleep(60)"
    )
    ending = supervised.python(code, disk=16 << 20)
    assert (ending["exit_code"], ending["stopped_by"]) == (None, "disk")


#: Of a file without a name on an overlay of two file systems, as containers and read-only Pis have: bytes on the disk.
ON_AN_OVERLAY = """
import os, sys
from pathlib import Path
from wheelfleet.builder.measure import unnamed_files
folder = Path(sys.argv[1])
(folder / "log").touch()
file = os.open(folder / "file", os.O_CREAT | os.O_WRONLY)
os.unlink(folder / "file")
os.write(file, bytes(1 << 20))
print(folder.stat().st_dev == os.fstat(file).st_dev, *unnamed_files([os.getpid()], folder))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts an overlay")
def test_on_an_overlay_of_two_file_systems_such_a_file_is_the_disks_too(tmp_path: Path) -> None:
    for name in ("lower", "upper", "work", "merged"):
        (tmp_path / name).mkdir()
    mounts = (
        "mount -t tmpfs lower lower && "
        "mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged && "
        'exec "$@"'
    )
    command = [sys.executable, "-c", ON_AN_OVERLAY, str(tmp_path / "merged")]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"cd {tmp_path} && {mounts}", "sh", *command],
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", str(1 << 20), "0"]


def test_memory_that_only_a_descriptor_holds_is_counted(supervised: Supervised) -> None:
    code = "import os, time\nos.write(os.memfd_create('held'), bytes(64 << 20))\ntime.sleep(60)"
    ending = supervised.python(code, memory=60 << 20)
    assert (ending["exit_code"], ending["stopped_by"]) == (None, "memory")


def test_a_kill_that_a_shell_or_the_sandbox_reports_is_told_as_one(supervised: Supervised) -> None:
    ending = supervised.run("sh", "-c", "sh -c 'kill -KILL $$'; exit $?")
    assert (ending["exit_code"], ending["stopped_by"]) == (128 + signal.SIGKILL, "killed")


def test_a_log_is_cut_at_its_limit_and_the_command_stopped(supervised: Supervised) -> None:
    ending = supervised.run("yes", log=100_000)
    assert (ending["exit_code"], ending["stopped_by"]) == (None, "log")
    assert ending["message"] == "The build wrote more than the 100000 bytes its log may have."
    assert len(supervised.log()) == 100_000


def test_the_command_gets_no_input_no_core_files_and_a_known_umask(supervised: Supervised) -> None:
    ending = supervised.run("sh", "-c", "cat; ulimit -c; umask; ps -o sid= -p $$ | grep -qw $$ && echo leads")
    assert ending["exit_code"] == 0
    assert supervised.log().split() == ["0", "0022", "leads"]
