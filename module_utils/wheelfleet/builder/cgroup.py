"""Control groups that bound the memory and the processes of one command, wherever this user may make them.

Groups of version 2 can be delegated: systemd gives a worker that is started in a scope of its own (`delegated_scope`,
`divide`) a group below which it may make others. Where that is not to be had, root makes groups of either version.
See cgroups(7) and, for the rules of version 2, the kernel's admin-guide/cgroup-v2.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

#: Where the kernel's groups are: version 2, or a folder for each controller of version 1.
_TOP = Path("/sys/fs/cgroup")
_CONTROLLERS = ("memory", "pids")
_NAME = "wheelfleet-"
#: The group of the worker within its scope: only groups without processes may have limited ones in them (version 2).
_WORKER = f"{_NAME}worker"


class Group:
    """A control group: one folder in version 2, one for each controller in version 1."""

    def __init__(self) -> None:
        self.folders: list[Path] = []

    def join(self) -> None:
        """Put this process into it, and so all that it will start."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0", encoding="ascii")

    def refused_process(self) -> bool:
        """Whether the kernel has refused it a process."""
        return self._count("pids.events", b"max") > 0

    def ran_out_of_memory(self) -> bool:
        """Whether the kernel has ended one of its processes because together they wanted too much memory."""
        return self._count("memory.events", b"oom_kill") + self._count("memory.oom_control", b"oom_kill") > 0

    def _count(self, file: str, event: bytes) -> int:
        for folder in self.folders:
            with suppress(OSError):
                for line in (folder / file).read_bytes().splitlines():
                    if line.startswith(event + b" "):
                        return int(line.split()[1])
        return 0


def delegated_scope() -> tuple[list[str], dict[str, str]]:
    """Words to put before a command, and variables it then needs, by which systemd delegates a group to it.

    Nothing where the groups are not of version 2, or this user has no systemd with a say over memory, or one that ends
    with the user's last session: with it would end what it manages (loginctl(1), `enable-linger`).
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
    """Make room for the groups of commands in the one that was delegated to this process.

    Raises OSError where it was not.
    """
    scope = _own_group()
    worker = scope / _WORKER
    worker.mkdir()
    (worker / "cgroup.procs").write_text("0", encoding="ascii")
    (scope / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in _CONTROLLERS), encoding="ascii")


@contextmanager
def bounded(processes: int, memory: int) -> Iterator[Group]:
    """A new group with room for so many processes and threads, and bytes of memory; no folders where there can be none.

    What its files have in the page cache counts as memory, and is given up first. Swap counts as memory too, so that
    nothing is swapped out only to stay within the limit: that would take hours on an SD card before anybody knew.
    At the end the group goes, whose processes must have ended.
    """
    limits = {
        # In this order: of version 1's two the second may not be less than the first.
        "memory": {
            "memory.limit_in_bytes": memory,
            "memory.memsw.limit_in_bytes": memory,
            "memory.max": memory,
            # Version 2 has no limit for both together.
            "memory.swap.max": max(0, memory - os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
            "memory.oom.group": 1,
        },
        "pids": {"pids.max": processes},
    }
    group = Group()
    try:
        for parent, controllers in _parents():
            with suppress(OSError):
                # Not ours to make, as in many containers; or these controllers are not switched on here.
                group.folders.append(_limited(parent, [limits[name] for name in controllers]))
        yield group
    finally:
        for folder in group.folders:
            _remove(folder)


def _parents() -> list[tuple[Path, Sequence[str]]]:
    """Where this user may make groups, and which controllers they may have there."""
    with suppress(OSError):
        own = _own_group()
        if own.name == _WORKER:
            return [(own.parent, _CONTROLLERS)]
    if os.getuid() != 0:
        return []
    if (_TOP / "cgroup.procs").exists():
        return [(_TOP, _CONTROLLERS)]
    return [(_TOP / name, (name,)) for name in _CONTROLLERS]


def _limited(parent: Path, limits: Sequence[Mapping[str, int]]) -> Path:
    """A new group below `parent` with those limits that are known there. Raises OSError if there is none."""
    _sweep(parent)
    folder = parent / f"{_NAME}{os.getpid()}"
    folder.mkdir(exist_ok=True)
    try:
        known = {name: value for values in limits for name, value in values.items() if (folder / name).exists()}
        if not known:
            raise FileNotFoundError(f"no limits in {folder}")
        for name, value in known.items():
            (folder / name).write_text(f"{value}\n", encoding="ascii")
    except OSError:
        _remove(folder)
        raise
    return folder


def _own_group() -> Path:
    """The group of version 2 that this process is in. Raises OSError where there is none."""
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        if line.startswith("0::"):
            return _TOP / line[len("0::/") :]
    raise FileNotFoundError("no control group of version 2")


def _sweep(parent: Path) -> None:
    """Remove what killed supervisors have left."""
    for folder in parent.glob(f"{_NAME}[0-9]*"):
        # One that is empty may be another supervisor's, which is about to fill it.
        if not Path("/proc", folder.name[len(_NAME) :]).exists():
            _remove(folder)


def _remove(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
