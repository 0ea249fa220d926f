"""A wheel's archive is admitted only if every reader of zip files sees the same harmless files in it."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.admission.wheel_check import Limits

from tests.support.raw_wheels import ANSWER, check, contents, entries_of, packed, refusal
from tests.support.raw_zips import RawEntry, raw_zip


@pytest.mark.parametrize(
    "path",
    [
        "a\\b.py",
        "C:evil.py",
        "c:/evil.py",
        "./demo2.py",
        "a//b.py",
        "a/./b.py",
        "a/../b.py",
        "..",
        "/",
        "a\nb.py",
        "a\x9bb.py",
    ],
)
def test_a_path_that_is_not_plain_and_relative_is_refused(tmp_path: Path, path: str) -> None:
    assert "path" in str(refusal(tmp_path, packed(more={path: b""})))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
def test_links_and_special_files_are_refused(tmp_path: Path, kind: int) -> None:
    entries = entries_of(contents())
    entries[0].mode = kind | 0o777
    assert "special file" in str(refusal(tmp_path, raw_zip(entries)))


def test_a_name_that_is_a_file_and_a_directory_is_refused(tmp_path: Path) -> None:
    assert "file and a directory" in str(refusal(tmp_path, packed(more={"demo.py/x.py": b"", "demo.py-x": b""})))
    assert "file and a directory" in str(refusal(tmp_path, packed(more={"demo.py/": b""})))


def flawed(**changes: Any) -> bytes:
    """The archive with changes to its first entry, demo.py; RECORD leaves its size open."""
    record = contents()["demo-1.0.dist-info/RECORD"].decode().replace(f",{len(ANSWER)}\n", ",\n")
    entries = entries_of(contents(record=record))
    for field, value in changes.items():
        setattr(entries[0], field, value)
    return raw_zip(entries)


def deflated(data: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(data) + deflate.flush()


@pytest.mark.parametrize(
    ("archive", "named"),
    [
        (flawed(flags=0x1), "encrypted"),
        (flawed(flags=0x8), "data descriptor"),
        (flawed(flags=0x2000), "packed in a way"),
        (flawed(method=12, packed=ANSWER), "packed in a way"),
        (flawed(extra=struct.pack("<2HQQ", 1, 16, 12, 12)), "Zip64"),
        (flawed(local_extra=struct.pack("<2HQQ", 1, 16, 12, 12)), "Zip64"),
        (flawed(extra=struct.pack("<2HBL", 0x7075, 12, 1, 0) + b"evil.py"), "second name"),
        (flawed(extra=b"\x55\x54\xff\xff"), "broken extra field"),
        (flawed(extra=b"\x55"), "broken extra field"),
        (flawed(comment=b"hello"), "cannot be read"),
        (flawed(local_name=b"evil.py"), "different names"),
        (flawed(local_size=13), "differently"),
        (flawed(size=13), "size and checksum"),
        (flawed(size=11), "more than the 11 bytes"),
        (flawed(packed=deflated(ANSWER) + b"hidden"), "hides more data"),
        (flawed(packed=deflated(ANSWER) + deflated(b"x" * (3 << 20))), "hides more data"),
        (flawed(packed=deflated(ANSWER)[:-3]), "ends in the middle"),
        (flawed(packed=b"\xff" * 20), "cannot be unpacked"),
        (flawed(method=0, packed=ANSWER + b"hidden"), "more than the 12 bytes"),
        (flawed(name=b"d\xe9mo.py"), "not UTF-8"),
        (flawed(name=b"d\xe9mo.py", flags=0x800), "not UTF-8"),
        (flawed(name=b"demo/", data=b"x", mode=stat.S_IFDIR), "contents of its own"),
        (flawed(crc=1), "size and checksum"),
        (flawed(in_directory=False), "between"),
        (flawed(offset=7), "different names"),
        (flawed(offset=0xFFFFFF00), "not where it should be"),
        (raw_zip(entries_of(contents()), before=b"MZ"), "between"),
        (raw_zip(entries_of(contents()), after=b"\n"), "follows it"),
        (raw_zip(entries_of(contents()), after=packed()), "not where it should be"),
        (raw_zip(entries_of(contents()), comment=b"hello"), "follows it"),
        (raw_zip(entries_of(contents()), more=1), "ends in the middle"),
        (raw_zip(entries_of(contents()), more=-1), "longer than its entries"),
        (raw_zip([]), "0 .dist-info"),
        (packed() * 2, "not where it should be"),
        (b"PK\5\6" + bytes(17), "zip archive"),
    ],
)
def test_what_readers_of_zip_files_could_see_differently_is_refused(tmp_path: Path, archive: bytes, named: str) -> None:
    assert named in str(refusal(tmp_path, archive))


def test_two_entries_cannot_share_their_data(tmp_path: Path) -> None:
    entries = entries_of(contents())
    entries.append(RawEntry(b"demo.py", ANSWER, offset=0))
    assert "between" in str(refusal(tmp_path, raw_zip(entries)))


def test_a_large_file_is_unpacked_in_pieces_to_the_last_byte(tmp_path: Path) -> None:
    large = os.urandom(1 << 20) + bytes(5 << 20) + b"end"
    assert check(tmp_path, packed(more={"large.bin": large})).name == "demo"
    stored = entries_of(contents(more={"large.bin": large}))
    stored[1].method = 0
    assert check(tmp_path, raw_zip(stored)).name == "demo"


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (Limits(size=100), "100 are allowed"),
        (Limits(entries=3), "3 are allowed"),
        (Limits(unpacked=100), "too much"),
        (Limits(path=10), "10 are allowed"),
    ],
)
def test_the_size_of_everything_is_limited(tmp_path: Path, limits: Limits, named: str) -> None:
    assert named in str(refusal(tmp_path, packed(), limits=limits))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = RawEntry(b"bomb.bin", b"", packed=b"never read", size=3 << 30)
    assert "too much" in str(refusal(tmp_path, raw_zip([*entries_of(contents()), bomb])))


def test_python_reads_the_archives_of_these_tests_as_they_are_meant() -> None:
    with zipfile.ZipFile(io.BytesIO(packed())) as archive:
        assert archive.testzip() is None
        assert archive.read("demo.py") == ANSWER
