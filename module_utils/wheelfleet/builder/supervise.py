"""Run one command and all processes that it starts within limits, and leave none of them alive.

The calling process must have a single thread and no other children, because all its descendants count as the command's
and are killed at its end, detached ones too.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..contract.assignment import Limits
from ..contract.result import StoppedBy
from ..processes import adopt_orphans, descendants, die_with_parent, kill_descendants, reap
from .cgroup import Group, bounded
from .measure import disk_use, proportional_memory, resident_memory, threads_of_user, unnamed_files

#: Seconds between two measurements of the command's memory, at most; fewer near the limit.
_LOOK = 0.25
_LOOK_NEAR_LIMIT = 0.05
#: Seconds between two measurements of the disk, at least.
_LOOK_AT_DISK = 1.0
#: The part of the time that measuring may take, so that it slows no large build on a small machine.
_SHARE = 0.05
_SHARE_NEAR_LIMIT = 0.2
#: RLIMIT_NPROC counts a user's threads in all builds, so this factor is generous: it only stops fork bombs.
_THREADS_PER_PROCESS = 4
#: oom_score_adj of a build (0 to 1000): the kernel kills builds before anything else when memory runs out.
_OOM_SCORE = 900
#: Bytes of disk for each file that a build may have. mke2fs makes one inode for each 16 KiB.
_BYTES_FOR_A_FILE = 16 << 10


class Ending(NamedTuple):
    """The end of a command, and its cost."""

    #: The process's exit code, negative for a signal; None when it was killed at a limit.
    exit_code: int | None
    #: The limit that ended it: timeout, silence, memory, processes, disk or log. "killed": a SIGKILL from elsewhere,
    #: most likely from the kernel because the machine's memory ran out.
    stopped_by: StoppedBy | None
    #: The reason, in one sentence; None if `stopped_by` is None.
    message: str | None
    seconds: float
    #: Sum of all processes.
    cpu_seconds: float
    #: Bytes, sum of all processes.
    peak_memory: int


class Used(NamedTuple):
    """What earlier commands of the same build used of its limits."""

    seconds: float = 0.0
    #: Bytes.
    log: int = 0


_NOTHING = Used()


class _Stopped(Exception):
    def __init__(self, stopped_by: StoppedBy, message: str) -> None:
        super().__init__(message)
        self.stopped_by = stopped_by


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    folder: Path,
    log: BinaryIO,
    limits: Limits,
    before: Used = _NOTHING,
) -> Ending:
    """Run `command`; its output and that of its children goes to the unbuffered file `log`.

    The limit of disk use is that of `folder`. Raises OSError when the command cannot be started. No descendant of this
    process is alive afterwards, however this call ends.
    """
    adopt_orphans()
    began = time.monotonic()
    spent = _cpu_seconds()
    most = limits["processes"] * _THREADS_PER_PROCESS
    room = bounded(most, limits["memory"])
    with notice_of_children() as notice, selectors.DefaultSelector() as selector, room as group:
        try:
            process, output = _start(command, environment, cwd, limits, group)
            watch = _Watch(limits, folder, began, group, before)
            listener = _Listener(output, log, limits, before)
            selector.register(output, selectors.EVENT_READ)
            selector.register(notice, selectors.EVENT_READ)
            status: int | None = None
            stopped_by: StoppedBy | None = None
            message: str | None = None
            try:
                status = _wait(process.pid, selector, notice, listener, watch)
            except _Stopped as stop:
                stopped_by, message = stop.stopped_by, str(stop)
        finally:
            kill_descendants()
        code = None if status is None else os.waitstatus_to_exitcode(status)
        process.returncode = -signal.SIGKILL if code is None else code
        out_of_memory, refused = group.ran_out_of_memory(), group.refused_process()
        listener.drain()
        output.close()
    if out_of_memory and stopped_by is None:
        # Also where the build outlived the process that the kernel ended: a measurement in time would have stopped it.
        code, stopped_by, message = None, "memory", watch.memory_message
    elif code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        # bubblewrap reports a signal inside as a shell does: 128 and its number.
        stopped_by = "killed"
        message = "The build was killed from outside, most likely by the kernel because the machine's memory ran out."
    elif code and watch.disk_is_full():
        # RLIMIT_FSIZE makes the write fail, so the build ends with an error of its own.
        stopped_by, message = "disk", watch.disk_message
    elif code and refused:
        stopped_by, message = "processes", f"The build wanted more than the {most} processes and threads it may have."
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Memory that the kernel refuses never shows in a measurement.
    wanted = limits["memory"] if stopped_by == "memory" else 0
    return Ending(
        exit_code=code,
        stopped_by=stopped_by,
        message=message,
        seconds=time.monotonic() - began,
        cpu_seconds=_cpu_seconds() - spent,
        peak_memory=max(watch.peak_memory, used.ru_maxrss * 1024, wanted),
    )


def _start(
    command: Sequence[str], environment: Mapping[str, str], cwd: Path, limits: Limits, group: Group
) -> tuple[subprocess.Popen[bytes], BinaryIO]:
    supervisor = os.getpid()
    threads = threads_of_user(os.getuid()) + limits["processes"] * _THREADS_PER_PROCESS

    steps: dict[str, Callable[[], object]] = {
        "the end with its supervisor": lambda: die_with_parent(signal.SIGKILL, supervisor),
        "the mask of new files": lambda: os.umask(0o022),
        "the priority": lambda: os.nice(10),
        "the size of a core file": lambda: _lower(resource.RLIMIT_CORE, 0),
        "the size of a file": lambda: _lower(resource.RLIMIT_FSIZE, limits["disk"]),
        "the number of processes": lambda: _lower(resource.RLIMIT_NPROC, threads),
        "its control group": group.join,
    }
    reader, writer = os.pipe()

    def in_the_child() -> None:
        for limit, put in steps.items():
            try:
                put()
            except BaseException as error:
                os.write(writer, f"{limit} ({error or type(error).__name__})".encode())
                raise
        with suppress(OSError):
            # Containers may forbid it.
            Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), encoding="ascii")

    # subprocess does not tell what failed in the child.
    with open(reader, "rb") as failed, open(writer, "wb", buffering=0) as open_end:  # noqa: PTH123 - descriptors
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=in_the_child,
                bufsize=0,
            )
        except subprocess.SubprocessError as error:
            open_end.close()
            said = failed.read().decode(errors="replace")
            raise OSError(f"a limit of the build cannot be set: {said}") from error
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    return process, process.stdout  # type: ignore[return-value]


def _lower(limit: int, value: int) -> None:
    hard = resource.getrlimit(limit)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(limit, (value, value))


def _wait(process: int, selector: selectors.BaseSelector, notice: int, listener: _Listener, watch: _Watch) -> int:
    """The wait status of `process`. Raises _Stopped when a limit is reached first."""
    ended: dict[int, int] = {}
    while True:
        for key, _ in selector.select(max(0.0, min(watch.next_look, listener.silent_at) - time.monotonic())):
            if key.fd == notice:
                os.read(notice, 4096)
            elif not listener.listen():
                selector.unregister(key.fileobj)
        reap(ended)
        if process in ended:
            return ended[process]
        listener.check_silence()
        watch.look()


class _Listener:
    """Copies the build's output to the log."""

    def __init__(self, output: BinaryIO, log: BinaryIO, limits: Limits, before: Used) -> None:
        self._output = output
        self._log = log
        self._room = limits["log"] - before.log
        self._limits = limits
        self.silent_at = time.monotonic() + limits["silence_seconds"]

    def listen(self) -> bool:
        """Copy the output that is ready; False at its end. Raises _Stopped when the log is full."""
        try:
            data = os.read(self._output.fileno(), 1 << 16)
        except BlockingIOError:
            return True
        self.silent_at = time.monotonic() + self._limits["silence_seconds"]
        self._log.write(data[: self._room])
        self._room -= len(data)
        if self._room < 0:
            raise _Stopped("log", f"The build wrote more than the {self._limits['log']} bytes its log may have.")
        return bool(data)

    def drain(self) -> None:
        """Copy the rest, after all writers have ended."""
        try:
            while self._room > 0:
                data = os.read(self._output.fileno(), 1 << 16)
                if not data:
                    break
                self._log.write(data[: self._room])
                self._room -= len(data)
        except BlockingIOError:
            return

    def check_silence(self) -> None:
        if time.monotonic() >= self.silent_at:
            seconds = self._limits["silence_seconds"]
            raise _Stopped("silence", f"The build wrote nothing to its log for {seconds:g} seconds.")


class _Watch:
    """Compares the build's use of resources with its limits."""

    def __init__(self, limits: Limits, folder: Path, began: float, group: Group, before: Used) -> None:
        self._limits = limits
        self._folder = folder
        self._group = group
        self._deadline = began + limits["seconds"] - before.seconds
        self._next_disk = began + _LOOK_AT_DISK
        self.next_look = began + _LOOK_NEAR_LIMIT
        self.peak_memory = 0
        self._unnamed_on_disk = 0
        self.disk_message = ""
        self.memory_message = f"The build wanted more than the {limits['memory'] >> 20} MiB of memory it may use."

    def look(self) -> None:
        """Measure whatever is due. Raises _Stopped when a limit is reached."""
        now = time.monotonic()
        if now >= self._deadline:
            raise _Stopped("timeout", f"The build took longer than the {self._limits['seconds']:g} seconds it may.")
        if now < self.next_look:
            return
        near_limit = self._look_at_processes() > 0.6 * self._limits["memory"]
        done = time.monotonic()
        pause = max(_LOOK, (done - now) / _SHARE)
        if near_limit:
            pause = max(_LOOK_NEAR_LIMIT, (done - now) / _SHARE_NEAR_LIMIT)
        if now >= self._next_disk:
            if self.disk_is_full():
                raise _Stopped("disk", self.disk_message)
            before_disk, done = done, time.monotonic()
            self._next_disk = done + max(_LOOK_AT_DISK, (done - before_disk) / _SHARE)
        self.next_look = min(done + pause, self._deadline)

    def _look_at_processes(self) -> int:
        if self._group.ran_out_of_memory():
            raise _Stopped("memory", self.memory_message)
        family = descendants()
        if len(family) > self._limits["processes"]:
            allowed = self._limits["processes"]
            raise _Stopped("processes", f"The build had {len(family)} processes at once; it may have {allowed}.")
        unnamed = unnamed_files(family, self._folder)
        self._unnamed_on_disk = unnamed.on_disk
        memory = resident_memory(family) + unnamed.in_memory
        # The proportional size costs more to read and is never larger, so read it only for a new peak.
        if memory > self.peak_memory:
            memory = proportional_memory(family) + unnamed.in_memory
            self.peak_memory = max(self.peak_memory, memory)
        if memory > self._limits["memory"]:
            raise _Stopped("memory", self.memory_message)
        return memory

    def disk_is_full(self) -> bool:
        """Whether the folder exceeds its limit of bytes, files or depth; sets `disk_message` if it does."""
        use = disk_use(self._folder)
        room, most = self._limits["disk"], self._limits["disk"] // _BYTES_FOR_A_FILE
        if use.entries > most:
            self.disk_message = f"The build's folder held {use.entries} files; it may hold {most}."
        elif use.too_deep:
            self.disk_message = "The build's folder held folders nested deeper than paths may be long."
        elif use.size + self._unnamed_on_disk > room:
            self.disk_message = f"The build's folder grew larger than the {room >> 20} MiB it may have on the disk."
        else:
            return False
        return True


@contextmanager
def notice_of_children() -> Iterator[int]:
    """A descriptor that becomes readable when a child has ended, so that waiting needs no polling."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    handler = signal.signal(signal.SIGCHLD, lambda *_: None)
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGCHLD, handler)
        os.close(reader)
        os.close(writer)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
