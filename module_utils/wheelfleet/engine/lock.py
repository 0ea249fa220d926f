"""One run at a time: the run's main process holds a kernel lock on a file of the state folder for as long as it lives.

The lock (flock(2)) belongs to the open file. It ends with the last process that has the file open, so a killed run
leaves nothing to clean up. It works between containers and pid namespaces that share the folder. The file's text names
the holder for people; no run is refused because of it alone.

Ansible runs each task in a process that ends with the task. The task that takes the lock therefore hands the open file
to the main process (SCM_RIGHTS, unix(7)), by a socket pair made before the fork. On the way the kernel holds it.
"""

from __future__ import annotations

import calendar
import fcntl
import json
import os
import platform
import signal
import socket
import time
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .filesystems import network_filesystem

#: Seconds to wait for processes of a killed run, most of which notice its end within seconds; then they are killed.
LEFT_BEHIND = 30.0
#: Seconds for which the killed ones are waited for.
LAST_PATIENCE = 5.0
#: Seconds for which somebody who only asks whether the lock is held may hold up who takes it.
ASKING = 0.5


class RunBusy(Exception):
    """This run cannot have the folder for itself; the message names the reason and the cure."""


class Handover:
    """Passes open files from a forked process to the one that made this before the fork."""

    def __init__(self) -> None:
        self._out, self._in = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._out.setblocking(False)

    def give(self, descriptor: int) -> None:
        """Pass an open file; the caller may end then."""
        socket.send_fds(self._in, [b"."], [descriptor])

    def take(self) -> list[int]:
        """The file descriptors passed since the last call; programs that this process starts do not inherit them."""
        taken = array("i")
        with suppress(BlockingIOError):
            while True:
                # socket.recv_fds ignores the flag (Python 3.11).
                _, ancillary, _, _ = self._out.recvmsg(1, socket.CMSG_LEN(taken.itemsize), socket.MSG_CMSG_CLOEXEC)
                for _, _, data in ancillary:
                    taken.frombytes(data)
        return list(taken)


#: Made by the main process (the callback plugin), before it forks the process that takes the lock.
handover: Handover | None = None


def take_run_lock(
    state_dir: Path,
    pid: int,
    say: Callable[[str], None] = lambda sentence: None,
    patience: float = LEFT_BEHIND,
    site: Path | None = None,
) -> tuple[str, int | None]:
    """Lock the folder for the run whose main process is `pid`; returns the run's ID and the locked file's descriptor.

    The descriptor is None if that run holds the lock already. `say` gets a sentence about processes of a killed run
    that it waits for, at most `patience` seconds; then it kills them. `site` is kept in the file for
    `engine/interrupted`. Raises RunBusy while another run holds the lock, and for a folder on a network file system.
    """
    folder = state_dir / "run"
    folder.mkdir(parents=True, exist_ok=True)
    kind = network_filesystem(folder)
    if kind:
        raise RunBusy(
            f"The controller's folder {state_dir} is on a network file system ({kind}), where neither locks nor the "
            "catalog are safe; set controller_state_dir to a folder on a disk of this machine."
        )
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        run = _take(descriptor, folder, pid, say, patience)
    except BaseException:
        os.close(descriptor)
        raise
    if run is not None:
        os.close(descriptor)
        return run, None
    now = time.time()
    run = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{pid}"
    os.ftruncate(descriptor, 0)
    about = {**_identity(pid), "since": now, "run": run, "site": str(site or state_dir / "site")}
    os.pwrite(descriptor, json.dumps(about).encode(), 0)
    return run, descriptor


def run_at_work(state_dir: Path) -> str | None:
    """The ID of the run whose main process lives; None if there is none."""
    run = last_run(state_dir)
    return run.run if run and run.lives else None


@dataclass(frozen=True)
class LastRun:
    """A run; `since` is in epoch seconds. Of a run in another container `lives` is whether its lock is held."""

    run: str
    since: float
    lives: bool


def last_run(state_dir: Path) -> LastRun | None:
    """The last run; None if there was none, or its folder cannot be read."""
    file = state_dir / "run" / "lock"
    try:
        holder = _parse(file.read_bytes())
        since = float(holder.get("since", 0))
        if not holder.get("run"):
            return None
        # In a container the service has another boot ID too, because its sandbox has its own view of /proc/sys.
        lives = _same(holder, _identity(holder["pid"])) if _here(holder) else is_held(file)
    except (OSError, TypeError, ValueError):
        return None
    return LastRun(str(holder["run"]), since, lives)


def is_held(file: Path) -> bool:
    """Whether a process anywhere on this machine holds this file locked. Raises OSError."""
    with file.open("rb") as asking:
        try:
            fcntl.flock(asking, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _take(descriptor: int, folder: Path, pid: int, say: Callable[[str], None], patience: float) -> str | None:
    """Take the lock; returns this run's ID if the run holds it already, else None. Raises RunBusy."""
    state_dir = folder.parent
    began = time.monotonic()
    until, told, ended = began + patience, False, False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return None
        except BlockingIOError:
            holder = _parse(os.pread(descriptor, 4096, 0))
        if holder.get("run") and _same(holder, _identity(pid)):
            return str(holder["run"])
        # The main process is gone, but processes that it forked still live.
        left_behind = _here(holder) and not _same(holder, _identity(int(holder["pid"])))
        if not left_behind:
            if time.monotonic() - began < ASKING:
                time.sleep(0.05)
                continue
            raise RunBusy(
                f"Another run of build.yml is at work on {state_dir} ({_describe(holder)}); "
                "wait until it has ended, or have it end (playbooks/end.yml), then start this one again."
            )
        if time.monotonic() > until and not ended:
            # Ansible's workers wait for ever once nobody reads their results.
            ended, until = True, time.monotonic() + LAST_PATIENCE
            if killed := _kill_holders(folder / "lock"):
                say(f"killed what still ran of it: {_processes(killed)}")
        if time.monotonic() > until:
            raise RunBusy(
                f"A run of build.yml on {state_dir} was killed ({_describe(holder)}), and processes that it had "
                f"started are still at work; fuser -v {folder / 'lock'} names them. Start this one again when they "
                "have ended."
            )
        if not told:
            say(f"waits, {patience:.0f} s at most, for what a killed run ({_describe(holder)}) had started to end")
            told = True
        time.sleep(0.1)


def _kill_holders(lock: Path) -> list[int]:
    """Kill the processes that have the locked file open, but for this one; returns those that could be killed.

    Not those that only read it: the kernel says which open file holds the lock (proc_pid_fdinfo(5)).
    """
    killed = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        with suppress(OSError):
            if any(_holds(process, descriptor, lock) for descriptor in (process / "fd").iterdir()):
                os.kill(int(process.name), signal.SIGKILL)
                killed.append(int(process.name))
    return killed


def _holds(process: Path, descriptor: Path, lock: Path) -> bool:
    with suppress(OSError):
        if descriptor.samefile(lock):
            lines = (process / "fdinfo" / descriptor.name).read_text().splitlines()
            return any(line.startswith("lock:") and "FLOCK" in line and "WRITE" in line for line in lines)
    return False


def _processes(pids: list[int]) -> str:
    return f"process{'es' if len(pids) > 1 else ''} {', '.join(map(str, sorted(pids)))}"


def _describe(holder: Mapping[str, Any]) -> str:
    if not holder:
        return "it has not yet said which"
    where = "" if _here(holder) else f" on {holder.get('host')}, in another container or machine than this one"
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(float(holder.get("since", 0))))
    return f"process {holder['pid']}{where}, since {since}"


def _parse(text: bytes) -> Mapping[str, Any]:
    """The holder of the lock; empty for a new file, and for one that is being written."""
    try:
        holder = json.loads(text)
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) and isinstance(holder.get("pid"), int) else {}


def _here(holder: Mapping[str, Any]) -> bool:
    """Whether the holder's pid is valid in this pid namespace and boot."""
    return bool(holder) and all(holder.get(key) == value for key, value in _place().items())


def _same(holder: Mapping[str, Any], identity: Mapping[str, Any]) -> bool:
    return bool(identity) and all(holder.get(key) == value for key, value in identity.items())


def _place() -> dict[str, Any]:
    """Where pids are valid: this boot of this machine, and this namespace (pid_namespaces(7))."""
    return {
        "host": platform.node(),
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        "namespace": str(Path("/proc/self/ns/pid").readlink()),
    }


def _identity(pid: int) -> dict[str, Any]:
    """An identity of a process that no other one has, before or after; empty if the process does not live."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return {}
    state, *fields = stat.rpartition(")")[2].split()
    if state == "Z":
        return {}
    return {**_place(), "pid": pid, "start": int(fields[18])}


def began(run: str) -> float:
    """When the run began, from its ID, in epoch seconds."""
    return calendar.timegm(time.strptime(run.partition("-")[0], "%Y%m%dT%H%M%SZ"))


def parent_is_alive(parent: int) -> bool:
    """Whether the process that forked this one still lives. Without this check a worker outlives a killed run."""
    return os.getppid() == parent
