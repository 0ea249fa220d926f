"""Makes zip archives byte by byte, so that each field can be wrong."""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class RawEntry:
    """An entry of an archive; each field can be wrong."""

    name: bytes
    data: bytes
    local_name: bytes | None = None
    method: int = 8
    packed: bytes | None = None
    flags: int = 0
    crc: int | None = None
    size: int | None = None
    local_size: int | None = None
    extra: bytes = b""
    local_extra: bytes = b""
    mode: int = stat.S_IFREG | 0o644
    offset: int | None = None
    in_directory: bool = True
    comment: bytes = b""


def raw_zip(
    entries: Sequence[RawEntry], *, before: bytes = b"", after: bytes = b"", comment: bytes = b"", more: int = 0
) -> bytes:
    """The bytes of an archive; `more` is added to its number of entries."""
    body, directory = bytearray(before), bytearray()
    for entry in entries:
        packed = entry.packed
        if packed is None:
            deflate = zlib.compressobj(wbits=-15)
            packed = deflate.compress(entry.data) + deflate.flush() if entry.method == 8 else entry.data
        size = len(entry.data) if entry.size is None else entry.size
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        common = (entry.flags, entry.method, 0, 33, crc, len(packed))
        local_name = entry.name if entry.local_name is None else entry.local_name
        local_size = size if entry.local_size is None else entry.local_size
        start = len(body) if entry.offset is None else entry.offset
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, *common, local_size, len(local_name), len(entry.local_extra))
        body += local_name + entry.local_extra + packed
        if entry.in_directory:
            lengths = (len(entry.name), len(entry.extra), len(entry.comment))
            rest = (*lengths, 0, 0, entry.mode << 16, start)
            directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", 0x314, 20, *common, size, *rest)
            directory += entry.name + entry.extra + entry.comment
    count = sum(entry.in_directory for entry in entries) + more
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), len(comment))
    return bytes(body + directory) + end + comment + after
