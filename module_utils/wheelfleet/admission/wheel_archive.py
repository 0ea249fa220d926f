"""Untrusted zip archives, read so strictly that every other reader sees the same files in them.

Readers of zip files differ: some trust the central directory, some the headers before each file, some read the gaps.
Installers were attacked that way (CVE-2025-54368), and since 2025 PyPI refuses wheels that allow it. The rules here, in
addition to APPNOTE.TXT: each byte of the file belongs to exactly one entry or to the directory, both descriptions of an
entry agree, and no optional feature is used that readers treat differently. Python's zipfile tolerates all of that, so
this module parses the directory itself.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ..failure_classes import ClassName
from ..text import plain

_DIRECTORY_END = struct.Struct("<4s4H2LH")
_DIRECTORY_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_EXTRA_FIELD = struct.Struct("<2H")

_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_FOLLOW, _UTF8 = 0x1, 0x8, 0x800
_COMPRESSION_HINTS = 0x6
#: Extra fields that replace an entry's sizes (Zip64) or its name (Info-ZIP Unicode Path) for some readers.
_REPLACING_FIELDS = {0x0001: "Zip64 sizes", 0x7075: "a second name"}

#: Drive letters, backslashes and control characters.
_FOREIGN_PATH = re.compile(r"^[A-Za-z]:|[\\\x00-\x1f\x7f-\x9f]")

_CHUNK = 1 << 20


class Refused(Exception):
    """A builder's file is not admitted; the message is a sentence with the reason.

    `failure_class` is the attempt's failure class (see `failure_classes`).
    """

    def __init__(self, sentence: str, failure_class: ClassName = "refused") -> None:
        super().__init__(plain(sentence, 600))
        self.failure_class = failure_class


@dataclass(frozen=True)
class Limits:
    """The largest archive that is admitted. The defaults suffice for the largest wheels on PyPI."""

    #: Bytes of the file; must stay below 4 GiB, where Zip64 begins.
    size: int = 1 << 30
    #: Files and directories in it; must stay below 65,535, where Zip64 begins.
    entries: int = 50_000
    #: Bytes of all unpacked files, and their ratio to the archive's size.
    unpacked: int = 4 << 30
    ratio: int = 200
    #: Bytes of a path.
    path: int = 1024


@dataclass(frozen=True)
class Entry:
    """One file or directory of an archive; `mode` is as in stat(2), 0 if the archive has none."""

    name: str
    size: int
    mode: int
    packed_size: int
    crc: int
    deflated: bool
    #: Offsets of the entry and of its data.
    start: int
    data: int

    @property
    def is_directory(self) -> bool:
        return self.name.endswith("/")


class Archive:
    """An open archive with a checked structure; `entries` are in the order of the file."""

    def __init__(self, path: Path, limits: Limits) -> None:
        """Open the regular file `path`. Raises Refused."""
        try:
            # A builder may have sent a link or a pipe: do not follow it, do not block.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise Refused(f"{path.name} cannot be opened as a regular file: {error.strerror}.") from error
        self.name = path.name
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Refused(f"{self.name} is not a regular file.")
        except BaseException:
            os.close(descriptor)
            raise
        self.file = os.fdopen(descriptor, "rb")
        self.size = status.st_size
        try:
            if self.size > limits.size:
                raise Refused(f"{self.name} has {self.size} bytes; {limits.size} are allowed.")
            self.entries = self._read_entries(limits)
            self._check_paths()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def unpack(self, entry: Entry) -> Iterator[bytes]:
        """The entry's bytes in pieces. Raises Refused if size or CRC differ from the stated ones."""
        size = crc = 0
        for piece in self._inflated(entry) if entry.deflated else self._stored(entry):
            size += len(piece)
            if size > entry.size:
                raise self._damaged(f"{entry.name} unpacks to more than the {entry.size} bytes it states")
            crc = zlib.crc32(piece, crc)
            yield piece
        if (size, crc) != (entry.size, entry.crc):
            raise self._damaged(f"{entry.name} does not have the size and checksum it states")

    def read(self, entry: Entry, largest: int) -> bytes:
        """All bytes of an entry of at most `largest` bytes. Raises Refused."""
        if entry.size > largest:
            raise Refused(f"In {self.name}, {entry.name} has {entry.size} bytes; {largest} are allowed.")
        return b"".join(self.unpack(entry))

    def _stored(self, entry: Entry) -> Iterator[bytes]:
        end = entry.data + entry.packed_size
        for position in range(entry.data, end, _CHUNK):
            yield self._read_at(position, min(_CHUNK, end - position))

    def _inflated(self, entry: Entry) -> Iterator[bytes]:
        packed = self._stored(entry)
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        waiting = b""
        while not inflater.eof:
            waiting = waiting or next(packed, b"")
            try:
                piece = inflater.decompress(waiting, _CHUNK)
            except zlib.error as error:
                raise self._damaged(f"{entry.name} cannot be unpacked ({error})") from error
            if not piece and not waiting:
                raise self._damaged(f"{entry.name} ends in the middle")
            waiting = inflater.unconsumed_tail
            yield piece
        if inflater.unused_data or next(packed, b""):
            raise self._damaged(f"{entry.name} hides more data behind its end")

    def _damaged(self, what: str) -> Refused:
        return Refused(f"{self.name} is damaged: {what}.")

    def _read_entries(self, limits: Limits) -> list[Entry]:
        count, start = self._find_directory(limits)
        directory = self._read_at(start, self.size - _DIRECTORY_END.size - start)
        entries = []
        position = 0
        for _ in range(count):
            entry, position = self._read_entry(directory, position, limits)
            entries.append(entry)
        if position != len(directory):
            raise self._damaged("its directory is longer than its entries")
        entries.sort(key=lambda entry: entry.start)
        end = 0
        for entry in entries:
            if entry.start != end:
                raise self._damaged(f"there is something between its entries, before {entry.name}")
            end = entry.data + entry.packed_size
        if end != start:
            raise self._damaged("there is something between its last entry and its directory")
        unpacked = sum(entry.size for entry in entries)
        if unpacked > min(limits.unpacked, limits.ratio * max(self.size, _CHUNK)):
            raise Refused(f"{self.name} would unpack to {unpacked} bytes from {self.size}; that is too much.")
        return entries

    def _find_directory(self, limits: Limits) -> tuple[int, int]:
        """The number of entries, and the directory's offset. Raises Refused."""
        if self.size < _DIRECTORY_END.size:
            raise Refused(f"{self.name} is not a zip archive.")
        end = self._read_at(self.size - _DIRECTORY_END.size, _DIRECTORY_END.size)
        signature, disk, first_disk, here, count, size, start, comment = _DIRECTORY_END.unpack(end)
        if signature != b"PK\5\6" or comment:
            raise Refused(f"{self.name} is not a zip archive, or something follows it in the file.")
        if count > limits.entries:
            raise Refused(f"{self.name} has {count} entries; {limits.entries} are allowed.")
        if disk or first_disk or here != count or start + size + _DIRECTORY_END.size != self.size:
            raise self._damaged("its directory is not where it should be")
        # Limits the bytes that are read into memory: an entry has a header, a path and few extra fields.
        if size > count * (_DIRECTORY_ENTRY.size + limits.path + 256):
            raise self._damaged("its directory is longer than its entries")
        return count, start

    def _read_entry(self, directory: bytes, position: int, limits: Limits) -> tuple[Entry, int]:
        fixed_end = position + _DIRECTORY_ENTRY.size
        if fixed_end > len(directory):
            raise self._damaged("its directory ends in the middle")
        (
            signature, _, _, flags, method, time, date, crc, packed_size, size,
            name_length, extra_length, comment_length, disk, _, attributes, start,
        ) = _DIRECTORY_ENTRY.unpack_from(directory, position)  # fmt: skip
        extra_start = fixed_end + name_length
        next_entry = extra_start + extra_length
        if signature != b"PK\1\2" or disk or comment_length or next_entry > len(directory):
            raise self._damaged("its directory has an entry that cannot be read")
        raw_name = directory[fixed_end:extra_start]
        name = self._decode(raw_name, flags, limits)
        self._check_features(name, flags, method, directory[extra_start:next_entry])
        local = self._read_at(start, _LOCAL_HEADER.size)
        if len(local) < _LOCAL_HEADER.size:
            raise self._damaged(f"the data of {name} is not where it should be")
        local_signature, _, *described, local_name_length, local_extra_length = _LOCAL_HEADER.unpack(local)
        local_end = self._read_at(start + _LOCAL_HEADER.size, local_name_length + local_extra_length)
        local_name, local_extra = local_end[:local_name_length], local_end[local_name_length:]
        if local_signature != b"PK\3\4" or local_name != raw_name:
            raise self._damaged(f"its directory and its data have different names where {name} is")
        self._check_features(name, flags, method, local_extra)
        if described != [flags, method, time, date, crc, packed_size, size]:
            raise self._damaged(f"its directory and its data describe {name} differently")
        entry = Entry(
            name=name,
            size=size,
            mode=attributes >> 16,
            packed_size=packed_size,
            crc=crc,
            deflated=method == _DEFLATED,
            start=start,
            data=start + _LOCAL_HEADER.size + local_name_length + local_extra_length,
        )
        self._check_kind(entry)
        return entry, next_entry

    def _decode(self, raw: bytes, flags: int, limits: Limits) -> str:
        """The entry's name. Raises Refused if it is not ASCII and not marked as UTF-8, because readers then differ."""
        if len(raw) > limits.path:
            raise Refused(f"{self.name} contains a path of {len(raw)} bytes; {limits.path} are allowed.")
        try:
            return raw.decode("utf-8" if flags & _UTF8 else "ascii")
        except UnicodeDecodeError:
            raise self._damaged(f"the name {raw!r} in it is not UTF-8 and marked as such") from None

    def _check_features(self, name: str, flags: int, method: int, extra: bytes) -> None:
        if flags & _ENCRYPTED:
            raise Refused(f"In {self.name}, {name} is encrypted.")
        if flags & _SIZES_FOLLOW:
            raise Refused(f"In {self.name}, the size of {name} is only stated after its data (a data descriptor).")
        if flags & ~(_UTF8 | _COMPRESSION_HINTS) or method not in (_STORED, _DEFLATED):
            raise Refused(f"In {self.name}, {name} is packed in a way that not every installer can read.")
        while extra:
            kind, length = _EXTRA_FIELD.unpack(extra[:4]) if len(extra) >= 4 else (0, len(extra))
            if kind in _REPLACING_FIELDS or 4 + length > len(extra):
                what = _REPLACING_FIELDS.get(kind, "a broken extra field")
                raise Refused(f"In {self.name}, {name} has {what}, which installers read differently.")
            extra = extra[4 + length :]

    def _check_kind(self, entry: Entry) -> None:
        allowed = stat.S_IFDIR if entry.is_directory else stat.S_IFREG
        if stat.S_IFMT(entry.mode) not in (0, allowed):
            raise Refused(f"In {self.name}, {entry.name} is a link or another special file.")
        if entry.is_directory and entry.size:
            raise Refused(f"In {self.name}, the directory {entry.name} has contents of its own.")

    def _check_paths(self) -> None:
        for entry in self.entries:
            parts = entry.name.removesuffix("/").split("/")
            if not {"", ".", ".."}.isdisjoint(parts) or _FOREIGN_PATH.search(entry.name):
                raise Refused(f"{self.name} contains the path {entry.name!r}, which is not a plain relative one.")
        # "/" sorts lowest, so that the paths below a name directly follow it. Case matters: on Linux X.h and x.h are
        # two files, and real packages have both.
        ordered = sorted(self.entries, key=lambda entry: entry.name.removesuffix("/").replace("/", "\0"))
        for entry, following in pairwise(ordered):
            same = entry.name.removesuffix("/") == following.name.removesuffix("/")
            if same or following.name.startswith(f"{entry.name}/"):
                raise Refused(f"{self.name} contains {entry.name} twice, or as a file and a directory.")

    def _read_at(self, position: int, length: int) -> bytes:
        return os.pread(self.file.fileno(), length, position)
