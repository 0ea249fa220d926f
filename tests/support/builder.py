"""A builder for tests: a home folder, real workers and real builds; no process survives the test."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
import re
import secrets
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from wheelfleet.atomic_files import visible
from wheelfleet.builder.folders import BuilderHome
from wheelfleet.builder.inbox import hand_over
from wheelfleet.builder.worker import start_worker
from wheelfleet.contract.assignment import SCHEMA, Assignment, Limits
from wheelfleet.engine.poll import BuilderSnapshot, parse_snapshot, poll_command, stop_command, withdraw_command
from wheelfleet.processes import all_processes, kill_marked, marked_processes

from tests.support.artifacts import Artifact
from tests.support.toolenv import tools

if TYPE_CHECKING:
    from typing import Self

#: The folder of the package `wheelfleet` in a checkout.
LIBRARY = Path(__file__).resolve().parents[2] / "module_utils"

#: For build scripts: `report(line)` sends a line to the test's lookout, `wait_for_the_test()` waits for its answer.
REPORT = """
import os, socket, sys, time
def report(line):
    global lookout
    lookout = socket.socket(socket.AF_UNIX)
    lookout.connect("\\0" + os.environ["LOOKOUT"])
    lookout.sendall((line + "\\n").encode())
def wait_for_the_test():
    lookout.recv(16)
"""

#: A build script that reports to the lookout and waits.
WAITING = REPORT + "report('building'); wait_for_the_test()"

#: A closed port: builds that use the index without need fail.
NO_INDEX = "http://127.0.0.1:9/simple/"

GENEROUS: Limits = {
    "seconds": 120,
    "silence_seconds": 60,
    "memory": 1 << 30,
    "processes": 64,
    "disk": 1 << 30,
    "log": 1 << 20,
}


class Builder:
    """A builder's home. The `with` statement kills every process of the home at its end."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "builder"
        self._sdists = folder / "sdists"
        self._sdists.mkdir(parents=True, exist_ok=True)

    def assignment(
        self,
        sdist: Artifact,
        *,
        position: int = 0,
        limits: Mapping[str, float] | None = None,
        environment: Mapping[str, str] | None = None,
        interpreter: Path | None = None,
        adjustments: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Assignment:
        """An assignment to build `sdist` from a file; `changes` replace whole fields."""
        file = self._sdists / sdist.filename
        file.write_bytes(sdist.data)
        assignment: dict[str, Any] = {
            "schema": SCHEMA,
            "kind": "build",
            "attempt": f"{sdist.name.lower()}-{sdist.version}-{position:04x}",
            "position": position,
            "name": sdist.name,
            "version": sdist.version,
            "sdist": {
                "filename": sdist.filename,
                "url": file.as_uri(),
                "sha256": sdist.sha256,
                "size": sdist.size,
                "upload_time": None,
            },
            "target": "the-target",
            "tools": str(tools(interpreter)),
            "index_url": NO_INDEX,
            "own_index_url": None,
            "crates_index": None,
            "go_proxy": None,
            "pip_options": {},
            "limits": {**GENEROUS, **(limits or {})},
            "environment": {"PIWHEELS_BUILD": "1", **(environment or {})},
            "jobs": 2,
            "alone": False,
            # Most of these builds connect to the test, and some write to its paths.
            "sandbox": False,
            "adjustments": dict(adjustments or {}),
            "uploaded_before": None,
            "peak_memory": 0,
            "finish": {"repair": False, "exclude": [], "check": False},
            **changes,
        }
        return assignment  # type: ignore[return-value]

    def hand_over(self, *assignments: Assignment) -> list[str]:
        return hand_over(self.home, assignments)

    def start(self, *, python: Path | None = None, parallel: int = 1) -> None:
        start_worker(self.home, LIBRARY, python or sys.executable, parallel)

    def workers(self) -> list[int]:
        """The PIDs of the workers: none, one, or one and a second that waits for its lock."""
        wanted = [b"wheelfleet.builder.worker", str(self.home).encode()]
        parents = {}
        for process in all_processes():
            with suppress(OSError):
                words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
                if words[3:5] == wanted:
                    parents[process] = re.findall(r"^PPid:\t(\d+)", Path(f"/proc/{process}/status").read_text(), re.M)
        # A runner has the worker's command line until it runs its own program.
        return [process for process, (parent,) in parents.items() if int(parent) not in parents]

    def wait(self, seconds: float = 120) -> None:
        """Return when no worker is alive."""
        with (self.home / "worker.lock").open() as lock, deadline(seconds):
            fcntl.flock(lock, fcntl.LOCK_SH)

    def build(self, *assignments: Assignment, python: Path | None = None, parallel: int = 1) -> list[dict[str, Any]]:
        """Hand over, start a worker and wait; returns the results in the order of the assignments."""
        self.hand_over(*assignments)
        self.start(python=python, parallel=parallel)
        self.wait()
        return [self.result(assignment["attempt"]) for assignment in assignments]

    def result(self, attempt: str) -> dict[str, Any]:
        result: dict[str, Any] = json.loads((self.home / "outbox" / attempt / "result.json").read_bytes())
        return result

    def log(self, attempt: str) -> str:
        return gzip.decompress((self.home / "outbox" / attempt / "log.gz").read_bytes()).decode()

    def state(self) -> dict[str, Any]:
        return state(self.home)

    def processes(self) -> list[int]:
        """The PIDs of runners and builds."""
        return list(marked_processes(self.home))

    def wheel(self, result: Mapping[str, Any]) -> bytes:
        """The bytes of a result's only wheel; asserts the result's size and hash."""
        (wheel,) = result["wheels"]
        data: bytes = (self.home / "outbox" / result["attempt"] / wheel["filename"]).read_bytes()
        assert (wheel["size"], wheel["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        return data

    def assert_nothing_is_left(self) -> None:
        """Assert that no process, no build folder and no assignment is left."""
        assert self.processes() == []
        assert list((self.home / "work").iterdir()) == []
        assert list((self.home / "inbox").iterdir()) == []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        kill_marked(self.home)


class Lookout:
    """The socket by which builds report to the test; a connection closes when the build's last process is gone.

    Give a build the environment `lookout.environment` and the script `REPORT`, which defines `report(line)`.
    """

    def __init__(self) -> None:
        name = f"wheelfleet-tests-{os.getpid()}-{secrets.token_hex(8)}"
        self.environment = {"LOOKOUT": name}
        self._socket = socket.socket(socket.AF_UNIX)
        # In Linux's abstract namespace: it needs no file, whose path might be too long.
        self._socket.bind(f"\0{name}")
        self._socket.listen(64)

    def visitor(self, seconds: float = 60) -> Visitor:
        """The next process that reports."""
        with deadline(seconds):
            return Visitor(self._socket.accept()[0])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()


class Visitor:
    """A process that reported. Its children have the same connection, unless they run another program."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        with deadline(60):
            self.line = connection.makefile("r", encoding="utf-8").readline().strip()
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        self.pid: int = struct.unpack("3i", credentials)[0]

    def wait_until_gone(self, seconds: float = 60) -> None:
        """Return when the process and its children have ended."""
        with deadline(seconds), suppress(ConnectionResetError), self._connection:
            while self._connection.recv(4096):
                pass

    def lives(self) -> bool:
        """Whether the process or a child still has the connection open."""
        try:
            return self._connection.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True

    def let_go(self) -> None:
        """Let a process continue that called `wait_for_the_test()`; it is no error if the process has ended."""
        with suppress(OSError), self._connection:
            self._connection.sendall(b"go\n")


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in the block if it takes longer, also during a blocking call."""

    def expire(*_: object) -> None:
        raise TimeoutError(f"nothing happened for {seconds} seconds")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def poll(home: Path, acknowledged: Iterable[str] = (), *, tails: bool = False) -> BuilderSnapshot:
    """Poll a builder with the controller's command; acknowledged results are removed."""
    return parse_snapshot(_shell(poll_command(str(home), acknowledged, tails=tails)).splitlines())


def take_back(home: Path, attempts: Iterable[str]) -> list[str]:
    """Withdraw unstarted assignments with the controller's command; returns their attempts."""
    return _shell(withdraw_command(str(home), attempts)).split()


def stop(home: Path, attempts: Iterable[str]) -> None:
    """Have the worker end builds, with the controller's command."""
    _shell(stop_command(str(home), attempts))


def state(home: Path) -> dict[str, Any]:
    """The builder's state: the snapshot, the worker's last status, and the builds begun."""
    seen = poll(home)
    here = BuilderHome(home)
    return {
        "worker": seen.worker,
        "status": json.loads(here.status.read_bytes()) if here.status.exists() else None,
        "queued": sorted(seen.waiting),
        "building": [name for name in visible(here.work) if here.work_dir(name).assignment.exists()],
        "outbox": seen.outbox,
    }


def _shell(command: str) -> str:
    return subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, text=True, check=True).stdout
