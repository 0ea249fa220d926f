"""The lock of builders' tools: the exact version of each, for every Python and machine, in a file that people can read.

Without it each builder would keep what its index had on its first day, and two builders would repair one wheel to other
bytes. The lock of the default requirements comes with wheelfleet. Another one is made by uv from the index that the
controller's pip is configured for, and kept in the state folder; a newer one in wheelfleet takes precedence over it.

    python -m wheelfleet.engine.tool_lock                     # for developers: renew the one that comes with wheelfleet
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.version import Version

from ..atomic_files import write_atomically
from ..upstream.pip_config import PipConfigError, pip_settings, redacted

#: The lock of the role's default requirements.
SHIPPED = Path(__file__).resolve().parents[3] / "roles" / "builder" / "files" / "tools.txt"
#: The folder of the other locks, in the state folder; each is named by a digest of its requirements.
FOLDER = "tools"
#: The oldest Python that builds.
OLDEST_PYTHON = "3.9"

_TITLE = (
    "# The exact versions of builders' tools, written by playbooks/tools.yml; change builder_tool_requirements instead."
)
_LOCKED = "# Locked on "
_FOR = "#   "


class LockError(Exception):
    """The tools cannot be locked; the message has the reason and the cure."""


@dataclass(frozen=True)
class ToolLock:
    """`requirements` as in builder_tool_requirements, and the lines with their exact versions (PEP 508)."""

    requirements: tuple[str, ...]
    versions: tuple[str, ...]
    #: The day on which the versions were chosen, as in ISO 8601; "" for none.
    day: str = ""

    @property
    def text(self) -> str:
        """The file, as `from_text` reads it and pip as constraints."""
        head = [_TITLE, f"{_LOCKED}{self.day} for", *(f"{_FOR}{each}" for each in self.requirements)]
        return "".join(f"{line}\n" for line in [*head, *self.versions])

    @classmethod
    def from_text(cls, text: str) -> ToolLock:
        """The lock in a file."""
        lines = text.splitlines()
        day = next((line for line in lines if line.startswith(_LOCKED)), "").removeprefix(_LOCKED).partition(" ")[0]
        return cls(
            tuple(line.removeprefix(_FOR) for line in lines if line.startswith(_FOR)),
            tuple(line for line in lines if line and not line.startswith("#")),
            day,
        )


def path_of(state_dir: Path, requirements: Sequence[str]) -> Path:
    """Where the lock of these requirements is kept, unless it is the one that comes with wheelfleet."""
    digest = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
    return state_dir / FOLDER / f"{digest}.txt"


def known_lock(state_dir: Path, requirements: Sequence[str]) -> tuple[Path, ToolLock] | None:
    """The newest lock of exactly these requirements, with its file; None without one."""
    found = []
    for path in (path_of(state_dir, requirements), SHIPPED):
        try:
            lock = ToolLock.from_text(path.read_text(encoding="utf-8"))
        except OSError:
            continue
        if lock.requirements == tuple(requirements):
            found.append((path, lock))
    return max(found, key=lambda each: each[1].day, default=None)


def lock_tools(
    state_dir: Path, requirements: Sequence[str], *, renew: bool = False, check: bool = False
) -> tuple[Path, ToolLock, ToolLock | None]:
    """The lock of these requirements, made if it is missing, and with `renew` with the newest versions there are.

    Returns its file, the lock, and the lock before. In check mode it writes nothing. Raises LockError.
    """
    before = known_lock(state_dir, requirements)
    if before is not None and not renew:
        return *before, before[1]
    path = path_of(state_dir, requirements)
    with _alone(path, check):
        # Another host's task may have made it meanwhile.
        before = known_lock(state_dir, requirements)
        if before is not None and not renew:
            return *before, before[1]
        # A new lock shares the versions of the shipped one, so that tools are the same on all builders.
        lock = resolve(requirements, () if renew else _shipped().versions)
        if before is not None and before[1].versions == lock.versions:
            return *before, before[1]
        if not check:
            write_atomically(path, lock.text.encode())
    return path, lock, before[1] if before else None


def resolve(requirements: Sequence[str], preferred: Sequence[str] = ()) -> ToolLock:
    """Ask the controller's index for the exact versions; `preferred` ones stay if they fit. Raises LockError."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder, "requirements.txt"), Path(folder, "locked.txt")
        asked.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
        # uv keeps the versions of the file that it writes.
        answer.write_text("".join(f"{line}\n" for line in preferred), encoding="utf-8")
        # For every Python and machine at once. The oldest Python decides nothing for newer ones.
        command = [_uv(), "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON]
        command += ["--python", sys.executable, "--no-header", "--no-annotate", "--no-emit-index-url"]
        command += ["--output-file", str(answer), str(asked)]
        ran = subprocess.run(
            command, env=_environment(), capture_output=True, text=True, errors="replace", timeout=600, check=False
        )
        if ran.returncode:
            raise LockError(
                f"The versions of the tools ({', '.join(requirements)}) cannot be locked: {_complaint(ran.stderr)} "
                "Check builder_tool_requirements, and that the controller reaches the index its pip is configured for."
            )
        lines = [line.strip() for line in answer.read_text(encoding="utf-8").splitlines()]
    today = datetime.now(timezone.utc).date().isoformat()
    return ToolLock(tuple(requirements), tuple(line for line in lines if line and not line.startswith("#")), today)


def policies_apart(interpreters: Mapping[str, Mapping[str, Any]], ours: str | None = None) -> str | None:
    """A sentence if the controller judges wheels by older policies than those by which builders repair them.

    `interpreters` are those of a report, `ours` is the version of the controller's auditwheel. An older auditwheel on a
    builder, as on Python 3.9, does no harm: its tags promise less.
    """
    here = Version(ours or metadata.version("auditwheel"))
    found = [Version(its["tools"]["auditwheel"]) for its in interpreters.values() if "auditwheel" in its["tools"]]
    if not found or max(found) <= here:
        return None
    return (
        f"Builders repair wheels by auditwheel {max(found)}, and the controller judges them by {here}, which may "
        f"refuse tags that are right; renew the controller's: {sys.executable} -m pip install --upgrade auditwheel."
    )


def _uv() -> str:
    try:
        import uv

        return str(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        raise LockError(
            f"uv is missing for {sys.executable}; install the controller's requirements.txt again (make build)."
        ) from None


def _environment() -> dict[str, str]:
    """uv's environment, with the settings of the controller's pip. Raises LockError."""
    try:
        settings = pip_settings()
    except PipConfigError as error:
        raise LockError(str(error)) from error
    variables = {
        **os.environ,
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        # As in pip, all indexes have the same rank, and the system's certificates are trusted.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_SYSTEM_CERTS": "1",
        "UV_HTTP_TIMEOUT": str(int(settings.timeout)),
    }
    if settings.index_url is None:
        variables["UV_NO_INDEX"] = "1"
    else:
        variables["UV_DEFAULT_INDEX"] = settings.index_url
    more = {
        "UV_INDEX": " ".join(url for url in settings.extra_index_urls if not _is_missing_folder(url)),
        "UV_INSECURE_HOST": " ".join(settings.trusted_hosts),
        "SSL_CERT_FILE": settings.cert or "",
        "SSL_CLIENT_CERT": settings.client_cert or "",
        "ALL_PROXY": settings.proxy or "",
    }
    return {**variables, **{name: value for name, value in more.items() if value}}


def _is_missing_folder(url: str) -> bool:
    """Whether it is an index of files that is not there: pip passes it over, and uv stops."""
    return url.startswith("file://") and not Path(url.removeprefix("file://")).is_dir()


def _complaint(said: str) -> str:
    """What uv says, in one line and without passwords."""
    text = " ".join(re.sub(r"[×╰─▶│├]+", " ", redacted(said)).split())
    text = text.removeprefix("error: ").strip()[:500]
    return text if text.endswith(".") else f"{text or 'uv gave no reason'}."


@contextmanager
def _alone(path: Path, check: bool) -> Iterator[None]:
    """Wait until no other task of this controller makes this lock; in check mode nothing is made."""
    if check:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _shipped() -> ToolLock:
    return ToolLock.from_text(SHIPPED.read_text(encoding="utf-8"))


def _renew_shipped() -> None:
    write_atomically(SHIPPED, resolve(_shipped().requirements).text.encode())


if __name__ == "__main__":
    _renew_shipped()
