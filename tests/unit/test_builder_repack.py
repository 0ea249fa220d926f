"""A wheel packed again, under another name or with other files, is a right wheel, of the same bytes each time."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from wheelfleet.repack import dist_info, repack, with_build_tag, with_fields

from tests.support.raw_wheels import check, contents
from tests.support.wheels import wheel_file

INFO = "demo-1.0.dist-info"


def _wheel(
    folder: Path,
    files: Iterable[tuple[str, bytes]],
    *,
    date: tuple[int, int, int, int, int, int] = (2026, 1, 2, 3, 4, 6),
    streamed: bool = False,
    mode: int = 0o644,
) -> Path:
    buffer = io.BytesIO()
    if streamed:
        # What cannot seek states sizes after the data (a data descriptor).
        buffer.seekable = lambda: False  # type: ignore[method-assign]
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files:
            entry = zipfile.ZipInfo(path, date)
            entry.external_attr = (stat.S_IFREG | mode) << 16
            with archive.open(entry, "w", force_zip64=streamed) as file:
                file.write(data)
    folder.mkdir(exist_ok=True)
    wheel = folder / "demo-1.0-py3-none-any.whl"
    wheel.write_bytes(buffer.getvalue())
    return wheel


def test_equal_contents_become_equal_bytes_whatever_the_zip_was_like(tmp_path: Path) -> None:
    files = list(contents().items())
    first = repack(_wheel(tmp_path, files), tmp_path / "first", INFO)
    second = repack(
        _wheel(tmp_path, reversed(files), date=(2001, 2, 3, 4, 5, 6), streamed=True, mode=0o600), tmp_path / "2", INFO
    )
    assert first.read_bytes() == second.read_bytes()
    assert check(tmp_path, first.read_bytes()).name == "demo"


def test_record_is_made_from_what_was_written_and_stands_last(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path, contents(record="demo.py,sha256=AAAA,1\nabsent.py,,\n").items())
    packed = repack(wheel, tmp_path / "packed", INFO, replaced={"demo.py": b'name = "a,b"\n'})
    with zipfile.ZipFile(packed) as archive:
        assert archive.namelist()[-1] == f"{INFO}/RECORD"
        assert archive.read("demo.py") == b'name = "a,b"\n'
    assert check(tmp_path, packed.read_bytes()).name == "demo"


def test_paths_get_new_names_in_record_too(tmp_path: Path) -> None:
    wheel = _wheel(
        tmp_path, [(path.replace("demo-1.0.", "Demo-1.dist.", 1), data) for path, data in contents().items()]
    )
    packed = repack(
        wheel,
        tmp_path / "packed",
        "Demo-1.dist.dist-info",
        renamed=lambda path: path.replace("Demo-1.dist.", "demo-1.0.", 1),
    )
    assert check(tmp_path, packed.read_bytes()).name == "demo"


def test_two_files_are_never_packed_under_one_path(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path, [*contents().items(), ("other.py", b"")])
    with pytest.raises(ValueError, match="one path"):
        repack(wheel, tmp_path / "packed", INFO, renamed=lambda path: path.replace("other", "demo"))


@pytest.mark.parametrize(("mode", "kept"), [(0o755, 0o755), (0o4711, 0o755), (0o600, 0o644), (0o000, 0o644)])
def test_of_modes_only_what_may_be_executed_is_kept(tmp_path: Path, mode: int, kept: int) -> None:
    packed = repack(_wheel(tmp_path, contents().items(), mode=mode), tmp_path / "packed", INFO)
    with zipfile.ZipFile(packed) as archive:
        assert archive.getinfo("demo.py").external_attr >> 16 == stat.S_IFREG | kept


def test_signatures_of_the_old_record_and_entries_of_folders_are_left_out(tmp_path: Path) -> None:
    wheel = _wheel(tmp_path, [("demo/", b""), *contents().items(), (f"{INFO}/RECORD.jws", b"signed")])
    with zipfile.ZipFile(repack(wheel, tmp_path / "packed", INFO)) as archive:
        assert archive.namelist() == ["demo.py", f"{INFO}/METADATA", f"{INFO}/WHEEL", f"{INFO}/RECORD"]


@pytest.mark.parametrize("build", [None, "1"])
def test_a_build_tag_goes_into_the_name_and_into_wheel(tmp_path: Path, build: str | None) -> None:
    wheel = wheel_file("demo", "1.0", build=build)
    path = tmp_path / wheel.filename
    path.write_bytes(wheel.data)
    (tmp_path / "new").mkdir()
    tagged = with_build_tag(path, tmp_path / "new", "7")
    assert tagged.name == "demo-1.0-7-py3-none-any.whl"
    assert check(tmp_path, tagged.read_bytes(), tagged.name).build == "7"
    assert with_build_tag(path, tmp_path / "new", "7").read_bytes() == tagged.read_bytes()


def test_a_field_of_wheel_is_replaced_whatever_its_case() -> None:
    old = b"Wheel-Version: 1.0\r\ntag: a-b-c\r\nTAG: d-e-f\r\n\r\nBuild: 3\r\n"
    assert with_fields(old, {"Tag": ["x-y-z"], "Build": []}) == b"Wheel-Version: 1.0\nTag: x-y-z\n"


def test_a_wheel_without_one_dist_info_cannot_be_packed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"0 \.dist-info"):
        dist_info(_wheel(tmp_path, [("demo.py", b"")]))
