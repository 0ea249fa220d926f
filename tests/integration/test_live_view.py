"""The live view on a real terminal, as a person sees it: read through a terminal emulator."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte

from tests.integration.test_killed import GATE
from tests.support import sdists
from tests.support.operator import REPOSITORY, Operator
from tests.support.upstream import Upstream


class Terminal:
    """A run of build.yml on a pseudo-terminal, and the screen a person would be looking at."""

    def __init__(self, operator: Operator) -> None:
        self.screen = pyte.HistoryScreen(250, 40, history=1000)
        self.stream = pyte.ByteStream(self.screen)
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            operator.command(),
            cwd=REPOSITORY,
            env={**operator.environment, "TERM": "xterm", "COLUMNS": "250", "LINES": "40"},
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)

    def lines(self) -> list[str]:
        """What is on the screen now, without empty lines."""
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def until(self, condition: Callable[[list[str]], object], seconds: float = 60) -> list[str]:
        """Read on until the screen shows what is waited for."""
        end = time.monotonic() + seconds
        while not condition(self.lines()):
            assert time.monotonic() < end, "\n".join(self.lines())
            if select.select([self.master], [], [], 0.2)[0]:
                self._read()
        return self.lines()

    def finish(self) -> list[str]:
        """Read to the end of the run; everything a person can scroll back to."""
        while self._read():
            pass
        self.process.wait()
        above = ["".join(line[x].data for x in range(250)).rstrip() for line in self.screen.history.top]
        return [line for line in above if line] + self.lines()

    def _read(self) -> bool:
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other end is closed: the run has ended
            return False
        self.stream.feed(data)
        return bool(data)


@contextmanager
def terminal(operator: Operator) -> Iterator[Terminal]:
    running = Terminal(operator)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        os.close(running.master)


def test_the_view_shows_who_builds_what_and_leaves_no_trace(operator: Operator, upstream: Upstream, tmp_path: Path):
    upstream.add_release(sdists.pure_sdist("slow", "1.0", script=GATE.format(gate=str(tmp_path / "gate"))))
    for number in range(3):
        upstream.add_release(sdists.pure_sdist(f"quick{number}", "1.0"))
    operator.variables |= {
        "controller_packages": ["slow", "quick0", "quick1", "quick2"],
        "builder_parallel": 2,
        # The gate is outside of the builds' own folders.
        "builder_sandbox": False,
    }
    with terminal(operator) as seen:
        lines = seen.until(
            lambda lines: (
                any("-- 3 built, 0 failed, 1 left, expected end " in line for line in lines)
                and any(line.startswith("  localhost: slow 1.0 for cp") for line in lines)
            )
        )
        assert sum("-- " in line for line in lines) == 1, "one block, drawn in place"
        (tmp_path / "gate").touch()
        everything = seen.finish()
        assert seen.process.returncode == 0
    assert not [line for line in everything if line.startswith(("-- ", "  localhost: slow"))]
    assert sum(" localhost built " in line for line in everything) == 4
    assert everything[-1].startswith(("python3", "~/env/bin/pip")), "the line to paste; long ones are wrapped"
