"""Tool environments as on a builder: a virtual environment with pip and uv for each interpreter.

Each takes seconds to make, so they are kept in pytest's cache folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import sys
from functools import cache
from pathlib import Path

import yaml
from wheelfleet.builder.install import tool_environment
from wheelfleet.engine.tool_lock import SHIPPED, ToolLock

_CACHE = Path(__file__).resolve().parents[2] / ".pytest_cache" / "d" / "tools"
_DEFAULTS = Path(__file__).resolve().parents[2] / "roles" / "builder" / "defaults" / "main.yml"
_REQUIREMENTS = tuple(yaml.safe_load(_DEFAULTS.read_text())["builder_tool_requirements"])
_VERSIONS = ToolLock.from_text(SHIPPED.read_text()).versions


@cache
def tools(interpreter: Path | None = None) -> Path:
    """The Python of the tool environment for `interpreter` (default: the tests' own). Raises InstallError."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    python = Path(interpreter or base).resolve()
    key = hashlib.sha256(f"{python} {python.stat().st_mtime} {_REQUIREMENTS} {_VERSIONS}".encode()).hexdigest()[:12]
    home = _CACHE / f"{python.name}-{key}"
    home.mkdir(parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        # Other processes may be making the same environment.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return Path(tool_environment(home, str(python), _REQUIREMENTS, _VERSIONS)["tools"])
