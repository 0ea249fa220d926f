"""Forks the runners of a worker: `python -m wheelfleet.builder.launcher HOME SOCKET WORKER`.

A runner is a process of its own, because all its descendants count as its build's. Its start and its imports take as
long as a tenth of a small build, so this process makes them once, and each runner is a fork of it.

The worker asks by lines over SOCKET, a descriptor: `start ATTEMPT` and `kill ATTEMPT`. The answer is `ended ATTEMPT`,
once for each start. This process ends with the worker, whose process ID is WORKER, and runners end with this process.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from ..processes import HOME_MARK, die_with_parent, reap
from . import forked
from .attempt import LIBRARY
from .env_vars import worker_environment
from .folders import BuilderHome
from .supervise import notice_of_children


class Launcher:
    """The worker's end: a launcher process, and the attempts that it runs."""

    def __init__(self, home: BuilderHome) -> None:
        self._socket, other = socket.socketpair()
        self._socket.setblocking(False)
        self._said = b""
        command = [sys.executable, "-S", "-m", __name__, str(home.path), str(other.fileno()), str(os.getpid())]
        with other:
            self._process = subprocess.Popen(
                command,
                cwd=LIBRARY,
                env={**worker_environment(), HOME_MARK: str(home.path)},
                stdin=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
            )
        self.pid = self._process.pid

    def fileno(self) -> int:
        """The descriptor that becomes readable when a runner has ended, or this launcher."""
        return self._socket.fileno()

    def start(self, attempt: str) -> None:
        """Start a runner. Raises OSError when the launcher has ended."""
        self._ask("start", attempt)

    def kill(self, attempt: str) -> None:
        """Kill a runner; it is no error if it has ended."""
        with suppress(OSError):
            self._ask("kill", attempt)

    def ended(self) -> list[str] | None:
        """The attempts whose runners have ended since the last call; None when the launcher itself has ended."""
        while True:
            try:
                said = self._socket.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError:
                return None
            if not said:
                return None
            self._said += said
        *lines, self._said = self._said.split(b"\n")
        return [line.decode().partition(" ")[2] for line in lines]

    def close(self) -> None:
        """End the launcher, and its runners with it."""
        self._process.kill()
        self._process.wait()
        self._socket.close()

    def _ask(self, what: str, attempt: str) -> None:
        self._socket.sendall(f"{what} {attempt}\n".encode())


def main(arguments: Sequence[str]) -> int:
    # The worker, which imports this file, needs none of it.
    from . import runner

    home, descriptor, worker = arguments
    die_with_parent(signal.SIGKILL, int(worker))
    running: dict[int, str] = {}
    heard = b""
    with (
        socket.socket(fileno=int(descriptor)) as asked,
        notice_of_children() as notice,
        selectors.DefaultSelector() as selector,
    ):
        selector.register(asked, selectors.EVENT_READ)
        selector.register(notice, selectors.EVENT_READ)
        launcher = os.getpid()

        def run(attempt: str) -> None:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            selector.close()
            asked.close()
            # By its folder one sees whose runner a process is.
            os.chdir(BuilderHome(home).work_dir(attempt).path)
            sys.exit(runner.main(home, attempt, launcher))

        def obey(what: str, attempt: str) -> None:
            if what == "start":
                running[forked.fork(lambda: run(attempt))] = attempt
                return
            for process in [process for process, other in running.items() if other == attempt]:
                os.kill(process, signal.SIGKILL)

        while True:
            for key, _ in selector.select():
                if key.fd == notice:
                    os.read(notice, 4096)
                    continue
                said = asked.recv(1 << 16)
                if not said:
                    return 0
                *lines, heard = (heard + said).split(b"\n")
                for line in lines:
                    what, _, attempt = line.decode().partition(" ")
                    obey(what, attempt)
            ended: dict[int, int] = {}
            reap(ended)
            for attempt in [running.pop(process) for process in ended]:
                asked.sendall(f"ended {attempt}\n".encode())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
