"""A program on a pseudo-terminal: the screen that a person would see, the keys they press, and the bytes it cost."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte


class Terminal:
    """A context manager; the program has ended when it does. `sent` counts the bytes that it sent to the terminal."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        environment: Mapping[str, str],
        cwd: Path | None = None,
    ) -> None:
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self.sent = 0
        self.data = b""
        self._hung_up = False
        self._master, slave = pty.openpty()
        self._set_size(*size)
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=dict(environment), cwd=cwd, start_new_session=True
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if not self._hung_up:
            os.close(self._master)

    def lines(self) -> list[str]:
        """The screen, without the spaces at the ends of its lines."""
        return [line.rstrip() for line in self.screen.display]

    def text(self) -> str:
        return "\n".join(self.lines())

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does. The program gets no signal, because it leads no session."""
        os.close(self._master)
        self._hung_up = True

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        self._set_size(columns, rows)
        self.screen.resize(rows, columns)
        self.process.send_signal(signal.SIGWINCH)

    def until(self, condition: Callable[[str], object], seconds: float = 20) -> str:
        """Read on until the screen shows what is waited for; returns its text."""
        end = time.monotonic() + seconds
        while not condition(self.text()):
            assert time.monotonic() < end, f"after {seconds} s the screen shows:\n{self.text()}"
            self._read(0.1)
        return self.text()

    def read_for(self, seconds: float) -> int:
        """Read for some seconds; returns the number of bytes."""
        before, end = self.sent, time.monotonic() + seconds
        while time.monotonic() < end:
            self._read(end - time.monotonic())
        return self.sent - before

    def finish(self, seconds: float = 10) -> int:
        """Read to the end of the program; its exit status."""
        end = time.monotonic() + seconds
        while self._read(0.1) and time.monotonic() < end:
            continue
        return self.process.wait(max(end - time.monotonic(), 0.1))

    def _read(self, seconds: float) -> bool:
        if not select.select([self._master], [], [], max(seconds, 0))[0]:
            return True
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:
            # The program has ended.
            return False
        self.sent += len(data)
        self.data += data
        self._stream.feed(data)
        return bool(data)

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
