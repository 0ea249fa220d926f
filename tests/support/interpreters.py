"""Finds the Pythons of this machine that can build."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

_NAMES = ("python3", *(f"python3.{minor}" for minor in range(9, 16)), "pypy3")
_OLDER_NAMES = ("python2.7", "python3.6", "python3.7", "python3.8")
_QUESTION = """
import ctypes, ensurepip, json, os, platform, sys, venv
executable = os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable)
print(json.dumps([sys.version_info >= (3, 9), platform.python_implementation(), sys.version_info[:3], executable]))
"""


@lru_cache(maxsize=1)
def interpreters() -> list[Path]:
    """The Pythons 3.9 or newer that can make virtual environments, the oldest first, one of each version."""
    candidates = [Path(getattr(sys, "_base_executable", sys.executable)), *_called(_NAMES)]
    found_by_version: dict[tuple[str, tuple[int, ...]], Path] = {}
    for candidate in dict.fromkeys(candidates):
        answer = _ask(candidate)
        if answer is not None:
            implementation, version, executable = answer
            found_by_version.setdefault((implementation, version), executable)
    return [found_by_version[key] for key in sorted(found_by_version)]


def free_threaded() -> list[Path]:
    """The CPythons without a GIL, the oldest first: commands such as `python3.14t`, also in folders of /opt."""
    found = [python for python in _called(f"python3.{minor}t" for minor in range(13, 16)) if _ask(python) is not None]
    return list(dict.fromkeys(python.resolve() for python in found))


def older_interpreters() -> list[Path]:
    """Pythons older than 3.9; most machines have none."""
    return [python for python in _called(_OLDER_NAMES) if "shims" not in python.parts]


def _called(names: Iterable[str]) -> list[Path]:
    names = list(names)
    folders = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    # pyenv's commands run one version at a time; the others are in their folders.
    folders += sorted(Path.home().glob(".pyenv/versions/*/bin"))
    folders += sorted(Path("/opt").glob("*/bin"))
    return [Path(found) for folder in folders for name in names if (found := shutil.which(name, path=folder))]


def cpythons() -> list[Path]:
    """The CPythons among `interpreters()`."""
    return [python for python in interpreters() if python.name.startswith("python")]


def _ask(python: Path) -> tuple[str, tuple[int, ...], Path] | None:
    try:
        asked = subprocess.run([python, "-c", _QUESTION], capture_output=True, text=True, timeout=300, check=False)
        new_enough, implementation, version, executable = json.loads(asked.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
    return (implementation, tuple(version), Path(executable)) if new_enough else None
