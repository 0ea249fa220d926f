"""The one worker of a builder: `python -m wheelfleet.builder.worker HOME [--parallel N] [--detach]`.

It runs the assignments of the inbox, up to N at once, and exits when none is left. After any kill, also of the worker
itself, the next worker sees from the folders where to continue (see `folders`).
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ..atomic_files import remove, write_json
from ..contract.result import SCHEMA, StoppedBy, new_result
from ..contract.worker_status import Building, WorkerStatus
from ..processes import adopt_orphans, boot_id, kill_descendants, kill_marked, reap
from .cgroup import delegated_scope, divide
from .deliver import clear_result, deliver, finish, take_progress
from .env_cache import clear_untrusted
from .env_vars import worker_environment
from .folders import BuilderHome, NotReady, WorkDir
from .launcher import Launcher
from .supervise import notice_of_children

#: A killed build is started at most this often.
MOST_STARTS = 2
#: Seconds to wait for the lock, because the worker that holds it may exit without seeing a new assignment.
_PATIENCE = 3.0
#: Seconds between two writes of `status.json`, and between two looks for new assignments.
_BEAT = 1.0
#: Bytes at which the worker's own log is emptied.
_LARGEST_LOG = 1 << 20


class _Running(NamedTuple):
    alone: bool
    since: float


class Worker:
    """Runs the builds of one home, whose lock it holds."""

    def __init__(self, home: BuilderHome, parallel: int) -> None:
        self._home = home
        self._parallel = parallel
        self._running: dict[str, _Running] = {}
        self._launcher: Launcher | None = None
        self._beat = 0
        self._stopping = False

    def work(self) -> None:
        """Work until the inbox is empty or `stop` is called."""
        adopt_orphans()
        self._recover()
        with notice_of_children() as notice:
            try:
                while not self._stopping:
                    self._settle_ended()
                    self._stop_builds()
                    self._start_next()
                    self._write_status()
                    # Look at the inbox last, after all steps that take time. If an assignment arrives later, its sender
                    # starts a new worker, which gets the lock within its `_PATIENCE`.
                    if not self._running and not self._home.queued():
                        return
                    self._wait(notice)
                self._give_all_back()
            finally:
                # Nothing of this home's is left when the lock is free.
                self._end_launcher()

    def _wait(self, notice: int) -> None:
        """Return after a beat, or as soon as a runner or a child has ended, or a signal has come."""
        watched = [notice] if self._launcher is None else [notice, self._launcher.fileno()]
        if notice in select.select(watched, [], [], _BEAT)[0]:
            os.read(notice, 4096)

    def stop(self) -> None:
        """End all builds; the next worker starts them as if they had not begun."""
        self._stopping = True

    def _recover(self) -> None:
        """Clean up after an earlier worker and take over its builds."""
        kill_marked(self._home.path)
        clear_untrusted(self._home)
        for name in os.listdir(self._home.outbox):  # noqa: PTH208 - names only
            if name.startswith("."):
                remove(self._home.outbox / name)
        for name in os.listdir(self._home.work):  # noqa: PTH208
            self._settle(WorkDir(self._home.work / name))

    def _stop_builds(self) -> None:
        """Kill the builds that the controller wants ended; `_settle` gives them their result."""
        for attempt in self._home.to_stop():
            if attempt in self._running and self._launcher is not None:
                self._launcher.kill(attempt)
            elif self._home.waiting(attempt).exists():
                # A worker that died had begun it.
                self._claim(self._home.work_dir(attempt))
            else:
                self._home.stop_file(attempt).unlink(missing_ok=True)

    def _settle_ended(self) -> None:
        """Settle the builds whose runners have ended; if their launcher has, they all have."""
        adopted: dict[int, int] = {}
        reap(adopted)
        ended = self._launcher.ended() if self._launcher is not None else []
        if ended is None:
            _note("the process that starts builds has ended")
            self._end_launcher()
            kill_descendants()
            ended = list(self._running)
        elif (ended or adopted) and self._launcher is not None:
            # A killed runner leaves its processes, which are now this process's children.
            kill_descendants(keep={self._launcher.pid})
        for attempt in ended:
            if self._running.pop(attempt, None) is not None:
                self._settle(self._home.work_dir(attempt))

    def _end_launcher(self) -> None:
        if self._launcher is not None:
            self._launcher.close()
            self._launcher = None

    def _settle(self, work_dir: WorkDir) -> None:
        """Move a build that has ended to the outbox, or back to the inbox if it has no result."""
        if work_dir.finished.exists():
            deliver(self._home, work_dir)
        elif work_dir.assignment.exists() and self._home.stop_file(work_dir.attempt).exists():
            self._give_up(work_dir, "An operator stopped the build.", "operator")
        elif work_dir.assignment.exists():
            _note(f"{work_dir.attempt} ended without a result")
            work_dir.assignment.rename(self._home.inbox / f"{work_dir.attempt}.json")
        if not (self._home.inbox / f"{work_dir.attempt}.json").exists():
            self._home.stop_file(work_dir.attempt).unlink(missing_ok=True)
            self._clean(work_dir)

    @staticmethod
    def _clean(work_dir: WorkDir) -> None:
        try:
            remove(work_dir.path)
        except OSError as error:
            _note(str(error))

    def _start_next(self) -> None:
        free = self._parallel - len(self._running)
        if free <= 0 or any(runner.alone for runner in self._running.values()):
            return
        for _, attempt, alone in sorted(map(self._place, self._home.queued())):
            if alone and self._running:
                # Later assignments wait too, or this one might never start.
                return
            work_dir = self._home.work_dir(attempt)
            try:
                if self._claim(work_dir):
                    self._start(attempt, alone)
                    free = 0 if alone else free - 1
            except OSError as error:
                # Most likely the disk is full, and the running builds may free it.
                _note(f"{attempt} cannot be begun now: {error}")
                self._settle(work_dir)
                return
            if free == 0:
                return

    def _place(self, attempt: str) -> tuple[float, str, bool]:
        """An assignment's priority, its name and whether it must run alone, as a sort key."""
        try:
            assignment = json.loads(self._home.waiting(attempt).read_bytes())
            return float(assignment["position"]), attempt, bool(assignment["alone"])
        except (OSError, ValueError, KeyError, TypeError):
            # The runner reports the error.
            return 0.0, attempt, False

    def _claim(self, work_dir: WorkDir) -> bool:
        """Move an assignment from the inbox into its own folder; True if it is to be built now."""
        waiting = self._home.waiting(work_dir.attempt)
        if self._home.delivered(work_dir.attempt).exists():
            waiting.unlink(missing_ok=True)
            return False
        work_dir.path.mkdir(mode=0o700, exist_ok=True)
        try:
            waiting.rename(work_dir.assignment)
        except FileNotFoundError:
            # The controller took it back.
            remove(work_dir.path)
            return False
        if self._home.stop_file(work_dir.attempt).exists():
            self._settle(work_dir)
            return False
        starts, boot = self._starts(work_dir)
        if starts >= MOST_STARTS:
            self._give_up(work_dir, f"The build was begun {MOST_STARTS} times and each time killed.")
            return False
        if starts and boot != boot_id():
            # This build may have crashed the machine, so it is not started a second time.
            self._give_up(work_dir, "The builder went down while it was being built.")
            return False
        for name in os.listdir(work_dir.path):  # noqa: PTH208
            if name not in (work_dir.assignment.name, work_dir.starts.name):
                remove(work_dir.path / name)
        write_json(work_dir.starts, {"starts": starts + 1, "boot": boot_id()})
        return True

    @staticmethod
    def _starts(work_dir: WorkDir) -> tuple[int, str]:
        """How often the build was started, and the boot ID of the last start."""
        try:
            begun = json.loads(work_dir.starts.read_bytes())
            return int(begun["starts"]), str(begun["boot"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0, ""

    def _give_up(self, work_dir: WorkDir, why: str, stopped_by: StoppedBy = "interrupted") -> None:
        _note(f"{work_dir.attempt} is given up: {why}")
        result = new_result(work_dir.attempt)
        take_progress(work_dir, result)
        result["stopped_by"] = stopped_by
        result["message"] = why
        if stopped_by == "operator":
            # It went on until now; what ended with its host did not.
            with suppress(OSError):
                result["seconds"] = round(max(0.0, time.time() - work_dir.starts.stat().st_mtime), 1)
        clear_result(work_dir)
        finish(self._home, work_dir, result)

    def _start(self, attempt: str, alone: bool) -> None:
        if self._launcher is None:
            self._launcher = Launcher(self._home)
        self._launcher.start(attempt)
        self._running[attempt] = _Running(alone, time.monotonic())

    def _give_all_back(self) -> None:
        _note("stopping")
        kill_descendants()
        for attempt in self._running:
            work_dir = self._home.work_dir(attempt)
            self._settle(work_dir)
            self._clean(work_dir)
        self._running.clear()
        self._write_status()

    def _write_status(self) -> None:
        """Write `status.json`. If the disk is full, the old file stays, and its `beat` shows that it is old."""
        self._beat += 1
        now = time.monotonic()
        building: list[Building] = [
            {"attempt": attempt, "seconds": round(now - runner.since, 1)} for attempt, runner in self._running.items()
        ]
        status: WorkerStatus = {
            "schema": SCHEMA,
            "pid": os.getpid(),
            "beat": self._beat,
            "building": building,
            "queued": len(self._home.queued()),
        }
        with suppress(OSError):
            write_json(self._home.status, status, durable=False)


def start_worker(home: Path | str, lib_dir: Path | str, python: Path | str, parallel: int = 1) -> None:
    """Start a detached worker for `home`; if one runs already, the new one exits and the old one continues.

    `lib_dir` is the folder of the package `wheelfleet`; `python` (3.9 or newer) runs the worker, not the builds;
    `parallel` is the number of builds at once. On return a worker holds the lock. Raises NotReady.
    """
    here = BuilderHome(home)
    here.create()
    command = [
        str(python),
        "-S",
        "-m",
        "wheelfleet.builder.worker",
        str(here.path),
        "--detach",
        f"--parallel={parallel}",
    ]
    scope, variables = delegated_scope()
    if scope and _started(here, [*scope, *command, "--delegated"], lib_dir, variables):
        return
    if not _started(here, command, lib_dir, {}):
        said = here.log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        raise NotReady(f"The worker did not start ({said}); its log is {here.log}. Provision the builder again.")


def _started(home: BuilderHome, command: Sequence[str], lib_dir: Path | str, variables: Mapping[str, str]) -> bool:
    """Run a command that leaves a worker in the background; False if it fails. Raises NotReady if it cannot be run."""
    with home.log.open("ab") as log:
        if log.tell() > _LARGEST_LOG:
            log.truncate(0)
        try:
            started = subprocess.run(
                command,
                cwd=lib_dir,
                env={**worker_environment(), **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                check=False,
            )
        except OSError as error:
            why = f"The worker cannot be started with {command[0]} from {lib_dir}: {error.strerror}"
            raise NotReady(f"{why}; provision the builder.") from error
    return started.returncode == 0


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Build what lies in the inbox of a wheelfleet builder.")
    parser.add_argument("home", help="the builder's folder (builder_home)")
    parser.add_argument("--parallel", type=int, default=1, help="builds at once")
    parser.add_argument("--detach", action="store_true", help="go on in the background")
    parser.add_argument("--delegated", action="store_true", help="this process's control group is its own to divide")
    options = parser.parse_args(arguments)
    home = BuilderHome(options.home)
    home.create()
    if options.delegated:
        try:
            divide()
        except OSError as error:
            _note(f"builds are watched and not bounded by the kernel: their control groups cannot be made ({error})")
    # Lock before the fork, so that the lock is held as soon as this process is in the background.
    lock = os.open(home.lock, os.O_RDWR | os.O_CREAT, 0o644)
    locked = _lock(lock, patience=0)
    if options.detach and os.fork():
        return 0
    os.umask(0o022)
    if not locked and not _lock(lock, _PATIENCE):
        return 0
    worker = Worker(home, max(1, options.parallel))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    _note(f"worker {os.getpid()} begins, {options.parallel} builds at once")
    worker.work()
    _note(f"worker {os.getpid()} leaves")
    return 0


def _lock(lock: int, patience: float) -> bool:
    """Take the lock for as long as any process has the descriptor open; False if another worker keeps it."""
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        time.sleep(0.02)


def _note(line: str) -> None:
    print(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
