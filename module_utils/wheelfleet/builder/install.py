"""Makes a host a builder: its folders, and a tool environment for each interpreter. See `worker_code` for its code."""

from __future__ import annotations

import fcntl
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from ..atomic_files import write_atomically
from ..contract.report import Target
from . import probe
from .folders import BuilderHome


class InstallError(Exception):
    """The host cannot become a builder; the message has the reason and the cure."""


def check_commands() -> None:
    """Raise InstallError if the host has no command that the controller asks it by; Debian always has it."""
    if shutil.which("flock") is None:
        raise InstallError(
            "This host has no command flock, by which the controller sees whether builds go on; install util-linux."
        )


def check_modules(needed: Sequence[str] = ("bz2", "ctypes", "lzma", "ssl", "zlib")) -> None:
    """Raise InstallError if the running Python, which the worker runs with, is less than a distribution's.

    One that somebody compiled has no modules for the libraries that were not installed there.
    """
    lacking = []
    for name in needed:
        try:
            importlib.import_module(name)
        except ImportError:
            lacking.append(name)
    if lacking:
        raise InstallError(
            f"The Python that Ansible uses on this host ({sys.executable}) was compiled without {', '.join(lacking)}, "
            "which the worker needs; name the system's own by ansible_python_interpreter, or compile this one again "
            "with the development files of these libraries."
        )


def make_folders(home: Path, check: bool = False) -> list[str]:
    """Make the folders of a builder; returns the missing ones, and only these in check mode. Raises NotReady."""
    here = BuilderHome(home)
    missing = [str(folder) for folder in (here.inbox, here.work, here.outbox) if not folder.is_dir()]
    if missing and not check:
        here.create()
    return missing


def tool_environment(
    home: Path, interpreter: str, requirements: Sequence[str], versions: Sequence[str] = (), check: bool = False
) -> dict[str, Any]:
    """Make the interpreter's tool environment with `requirements` (pip, uv and more), by its venv, if it is missing.

    `versions` are the lines of the lock (pip's constraints), by which all builders install the same; with another lock
    it is made again. Returns {"tools": its Python, "interpreter": the real path, "changed": bool, "target": as `probe`
    describes it, "versions": those of the tools by name}. In check mode the interpreter itself describes a missing
    environment. Raises InstallError.
    """
    identity = _identify(interpreter)
    folder = home / "tools" / identity["soabi"]
    tools = folder / "bin" / "python"
    stamp = folder / "wheelfleet.json"
    wanted = {
        "interpreter": identity["executable"],
        "version": identity["version"],
        "requirements": list(requirements),
        "versions": list(versions),
    }
    with nullcontext() if check else _alone(folder):
        target = _describe(tools) if stamp.is_file() and _read(stamp) == wanted else None
        current = target is not None
        if target is None:
            if not check:
                _make_environment(folder, identity["executable"], requirements, versions)
                # After a power cut there must be no stamp without its environment.
                os.sync()
                write_atomically(stamp, json.dumps(wanted).encode())
            target = probe.describe_target(identity["executable"] if check else str(tools))
    return {
        "tools": str(tools),
        "interpreter": identity["executable"],
        "changed": not current,
        "target": target,
        "versions": installed_versions(folder) if current or not check else {},
    }


def installed_versions(environment: Path) -> dict[str, str]:
    """The versions of what a virtual environment has, by normalised name, read from the names of its folders."""
    found = {}
    # PyPy 3.10 and older has no folder lib/pypy3.10/.
    for folder in sorted(environment.glob("lib/*/site-packages/*.dist-info")):
        name, _, version = folder.name.removesuffix(".dist-info").partition("-")
        found[re.sub(r"[-_.]+", "-", name).lower()] = version
    return found


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process makes this environment: that of a run that was killed goes on for a while."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _describe(tools: Path) -> Target | None:
    """The target of the environment's Python; None if it is missing or damaged and must be made again."""
    try:
        return probe.describe_target(str(tools)) if tools.exists() else None
    except probe.ProbeError:
        return None


def _make_environment(folder: Path, interpreter: str, requirements: Sequence[str], versions: Sequence[str]) -> None:
    made = subprocess.run(
        [interpreter, "-m", "venv", "--clear", str(folder)],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if made.returncode:
        raise InstallError(
            f"{interpreter} cannot make a virtual environment in {folder} ({_complaint(made)}); "
            "install its venv module (on Debian: apt-get install python3-venv) or remove it from builder_pythons."
        )
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    lock = folder / "lock.txt"
    lock.write_text("".join(f"{line}\n" for line in versions), encoding="utf-8")
    installed = subprocess.run(
        [*pip, "--upgrade", "--constraint", str(lock), *requirements],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if installed.returncode:
        raise InstallError(
            f"pip could not install {', '.join(requirements)} for {interpreter} ({_complaint(installed)}); "
            "check that this host reaches the index its pip is configured for, and that it has the locked versions "
            "(playbooks/tools.yml chooses others)."
        )


def _identify(interpreter: str) -> dict[str, str]:
    """The real interpreter behind a command, its version, and the tag of its extension modules. Raises InstallError."""
    code = (
        "import json, os, sys, sysconfig, platform\n"
        "print(json.dumps({'executable': os.path.realpath(getattr(sys, '_base_executable', '') or sys.executable),"
        " 'version': platform.python_version(),"
        " 'soabi': sysconfig.get_config_var('SOABI') or sys.implementation.cache_tag}))"
    )
    try:
        found = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        identity: dict[str, str] = json.loads(found.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        detail = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
        raise InstallError(
            f"builder_pythons names {interpreter}, which does not run on this host ({detail}); "
            "install it or correct the name."
        ) from error
    return identity


def _complaint(run: subprocess.CompletedProcess[str]) -> str:
    """The first error of pip or venv, which names the cause; else the last line, as for a crash of Python."""
    lines = [line.strip() for line in (run.stdout + run.stderr).splitlines() if line.strip()]
    first = [line for line in lines if line.startswith(("ERROR:", "The virtual environment was not created"))]
    return [*first[:1], *lines[-1:], f"exit status {run.returncode}"][0]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
