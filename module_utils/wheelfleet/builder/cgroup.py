"""Control groups that limit the memory and processes of one command, if this user may make them.

Groups of version 2 can be delegated: systemd starts a worker in its own scope (`delegated_scope`, `divide`), below
which the worker may make groups. Otherwise root makes groups of either version. See cgroups(7) and, for version 2, the
kernel's admin-guide/cgroup-v2.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

#: The kernel's groups: version 2, or a folder for each controller of version 1.
_TOP = Path("/sys/fs/cgroup")
_CONTROLLERS = ("memory", "pids")
_NAME = "wheelfleet-"
#: The worker's group within its scope, because in version 2 a group with processes has no limited subgroups.
_WORKER = f"{_NAME}worker"
#: Groups of commands.
_COMMAND = f"{_NAME}build-"


class Group:
    """A control group: one folder in version 2, one for each controller in version 1, none without limits."""

    def __init__(self) -> None:
        self.folders: list[Path] = []

    def join(self) -> None:
        """Move this process into the group; its children will be in it, too."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0", encoding="ascii")

    def refused_process(self) -> bool:
        """Whether the kernel refused it a process because of the limit."""
        return self._count("pids.events", b"max") > 0

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel killed one of its processes because of the memory limit."""
        return self._count("memory.events", b"oom_kill") + self._count("memory.oom_control", b"oom_kill") > 0

    def _count(self, file: str, event: bytes) -> int:
        for folder in self.folders:
            with suppress(OSError):
                for line in (folder / file).read_bytes().splitlines():
                    if line.startswith(event + b" "):
                        return int(line.split()[1])
        return 0


def delegated_scope() -> tuple[list[str], dict[str, str]]:
    """A command prefix, and its variables, by which systemd delegates a group to the command.

    Both are empty without version 2, or if this user's systemd does not control memory. They are also empty if it ends
    with the user's last session, because it would end its scopes, too (loginctl(1), `enable-linger`).
    """
    user = os.getuid()
    runtime = Path(f"/run/user/{user}")
    managed = Path(f"user.slice/user-{user}.slice/user@{user}.service")
    manager, group = (Path("/run"), _TOP) if user == 0 else (runtime, _TOP / managed)
    try:
        controllers = (group / "cgroup.controllers").read_text(encoding="ascii").split()
        stays = user == 0 or Path("/var/lib/systemd/linger", pwd.getpwuid(user).pw_name).exists()
    except (OSError, KeyError):
        return [], {}
    program = shutil.which("systemd-run")
    if program is None or not stays or "memory" not in controllers or not (manager / "systemd/private").exists():
        return [], {}
    words = [program, "--scope", "--quiet", "--collect", "--property=Delegate=yes", "--description=wheelfleet builds"]
    return ([*words, "--"], {}) if user == 0 else ([*words, "--user", "--"], {"XDG_RUNTIME_DIR": str(runtime)})


def divide() -> None:
    """Prepare the group that was delegated to this process for groups of commands.

    Raises OSError if none was delegated.
    """
    scope = _own_group()
    worker = scope / _WORKER
    worker.mkdir()
    (worker / "cgroup.procs").write_text("0", encoding="ascii")
    (scope / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in _CONTROLLERS), encoding="ascii")


@contextmanager
def bounded(processes: int, memory: int) -> Iterator[Group]:
    """A new group limited to so many processes and threads, and bytes of memory; without folders if impossible.

    The page cache of its files counts as memory, and is freed first. Swap counts, too, so that nothing is swapped out
    to stay within the limit, because that would take hours on an SD card. The group is removed at the end, when its
    processes must have ended.
    """
    limits = {
        # In this order, because in version 1 memsw may not be less than the limit without swap.
        "memory": {
            "memory.limit_in_bytes": memory,
            "memory.memsw.limit_in_bytes": memory,
            "memory.max": memory,
            # Version 2 has no common limit.
            "memory.swap.max": max(0, memory - os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
            "memory.oom.group": 1,
        },
        "pids": {"pids.max": processes},
    }
    group = Group()
    with ExitStack() as stack:
        for parent, controllers in _parents():
            with suppress(OSError):
                # Not permitted, as in many containers, or these controllers are not enabled.
                group.folders.append(stack.enter_context(_limited(parent, [limits[name] for name in controllers])))
        yield group


def _parents() -> list[tuple[Path, Sequence[str]]]:
    """The groups in which this user may make others, each with its controllers."""
    with suppress(OSError):
        own = _own_group()
        if own.name == _WORKER:
            return [(own.parent, _CONTROLLERS)]
    if os.getuid() != 0:
        return []
    if (_TOP / "cgroup.procs").exists():
        return [(_TOP, _CONTROLLERS)]
    return [(_TOP / name, (name,)) for name in _CONTROLLERS]


@contextmanager
def _limited(parent: Path, limits: Sequence[Mapping[str, int]]) -> Iterator[Path]:
    """A new group below `parent` with those limits that exist there. Raises OSError if none does."""
    _sweep(parent)
    folder, lock = _new(parent)
    try:
        known = {name: value for values in limits for name, value in values.items() if (folder / name).exists()}
        if not known:
            raise FileNotFoundError(f"no limits in {folder}")
        for name, value in known.items():
            (folder / name).write_text(f"{value}\n", encoding="ascii")
        yield folder
    finally:
        _remove(folder)
        os.close(lock)


def _new(parent: Path) -> tuple[Path, int]:
    """A new group, and the lock that keeps it from being swept as long as this process lives. Raises OSError."""
    while True:
        # Containers may share their groups without seeing each other's processes, so a process ID is not unique.
        folder = parent / f"{_COMMAND}{os.getpid()}-{os.urandom(8).hex()}"
        folder.mkdir()
        try:
            return folder, _lock(folder)
        except (BlockingIOError, FileNotFoundError):
            # Another process swept it before it was locked.
            continue


def _lock(folder: Path) -> int:
    """Lock a group. Raises BlockingIOError if another process has locked it, FileNotFoundError if it is gone."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder.stat()
    except OSError:
        os.close(lock)
        raise
    return lock


def _own_group() -> Path:
    """This process's group of version 2. Raises OSError without one."""
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        if line.startswith("0::"):
            return _TOP / line[len("0::/") :]
    raise FileNotFoundError("no control group of version 2")


def _sweep(parent: Path) -> None:
    """Remove the groups of killed supervisors, whose locks have ended with them."""
    for folder in parent.glob(f"{_COMMAND}*"):
        with suppress(OSError):
            lock = _lock(folder)
            _remove(folder)
            os.close(lock)


def _remove(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
