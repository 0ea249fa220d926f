"""A wheel that pip and uv take as it is, and that contradicts itself, is made right; nothing else is changed."""

from __future__ import annotations

import io
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from wheelfleet.builder.correct import Correction, correct

from tests.support.raw_wheels import METADATA, WHEEL, check, contents, entries_of, packed, record_line
from tests.support.raw_zips import RawEntry, raw_zip

PURE = "demo-1.0-py3-none-any.whl"
INFO = "demo-1.0.dist-info"
MACHINE = sysconfig.get_platform().replace("-", "_").replace(".", "_")
TARGET = f"cp311-cp311-{MACHINE}-glibc2.36"


def corrected(
    folder: Path, wheel: bytes, name: str = PURE, sdist: dict[str, bytes] | None = None
) -> tuple[Path, Correction]:
    (folder / "wheels").mkdir()
    (folder / "scratch").mkdir()
    (folder / "wheels" / name).write_bytes(wheel)
    with tarfile.open(folder / "demo-1.0.tar.gz", "w:gz") as archive:
        for path, data in (sdist or {}).items():
            member = tarfile.TarInfo(f"demo-1.0/{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    found = correct(folder / "wheels" / name, folder / "scratch", folder / "demo-1.0.tar.gz", TARGET)
    (left,) = (folder / "wheels").iterdir()
    return left, found


def renamed(old: str, new: str, **changes: dict[str, bytes]) -> bytes:
    """A wheel whose folder is called otherwise, in RECORD too."""
    files = contents(**changes)
    return raw_zip(
        entries_of({path.replace(old, new): data.replace(old.encode(), new.encode()) for path, data in files.items()})
    )


def streamed() -> bytes:
    buffer = io.BytesIO()
    buffer.seekable = lambda: False  # type: ignore[method-assign]
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in contents().items():
            with archive.open(zipfile.ZipInfo(path), "w", force_zip64=True) as file:
                file.write(data)
    return buffer.getvalue()


def commented() -> bytes:
    return raw_zip(entries_of(contents()), comment=b"made by hand")


SIGNED = record_line("demo.py", b"answer = 42\n")
CONTRADICTIONS: dict[str, Callable[[], bytes]] = {
    "sizes-after-the-data-and-zip64": streamed,
    "a-comment": commented,
    "record-lists-nothing": lambda: packed(record=""),
    "record-has-a-gap-and-what-is-absent": lambda: packed(record=f"absent.py,,\n{INFO}/RECORD,,\n"),
    "record-has-other-hashes": lambda: packed(record="demo.py,sha256=AAAA,1\n"),
    "record-has-weak-hashes": lambda: packed(record="demo.py,md5=AAAA,12\n"),
    "record-twice-and-by-windows": lambda: packed(record=f"{SIGNED}{SIGNED}{INFO}\\WHEEL,,\r\n".replace("/", "\\")),
    "record-has-a-hash-of-itself": lambda: packed(record=f"{SIGNED}{INFO}/RECORD,sha256=AAAA,3\n"),
    "dist-info-of-another-version": lambda: renamed("demo-1.0.", "demo-0.9."),
    "dist-info-without-a-version": lambda: renamed("demo-1.0.", "demo."),
    "data-of-another-version": lambda: packed(more={"demo-0.9.data/scripts/demo": b"#!python\r\n"}),
    "wheel-without-tags": lambda: packed(wheel=WHEEL.replace(b"Tag: py3-none-any\n", b"")),
    "wheel-with-other-tags": lambda: packed(wheel=WHEEL + b"Tag: cp27-none-any\nTag: \nTag: -x\n"),
    "wheel-with-a-build": lambda: packed(wheel=WHEEL + b"Build: 3\n"),
    "wheel-neither-pure-nor-not": lambda: packed(wheel=WHEEL.replace(b"true", b"maybe")),
    "wheel-both-pure-and-not": lambda: packed(wheel=WHEEL + b"Root-Is-Purelib: false\n"),
    "paths-with-dots": lambda: packed(more={"./more.py": b"", "demo_//part.py": b""}),
}


@pytest.mark.parametrize("kind", CONTRADICTIONS)
def test_what_both_installers_take_is_packed_so_that_it_is_admitted(tmp_path: Path, kind: str) -> None:
    wheel, found = corrected(tmp_path, CONTRADICTIONS[kind]())
    assert wheel.name == PURE
    assert check(tmp_path, wheel.read_bytes()).name == "demo"
    assert found == {"said": [], "from_sdist": []}


def test_the_build_tag_of_the_name_goes_into_wheel(tmp_path: Path) -> None:
    wheel, _ = corrected(tmp_path, packed(), "demo-1.0-2-py3-none-any.whl")
    assert check(tmp_path, wheel.read_bytes(), wheel.name).build == "2"


@pytest.mark.parametrize(
    "wheel",
    [
        packed(),
        packed(more={"Demo_x.h": b"", "demo-1.0.data/": b"", "demo-1.0.data/scripts/demo": b"#!python\n"}),
        renamed("demo-1.0.", "Demo-1.0.0."),
    ],
    ids=["right", "with-data", "other-spelling"],
)
def test_a_right_wheel_keeps_its_bytes(tmp_path: Path, wheel: bytes) -> None:
    assert corrected(tmp_path, wheel)[0].read_bytes() == wheel


@pytest.mark.parametrize(
    "wheel",
    [
        # uv refuses these, pip those.
        packed(record='"unclosed,,\n'),
        packed(record="", metadata=METADATA + b"Author: M\xfcller\n"),
        packed(wheel=b"Wheel-Version: 1\nRoot-Is-Purelib: true\n"),
        raw_zip([*entries_of(contents(record="")), RawEntry(b"demo.py", b"twice")]),
    ],
    ids=["record", "metadata", "wheel-version", "a-path-twice"],
)
def test_what_installers_refuse_or_read_differently_is_not_mended(tmp_path: Path, wheel: bytes) -> None:
    try:
        assert corrected(tmp_path, wheel)[0].read_bytes() == wheel
    except ValueError:
        assert (tmp_path / "wheels" / PURE).read_bytes() == wheel


# Machine code


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("library")
    (folder / "a.c").write_text("int answer(void) { return 42; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "a.so", folder / "a.c"], check=True)
    return (folder / "a.so").read_bytes()


def other_machine(library: bytes) -> bytes:
    return library[:18] + bytes([21, 0]) + library[20:]


def test_a_library_that_the_build_made_gets_the_platform_that_is_true(tmp_path: Path, library: bytes) -> None:
    wheel, found = corrected(tmp_path, packed(more={"demo_/a.so": library}))
    assert wheel.name == f"demo-1.0-py3-none-{MACHINE}.whl"
    assert found["said"] == [f"demo_/a.so is machine code that the build made, so the wheel is for {MACHINE} alone."]
    assert check(tmp_path, wheel.read_bytes(), wheel.name, target_tags=[f"py3-none-{MACHINE}"]).has_native


def test_an_extension_module_of_the_build_gets_the_tag_of_its_python(tmp_path: Path, library: bytes) -> None:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    wheel, _ = corrected(tmp_path, packed(more={f"_demo{suffix}": library}))
    assert wheel.name == f"demo-1.0-cp311-cp311-{MACHINE}.whl"
    with zipfile.ZipFile(wheel) as archive:
        assert b"Root-Is-Purelib: false" in archive.read(f"{INFO}/WHEEL")


def test_a_program_that_the_build_made_counts_wherever_it_lies(tmp_path: Path, library: bytes) -> None:
    assert corrected(tmp_path, packed(more={"demo_/bin/tool": library}))[0].name.endswith(f"-{MACHINE}.whl")


def test_libraries_that_lie_in_the_sdist_as_they_are_are_data(tmp_path: Path, library: bytes) -> None:
    more = {"demo_/here.so": library, "demo_/other.so": other_machine(library)}
    wheel, found = corrected(tmp_path, packed(more=more), sdist=more)
    assert wheel.name == PURE
    assert found == {"said": [], "from_sdist": ["demo_/here.so", "demo_/other.so"]}
    assert check(tmp_path, wheel.read_bytes(), from_sdist=found["from_sdist"]).pure


def test_a_wheel_that_claims_to_be_pure_and_has_extension_code_is_not(tmp_path: Path, library: bytes) -> None:
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    tag = f"{python}-{python}-{MACHINE}"
    content = WHEEL.replace(b"py3-none-any", tag.encode())
    wheel, _ = corrected(tmp_path, packed(wheel=content, more={"demo_/a.so": library}), f"demo-1.0-{tag}.whl")
    assert not check(tmp_path, wheel.read_bytes(), wheel.name, target_tags=[tag]).pure


@pytest.mark.parametrize("path", ["demo_/a.so", "demo_/tool", None])
def test_a_wheel_that_names_a_platform_and_has_no_machine_code_is_named(
    tmp_path: Path, library: bytes, path: str | None
) -> None:
    tag = f"py3-none-{MACHINE}"
    wheel = packed(wheel=WHEEL.replace(b"py3-none-any", tag.encode()), more={path: library} if path else {})
    left, found = corrected(tmp_path, wheel, f"demo-1.0-{tag}.whl")
    assert left.read_bytes() == wheel
    assert [sentence[:56] for sentence in found["said"]] == (
        [] if path else ["The wheel names a platform, but has no machine code: eit"]
    )
