"""Waits for changes in folders by Linux's inotify, so that a test acts at the moment of a change."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

_CREATED, _DELETED, _MOVED = 0x100, 0x200, 0xC0
_HEADER = struct.Struct("iIII")
_libc = ctypes.CDLL(None, use_errno=True)


class FolderEvents:
    """Creations, deletions and renames in some folders (not below them)."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        for folder in folders:
            if _libc.inotify_add_watch(self._descriptor, bytes(folder), _CREATED | _DELETED | _MOVED) < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch", str(folder))

    def wait(self, number: int, seconds: float) -> int:
        """Wait for `number` events, or until none comes for `seconds`; returns the number of events."""
        came = 0
        while came < number and select.select([self._descriptor], [], [], seconds)[0]:
            # Room for one event with the longest name; the others stay for the next read.
            data = os.read(self._descriptor, _HEADER.size + 256)
            while data:
                length = _HEADER.size + _HEADER.unpack_from(data)[3]
                data = data[length:]
                came += 1
        return came

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
