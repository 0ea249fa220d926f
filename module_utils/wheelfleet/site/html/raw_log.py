"""Reads the part of a compressed log that a page shows, in one pass and bounded, even if the log is huge or damaged."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

#: Bytes kept of the beginning, the middle and the end. The end has more than the bytes that admission/classify.py reads
#: for evidence (`LOG_END`).
HEAD_BYTES, MIDDLE_BYTES, TAIL_BYTES = 40_000, 20_000, 140_000
#: Longer lines lose their middle.
LONGEST_LINE = 4000
_CUT = b" [the middle of this long line is left out] "
#: Bytes of a line's markup on the page.
_LINE_COST = 20

#: Uncompressed bytes read, at most: a few kilobytes may be a decompression bomb.
MOST_READ = 256 << 20
#: Compressed and uncompressed bytes read at once.
_PIECE, _BLOCK = 1 << 14, 1 << 14

#: Signs of errors in lines of compilers, linkers, build tools and Python's exceptions.
_SIGNS = (
    *("rror:", "RROR:", "rror[", "Error\n", "xception:", "CMake Error", "] Error ", "FAILED:"),
    *("undefined reference to", "cannot find -l", "command not found", "No space left on device"),
    *("Segmentation fault", "Killed"),
)
_SIGNS_IN_BYTES = tuple(sign.encode() for sign in _SIGNS)
_BEFORE, _AFTER = 3, 5


def looks_like_error(line: str) -> bool:
    """Whether a line (without its newline) looks like an error: a guess, good enough to mark it."""
    ended = f"{line}\n"
    return any(sign in ended for sign in _SIGNS)


@dataclass
class RawLog:
    #: The lines kept, by number from 1, ascending; without newlines, not decoded.
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    #: The number of all lines.
    total: int = 0
    #: One sentence if the log could not be read to its end.
    problem: str = ""


def read_log(file: BinaryIO, *, errors: bool, sought: Collection[str] = ()) -> RawLog:
    """Read the beginning and the end of a gzip file of text, about 200 kB at most. Never raises on content.

    With `errors`, also the first lines between them that look like errors, and, just before the end, the lines
    `sought`, each with some lines around it.
    """
    log = RawLog()
    head_room = HEAD_BYTES
    middle, before_end = (_Excerpts(MIDDLE_BYTES if errors else 0) for _ in range(2))
    window: deque[tuple[int, list[bytes], int]] = deque()
    window_size = 0
    for lines in _blocks_of_lines(_unpacked(file, log)):
        number, log.total = log.total + 1, log.total + len(lines)
        if head_room > 0:
            many = _how_many_fit(lines, head_room)
            log.lines += enumerate(lines[:many], number)
            head_room = head_room - _cost(lines) if many == len(lines) else 0
            number, lines = number + many, lines[many:]
        window.append((number, lines, sum(map(len, lines)) + len(lines)))
        window_size += window[-1][2]
        while window_size - window[0][2] > TAIL_BYTES:
            number, lines, size = window.popleft()
            window_size -= size
            middle.take(number, lines)
    end = [line for _, lines, _ in window for line in lines]
    many = _how_many_fit(end[::-1], TAIL_BYTES)
    before_end.take(log.total - len(end) + 1, end[: len(end) - many], {line.encode() for line in sought})
    log.lines += middle.lines
    log.lines += before_end.lines
    log.lines += enumerate(end[len(end) - many :], log.total - many + 1)
    return log


class _Excerpts:
    """The first errors among lines that are not shown otherwise, with the lines around them, within `room` bytes."""

    def __init__(self, room: int) -> None:
        self.lines: list[tuple[int, bytes]] = []
        self._room = room

    def take(self, number: int, lines: Sequence[bytes], sought: Collection[bytes] = ()) -> None:
        if self._room <= 0:
            return
        text = b"\n".join((*lines, b""))
        if not sought and not any(sign in text for sign in _SIGNS_IN_BYTES):
            return
        shown = 0
        for index, line in enumerate(lines):
            ended = line + b"\n"
            if any(sign in ended for sign in _SIGNS_IN_BYTES) or line.rstrip() in sought:
                begin = max(shown, index - _BEFORE)
                around = lines[begin : index + 1 + _AFTER]
                self._room -= _cost(around)
                if self._room < 0:
                    return
                self.lines += enumerate(around, number + begin)
                shown = max(shown, begin + len(around))


def _cost(lines: Sequence[bytes]) -> int:
    return sum(map(len, lines)) + _LINE_COST * len(lines)


def _how_many_fit(lines: Sequence[bytes], room: int) -> int:
    for many, line in enumerate(lines):
        room -= len(line) + _LINE_COST
        if room < 0:
            return many
    return len(lines)


def _blocks_of_lines(blocks: Iterator[bytes]) -> Iterator[list[bytes]]:
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        if lines:
            yield [line if len(line) <= LONGEST_LINE else _shortened(line) for line in lines]
        if len(rest) > 4 * LONGEST_LINE:
            rest = _shortened(rest)
    if rest:
        yield [_shortened(rest) if len(rest) > LONGEST_LINE else rest]


def _shortened(line: bytes) -> bytes:
    half = LONGEST_LINE // 2
    end = line[-half:]
    overwritten = end.rstrip(b"\r").find(b"\r")
    return line[:half] + _CUT + end if overwritten < 0 else end[overwritten + 1 :]


def _unpacked(file: BinaryIO, log: RawLog) -> Iterator[bytes]:
    """The bytes of a gzip file as far as they can be read, in blocks; sets `log.problem` if that is not all."""
    unpacker, read = zlib.decompressobj(wbits=31), 0
    while data := file.read(_PIECE):
        while data:
            if unpacker.eof:
                unpacker = zlib.decompressobj(wbits=31)
            before = unpacker.copy()
            try:
                block = unpacker.decompress(data, _BLOCK)
            except zlib.error:
                yield from _rescued(before, data)
                log.problem = "The log is damaged: what could be read of it is shown."
                return
            yield block
            read += len(block)
            if read >= MOST_READ:
                log.problem = "The log is too large to be shown to its end."
                return
            data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not unpacker.eof:
        yield unpacker.flush()
        log.problem = "The log breaks off: what could be read of it is shown."


def _rescued(unpacker: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """The bytes of a damaged piece before the damage."""
    try:
        for position in range(len(data)):
            yield unpacker.decompress(data[position : position + 1])
    except zlib.error:
        return
