"""Runs commands, and helper processes that are found again by name, never by a reused PID."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.settings import REPOSITORY, Settings


class LabError(Exception):
    """The lab cannot do something; the message is one sentence, with the failed command's output."""


def sh(*command: object, check: bool = True) -> str:
    """Run a command; returns its output, errors included. Raises LabError if it fails, unless `check` is false."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if check and done.returncode:
        raise LabError(f"{shlex.join(words)} ended with {done.returncode}: {done.stdout}")
    return done.stdout


def lab_command(*arguments: str) -> list[str]:
    """The command `python -m tests.lab` with these arguments, for the checkout's folder."""
    return [sys.executable, "-m", "tests.lab", *arguments]


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """For preexec_fn: this process gets a signal when the parent's forking thread ends."""
    ctypes.CDLL(None).prctl(1, number)  # PR_SET_PDEATHSIG


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return None


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    fields = _stat(pid)
    return fields is not None and fields[0] != "Z"


class Helpers:
    """The background processes of one lab, each in its own session, with a PID file by name in the state folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[object], log: Path, *, ignored: signal.Signals | None = None) -> None:
        """Start a helper; its output is appended to the file `log`. It ignores a signal until it handles it itself."""

        def ignore() -> None:
            if ignored is not None:
                signal.signal(ignored, signal.SIG_IGN)

        with log.open("ab") as file:
            child = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                cwd=REPOSITORY,
                env={**os.environ, **self._settings.environment},
                preexec_fn=ignore,
            )
        self._children[child.pid] = child
        fields = _stat(child.pid)
        # PID and start time together identify a process.
        self._file(name).write_text(f"{child.pid} {fields[19] if fields else 0}")

    def pid(self, name: str) -> int | None:
        """The helper's PID; None if it is not running."""
        try:
            pid, start = self._file(name).read_text().split()
        except (OSError, ValueError):
            return None
        fields = _stat(int(pid))
        return int(pid) if fields and fields[0] != "Z" and fields[19] == start else None

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal if the helper is running."""
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self, name: str) -> None:
        """Kill the helper; returns when it has ended."""
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            child = self._children.pop(pid, None)
            if child is not None:
                child.wait()
            while alive(pid):
                time.sleep(0.01)
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._settings.state / f"{name}.pid"
