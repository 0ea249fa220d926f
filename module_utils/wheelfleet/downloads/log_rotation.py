"""Reads each line of a log once, however the log is rotated.

A log is a file and its earlier files: renamed, copied, compressed, at last removed. Neither name nor inode identifies a
file, but its contents do: its first line and the last bytes counted of it. Two rules allow for changes by hand:

- If one file is the beginning of another, it is a copy, complete or not, and is ignored.
- A counted file that is missing was removed, or edited and is not recognised. So in files without a position, lines of
  its time count as read. (A new file that begins in the second in which a counted one ended loses that second's lines,
  if no reading saw both.)
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

#: Bytes of a line, at most. nginx accepts request lines of 8 KiB; longer lines are garbage and are not kept in memory.
LONGEST_LINE = 1 << 16
#: Bytes before an offset that identify it.
_MARK = 4096
#: The endings of rotated logs: numbered or dated, compressed or not.
_ROTATED = re.compile(r"([.-][0-9]+)*(\.gz)?")
#: A file's beginning, to its first line of 60 characters or more. The log's own lines are longer; shorter ones, written
#: by hand, may begin many files.
_BEGINNING = re.compile(rb"(?:.{0,59}\n)*.{60,}\n")
#: gzip keeps the size in four bytes (RFC 1952).
_SIZES = 1 << 32


class Unreadable(Exception):
    """A log exists but this user may not read it; the message is its path."""


class Position(NamedTuple):
    """The position up to which a file was counted."""

    #: Hashes of the file's beginning, and of its last bytes before `offset` with `offset`.
    head: str
    #: Bytes counted, all of complete lines; uncompressed.
    offset: int
    #: The time of the newest line counted, in seconds since the epoch; 0 if no line had a time.
    at: float


class LogFile:
    """An open file of a log."""

    def __init__(self, stream: BinaryIO, *, compressed: bool) -> None:
        self.size = os.fstat(stream.fileno()).st_size
        self.compressed = compressed
        if compressed:
            if self.size > 4:
                stream.seek(-4, os.SEEK_END)
                self.size = int.from_bytes(stream.read(4), "little")
                stream.seek(0)
            self._stream: BinaryIO = gzip.GzipFile(fileobj=stream)  # type: ignore[assignment]
        else:
            self._stream = stream
        self._window, self._window_end = b"", 0
        first = next(self._chunks(0, LONGEST_LINE), b"")
        found = _BEGINNING.match(first)
        #: The hash of the file up to the end of the first line that identifies it; None while there is no such line.
        self.beginning = _digest(found[0] if found else first) if found or len(first) == LONGEST_LINE else None

    def was_counted(self, position: Position) -> bool:
        """Whether the position is one of this file."""
        if position.head.partition(".")[0] != self.beginning:
            return False
        # A file that was counted to its end before its compression need not be unpacked.
        if self.compressed and self.size == position.offset % _SIZES:
            return True
        before = self._before(position.offset)
        return before is not None and self._head(position.offset, before) == position.head

    def begins_with(self, other: LogFile) -> bool:
        """Whether `other` is a beginning of this file."""
        end = other._before(other.size)
        return end is not None and other.beginning == self.beginning and end == self._before(other.size)

    def lines(self, offset: int) -> Iterator[tuple[bytes, int]]:
        """Each complete line after `offset`, and the offset after it. A line that is too long is empty."""
        rest, skipped = b"", 0
        window, window_end = self._before(offset) or b"", offset
        for chunk in self._chunks(offset, LONGEST_LINE):
            window, window_end = window[-_MARK:] + chunk, window_end + len(chunk)
            *complete, rest = (rest + chunk).split(b"\n")
            if complete:
                self._window, self._window_end = window, window_end
            for line in complete:
                offset += skipped + len(line) + 1
                yield b"" if skipped or len(line) > LONGEST_LINE else line, offset
                skipped = 0
            if len(rest) > LONGEST_LINE:
                skipped += len(rest) - 1
                rest = rest[:1]

    def position(self, offset: int, at: float) -> Position:
        """The position after the last line that `lines` yielded, from the bytes read: the file may have changed."""
        before = self._window[: len(self._window) - (self._window_end - offset)][-_MARK:]
        return Position(self._head(offset, before), offset, at)

    def _head(self, offset: int, before: bytes) -> str:
        return f"{self.beginning}.{_digest(before + str(offset).encode())}"

    def _before(self, offset: int) -> bytes | None:
        start = max(0, offset - _MARK)
        found = b"".join(self._chunks(start, offset - start, once=True))
        return found if len(found) == offset - start else None

    def _chunks(self, offset: int, size: int, *, once: bool = False) -> Iterator[bytes]:
        """Pieces of `size` bytes from `offset`; with `once` only one. A damaged compressed file ends at the damage."""
        piece = b""
        with suppress(EOFError, zlib.error, gzip.BadGzipFile):
            self._stream.seek(offset)
            while read := self._stream.read1(size - len(piece)):  # type: ignore[attr-defined]
                piece += read
                if len(piece) == size:
                    yield piece
                    if once:
                        return
                    piece = b""
        if piece:
            yield piece


def open_log(log: Path, files: ExitStack) -> list[LogFile]:
    """The files of a log that have a beginning, the oldest first; empty without a log. Raises Unreadable.

    They are closed with `files`. All are opened before one is read, so that a rotation meanwhile does no harm.
    """
    try:
        names = {path.name for path in log.parent.iterdir() if path.name.startswith(log.name)}
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise Unreadable(str(log.parent)) from error
    opened: dict[tuple[int, int], tuple[int, str, LogFile]] = {}
    for name in sorted(names):
        # During compression both files exist.
        if not _ROTATED.fullmatch(name[len(log.name) :]) or name.removesuffix(".gz") in names - {name}:
            continue
        path = log.parent / name
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                continue
            stream = files.enter_context(path.open("rb"))
        except FileNotFoundError:
            continue
        except PermissionError as error:
            raise Unreadable(str(path)) from error
        found = os.fstat(stream.fileno())
        # A file that is renamed meanwhile may be opened by both names.
        opened[found.st_dev, found.st_ino] = (
            found.st_mtime_ns,
            name,
            LogFile(stream, compressed=name.endswith(".gz")),
        )
    return [file for _, _, file in sorted(opened.values(), key=lambda each: each[:2]) if file.beginning is not None]


class ReadFrom(NamedTuple):
    """The files to read, each from its position."""

    #: Each file with its position; None: nothing of it was counted.
    files: list[tuple[LogFile, Position | None]]
    #: Positions in files that are missing.
    lost: list[Position]

    @property
    def counted_until(self) -> float:
        """Lines of files without a position count as read unless they are newer (seconds since the epoch)."""
        return max((position.at for position in self.lost), default=0.0)


def find_positions(files: Sequence[LogFile], counted: Sequence[Position]) -> ReadFrom:
    """Match the files with the positions up to which they were counted."""
    originals: list[LogFile] = []
    for file in sorted(files, key=lambda file: file.size, reverse=True):
        if not any(original.begins_with(file) for original in originals if original.beginning == file.beginning):
            originals.append(file)
    latest_first = sorted(counted, key=lambda position: position.offset, reverse=True)
    places = [
        (file, next((position for position in latest_first if file.was_counted(position)), None))
        for file in files
        if file in originals
    ]
    found = {position for _, position in places}
    return ReadFrom(places, [position for position in counted if position not in found])


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
