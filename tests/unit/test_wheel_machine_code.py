"""Machine code in a wheel is for the machine that its tags say, and makes the wheel native."""

from __future__ import annotations

import struct
import subprocess
import sysconfig
import zlib
from pathlib import Path

import pytest
from packaging.tags import parse_tag
from wheelfleet.admission.machine_code import native_code

from tests.support.arm_elf import arm_elf
from tests.support.raw_wheels import NATIVE, check, contents, entries_of, refusal
from tests.support.raw_zips import raw_zip
from tests.support.wheels import wheel_file

EM_386, EM_ARM, EM_AARCH64, EM_X86_64, EM_PPC64 = 3, 40, 183, 62, 21
ET_REL, ET_EXEC, ET_DYN = 1, 2, 3


def elf(
    machine: int = EM_AARCH64, kind: int = ET_DYN, *, bits: int = 64, little: bool = True, payload: bytes = b"code"
) -> bytes:
    """The header of an ELF file, and something behind it."""
    word = "Q" if bits == 64 else "I"
    identification = b"\x7fELF" + bytes([bits // 32, 1 if little else 2, 1]) + bytes(9)
    fields = (kind, machine, 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)
    return (
        identification + struct.pack(f"{'<' if little else '>'}HHI{word}{word}{word}I6H", *fields) + payload + bytes(64)
    )


def test_an_extension_for_the_target_is_native_and_not_pure(tmp_path: Path) -> None:
    checked = check(tmp_path, wheel_file("demo", "1.0", NATIVE, files={"demo.cpython-311.so": elf()}))
    assert (checked.pure, checked.has_native) == (False, True)


def test_code_that_cannot_load_here_beside_code_that_can_is_accepted(tmp_path: Path) -> None:
    files = {"demo/a.so": elf(), "demo/_a.cpython-38-old.so": elf(EM_X86_64)}
    assert check(tmp_path, wheel_file("demo", "1.0", NATIVE, files=files)).has_native


def test_a_library_of_the_sdist_is_data_in_a_wheel_for_every_machine(tmp_path: Path) -> None:
    files = {"demo/__init__.py": "", "demo/here.so": elf(), "demo/other.so": elf(EM_X86_64)}
    wheel = wheel_file("demo", "1.0", files=files)
    checked = check(tmp_path, wheel, from_sdist=["demo/here.so", "demo/other.so"])
    assert (checked.pure, checked.has_native) == (True, False)
    assert "demo/other.so" in str(refusal(tmp_path, wheel, from_sdist=["demo/here.so"]))


def test_what_a_real_compiler_made_is_recognised(tmp_path: Path) -> None:
    source, library = tmp_path / "answer.c", tmp_path / "answer.so"
    source.write_text("int answer(void) { return 42; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    here = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    code = native_code("demo/answer.so", library.read_bytes())
    assert code is not None
    assert code.runs_on(here)
    assert not code.runs_on("linux_s390x")


@pytest.mark.parametrize(
    ("platform", "header"),
    [
        ("linux_x86_64", elf(EM_X86_64)),
        ("manylinux_2_36_aarch64", elf(EM_AARCH64)),
        ("musllinux_1_2_aarch64", elf(EM_AARCH64)),
        ("manylinux2014_i686", elf(EM_386, bits=32)),
        ("linux_armv7l", elf(EM_ARM, bits=32)),
        ("linux_armv6l", arm_elf(cpu=6, fp=2)),
        ("linux_ppc64le", elf(EM_PPC64)),
        ("linux_newmachine", elf(9999)),
    ],
)
def test_code_for_the_machine_of_the_tag_is_admitted(tmp_path: Path, platform: str, header: bytes) -> None:
    tag = f"cp311-cp311-{platform}"
    wheel = wheel_file("demo", "1.0", tag, files={"demo.abi3.so": header})
    assert check(tmp_path, wheel, target_tags={tag}).has_native


@pytest.mark.parametrize(
    ("tag", "header"),
    [
        ("cp311-cp311-linux_aarch64", elf(EM_X86_64)),
        ("cp311-cp311-linux_armv7l", elf(EM_AARCH64)),
        ("cp311-cp311-linux_x86_64", elf(EM_X86_64, bits=32)),
        ("cp311-cp311-linux_ppc64le", elf(EM_PPC64, little=False)),
        ("cp311-cp311-linux_aarch64.linux_armv7l", elf(EM_AARCH64)),
        ("cp311-cp311-linux_aarch64.win_arm64", elf(EM_AARCH64)),
        ("py3-none-any", elf(EM_AARCH64)),
        ("cp311-none-any", elf(EM_AARCH64)),
        ("py3-none-any.linux_aarch64", elf(EM_AARCH64)),
    ],
)
def test_code_for_another_machine_than_a_tag_says_is_refused(tmp_path: Path, tag: str, header: bytes) -> None:
    wheel = wheel_file("demo", "1.0", tag, files={"demo/libdemo.so.1": header})
    every = {str(single) for single in parse_tag(tag)}
    assert "demo/libdemo.so.1 is code for EM_" in str(refusal(tmp_path, wheel, target_tags=every))


def test_a_program_among_the_scripts_of_a_pure_wheel_is_refused(tmp_path: Path) -> None:
    wheel = wheel_file("demo", "1.0", files={"demo-1.0.data/scripts/demo": elf(kind=ET_EXEC)})
    assert "demo-1.0.data/scripts/demo" in str(refusal(tmp_path, wheel))


@pytest.mark.parametrize(
    "files",
    [
        {"demo/helper64": elf(kind=ET_EXEC), "demo/helper": elf(EM_ARM, ET_EXEC, bits=32)},
        {"demo/firmware.so": elf(EM_ARM, ET_EXEC, bits=32)},
        {"demo/part.o": elf(kind=ET_REL)},
        {"demo/cut.so": b"\x7fELF\x02\x01"},
        {"demo/odd.so": b"\x7fELF" + b"\xff" * 80},
        {"demo/not.so": b"INPUT(libdemo.so.1)\n" * 10},
    ],
    ids=["helpers", "firmware", "object", "cut", "odd", "linker-script"],
)
def test_machine_code_that_is_only_data_does_not_make_a_wheel_native(tmp_path: Path, files: dict[str, bytes]) -> None:
    checked = check(tmp_path, wheel_file("demo", "1.0", files=files))
    assert (checked.pure, checked.has_native) == (True, False)


def test_a_header_cannot_be_hidden_by_how_it_is_packed(tmp_path: Path) -> None:
    code = elf(EM_X86_64)
    deflate = zlib.compressobj(wbits=-15)
    # The first 10 bytes come out of the first megabyte that is read, the others of the next.
    packed_code = deflate.compress(code[:10]) + deflate.flush(zlib.Z_SYNC_FLUSH)
    packed_code += b"\0\0\0\xff\xff" * (1 << 18) + deflate.compress(code[10:]) + deflate.flush()
    assert zlib.decompress(packed_code, wbits=-15) == code
    entries = entries_of(contents(more={"demo.so": code}))
    entries[1].packed = packed_code
    assert "EM_X86_64" in str(refusal(tmp_path, raw_zip(entries)))
