"""One run at a time: the lock is the living ansible-playbook process itself.

The lock file names a process by pid, start time and boot; it is held exactly as long as that process lives, so a
killed run leaves nothing to clean up and a reused pid is not mistaken for it. Linux only (/proc), as Ansible's
controllers here are.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class RunBusy(Exception):
    """Another run is at work; the message names it."""


def take_run_lock(state_dir: Path, pid: int) -> str:
    """Let process `pid` hold the run lock; returns the run's id. Raises RunBusy while another living process does.

    Taking it again for the same process gives the same id.
    """
    folder = state_dir / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        # The flock is held only while looking and writing: two runs started at once look one after the other.
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        holder = _parse(file.read())
        me = _identity(pid)
        if holder and all(holder.get(key) == value for key, value in me.items()):
            return str(holder["run"])
        if holder and _identity(int(holder["pid"])) == {key: holder.get(key) for key in ("pid", "start", "boot")}:
            since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(float(holder.get("since", 0))))
            raise RunBusy(
                f"Another run of build.yml is at work on {state_dir} (process {holder['pid']}, since {since}); "
                "wait until it has ended, or end it, then start this one again."
            )
        now = time.time()
        run = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{pid}"
        file.seek(0)
        file.truncate()
        json.dump({**me, "since": now, "run": run}, file)
        file.flush()
        return run


def _parse(text: str) -> Mapping[str, Any] | None:
    try:
        holder = json.loads(text)
    except ValueError:
        return None  # a new file, or one a power cut left half-written: nobody who wrote it lives
    return holder if isinstance(holder, dict) and isinstance(holder.get("pid"), int) else None


def _identity(pid: int) -> dict[str, Any]:
    """What tells this process from every other, before and after; empty for a process that does not live."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return {}
    state, *fields = stat.rpartition(")")[2].split()
    if state == "Z":
        return {}
    return {"pid": pid, "start": int(fields[18]), "boot": boot}


def parent_is_alive(parent: int) -> bool:
    """Whether the process that forked this one still lives: a forked worker outlives a killed controller otherwise."""
    return os.getppid() == parent
