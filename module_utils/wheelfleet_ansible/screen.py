"""The terminal: lines of output, and below them a block of lines that is redrawn."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from wheelfleet.engine.terminal import terminal


class Screen:
    """Prints lines above the block.

    It replaces Display.display in the main process, because Ansible calls no plugin before it prints: its lines would
    be printed into the block.
    """

    def __init__(self, display: Any) -> None:
        #: The time of the last line, in seconds since the epoch.
        self.printed_at = time.time()
        self._main_process = os.getpid()
        self._lock = threading.RLock()
        self._drawn = 0
        self._print = display.display
        display.display = self._print_above

    def say(self, line: str) -> None:
        """Print a line of ours."""
        self._print_above(line, stderr=terminal.stdout_is_taken)

    def draw(self, lines: Sequence[str]) -> None:
        """Replace the block by these lines."""
        with self._lock:
            self.erase()
            if lines:
                sys.stdout.write("".join(f"{line}\n" for line in lines))
                sys.stdout.flush()
                self._drawn = len(lines)

    def erase(self) -> None:
        """Remove the block."""
        with self._lock:
            if self._drawn:
                # Up to the block's first line, then clear to the end of the screen.
                sys.stdout.write(f"\x1b[{self._drawn}F\x1b[J")
                sys.stdout.flush()
                self._drawn = 0

    def _print_above(self, *args: Any, **kwargs: Any) -> None:
        # Forked processes send their lines to the main process, which calls this again.
        if os.getpid() != self._main_process:
            self._print(*args, **kwargs)
            return
        with self._lock:
            self.erase()
            self.printed_at = time.time()
            self._print(*args, **kwargs)
