"""One running attempt: its result so far, and the commands that it runs.

Each command is supervised separately, but the limits of time and log hold for the whole attempt. Package code runs only
inside the sandbox, in folders below `/build`, the same on all builders.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ..atomic_files import remove, write_json
from ..contract.adjustments import Adjustments
from ..contract.assignment import Assignment
from ..contract.log_lines import phase_line
from ..contract.reasons import Failed
from ..contract.result import Phase, Result
from . import proxy, sandbox
from .allowed_servers import AllowedServers
from .deliver import PROGRESS, building
from .folders import BuilderHome, NotReady, WorkDir
from .supervise import Used, run

#: The folder of the package `wheelfleet`, from which its own programs run.
LIBRARY = Path(__file__).resolve().parents[2]

#: Signals that kill programs. A sandbox reports one as exit code 128 plus the signal's number.
_DEADLY = {signal.SIGILL, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGKILL, signal.SIGSEGV}
#: Bytes of a file from a build that are read at most.
_LARGEST_ANSWER = 1 << 20


class Attempt:
    """State of one attempt; `result` holds the facts known so far."""

    def __init__(
        self, home: BuilderHome, work_dir: WorkDir, assignment: Assignment, log: BinaryIO, result: Result
    ) -> None:
        self.home = home
        self.work_dir = work_dir
        self.assignment = assignment
        self.result = result
        self.adjustments = Adjustments.from_data(assignment["adjustments"])
        self.sandboxed = assignment["sandbox"]
        self._log = log
        self._began = time.monotonic()
        self._log_left = assignment["limits"]["log"]
        self._rootfs: Path | None = None

    # ------------------------------------------------------------------ words

    def enter(self, phase: Phase) -> None:
        """Begin a phase: in the log, and where it is found should this process be killed."""
        self.log_line(phase_line(phase))
        self.note(phase=phase)

    def note(self, **facts: Any) -> None:
        """Add facts to the result, and write its progress to disk."""
        self.result.update(facts)  # type: ignore[typeddict-item]
        write_json(self.work_dir.progress, {key: self.result[key] for key in PROGRESS}, durable=False)  # type: ignore[literal-required]

    def log_line(self, *lines: str) -> None:
        """Write lines of ours into the log."""
        self._log.write(("\n".join(lines) + "\n").encode())

    @property
    def seconds_left(self) -> float:
        return max(1.0, self.assignment["limits"]["seconds"] - (time.monotonic() - self._began))

    # --------------------------------------------------------------- commands

    def check_sandbox(self) -> None:
        """Check that the sandbox works if the assignment requires it. Raises NotReady."""
        if self.sandboxed:
            why_not = sandbox.probe()
            if why_not is not None:
                raise NotReady(why_not)
            self.note(sandbox="bubblewrap")

    def outside(self, command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> int:
        """Run a program that runs no package code; returns its exit code. Raises Failed when a limit ends it.

        `folder` is the folder that it writes to, whose size is limited; by default the work folder.
        """
        return self._run(command, environment, LIBRARY, folder)

    def inside(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: str | None = None,
        read_only: Iterable[Path | sandbox.Place] = (),
        writable: Iterable[Path] = (),
        reach: Iterable[str | None] = (),
        allowed: AllowedServers | None = None,
    ) -> int:
        """Run a command in the sandbox, or directly if the assignment has none; returns its exit code.

        Its arguments are paths as `place` gives them. `writable` are folders of the build. `reach` opens the network to
        the servers of these URLs, `allowed` to its servers; without either there is none. Raises Failed when a limit
        ends it.
        """
        cwd = cwd or self.place(self.work_dir.path)
        if not self.sandboxed:
            return self._run(command, environment, Path(cwd))
        servers = proxy.servers_of(reach) if allowed is None else allowed.servers
        command = sandbox.sandboxed(
            command,
            rootfs=self._make_rootfs(),
            cwd=cwd,
            read_only=[LIBRARY / "wheelfleet", *read_only],
            writable=[sandbox.Place(path, self.place(path)) for path in (*writable, *self._own_folders())],
            hidden=[self.home.path],
            proxy_python=self.assignment["tools"] if servers else None,
        )
        if servers:
            command = proxy.behind_proxy(command, servers, refused=None if allowed is None else allowed.refused)
        else:
            environment = sandbox.closed(environment)
        return self._run(command, environment, LIBRARY)

    def clear_control(self) -> None:
        """Empty the folder for the answers of commands inside. Call it before files for the next command are written.

        Otherwise a build could leave a link there and redirect those files.
        """
        remove(self.work_dir.control)
        self.work_dir.control.mkdir()

    def place(self, path: Path) -> str:
        """The path inside of a file or folder of the build."""
        if not self.sandboxed:
            return str(path)
        return str(Path(sandbox.BUILD, path.relative_to(self.work_dir.path)))

    def bound(self, path: Path) -> sandbox.Place:
        """A file or folder of the build, bound to its path inside."""
        return sandbox.Place(path, self.place(path))

    @property
    def library(self) -> Path:
        """The folder inside from which this package's programs run."""
        return LIBRARY

    def _own_folders(self) -> tuple[Path, ...]:
        return (self.work_dir.home, self.work_dir.tmp, self.work_dir.control)

    def _make_rootfs(self) -> Path:
        if self._rootfs is None:
            self._rootfs = sandbox.make_rootfs(self.work_dir.rootfs)
        return self._rootfs

    def _run(
        self, command: Sequence[str], environment: Mapping[str, str], cwd: Path, folder: Path | None = None
    ) -> int:
        limits = self.assignment["limits"]
        before = self.log_size()
        ending = run(
            command,
            environment=environment,
            cwd=cwd,
            folder=folder or self.work_dir.path,
            log=self._log,
            limits=limits,
            before=Used(limits["seconds"] - self.seconds_left, limits["log"] - max(0, self._log_left)),
        )
        self._log_left -= self.log_size() - before
        result = self.result
        result["cpu_seconds"] = round(result["cpu_seconds"] + ending.cpu_seconds, 3)
        result["peak_memory"] = max(result["peak_memory"], ending.peak_memory)
        code, stopped_by, message = ending.exit_code, ending.stopped_by, ending.message
        if self.sandboxed and code is not None and code - 128 in _DEADLY:
            code = 128 - code
        result["exit_code"] = code
        if stopped_by is not None:
            result["stopped_by"] = stopped_by
            if result["phase"] == "requires" and building(self.work_dir):
                self.note(phase="build")
            raise Failed(message or "The build was stopped.", None)
        return code or 0

    def log_size(self) -> int:
        """Bytes written to the log so far."""
        return os.fstat(self._log.fileno()).st_size

    def log_since(self, size: int) -> str:
        """The log's text behind offset `size`; only its end if it is long."""
        with self.work_dir.log.open("rb") as file:
            file.seek(max(size, file.seek(0, os.SEEK_END) - _LARGEST_ANSWER))
            return file.read().decode("utf-8", "replace")


def read_answer(path: Path) -> Any:
    """The JSON in a file that a command inside wrote; None without one, or if it is invalid or too large."""
    if path.parent.is_symlink():
        return None
    try:
        # A link there could read another file, and a pipe would block.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            data = file.read(_LARGEST_ANSWER + 1)
        return json.loads(data) if len(data) <= _LARGEST_ANSWER else None
    except (OSError, ValueError, RecursionError):
        return None


def as_clause(text: object) -> str:
    """`text` as one line, without the full stop at its end."""
    return " ".join(str(text).split()).rstrip(".")


def ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
