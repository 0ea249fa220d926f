"""What tags promise is compared with the machine code: a C library, an ARM, the limited API. Real compilers' code."""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest
from wheelfleet.admission.wheel_check import CheckedWheel
from wheelfleet.elf import UnreadableElf, read_elf
from wheelfleet.limited_api import claim_of

from tests.support.arm_elf import arm_elf
from tests.support.raw_wheels import check, refusal
from tests.support.wheels import wheel_file

MACHINE = os.uname().machine
EXTENSION = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
static PyObject *answer(PyObject *self, PyObject *value) { @CODE@ }
static PyMethodDef methods[] = {{"answer", answer, METH_O, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "demo", NULL, -1, methods};
PyMODINIT_FUNC PyInit_demo(void) { return PyModule_Create(&module); }
"""
PLAIN = "return PyLong_FromLong(42);"

Compile = Callable[..., bytes]


@pytest.fixture
def compiled(tmp_path: Path) -> Compile:
    """Compiles an extension whose one function is the code, with these options of the compiler."""

    def compile_it(code: str = PLAIN, *options: str) -> bytes:
        source, output = tmp_path / "demo.c", tmp_path / "output.so"
        source.write_text(EXTENSION.replace("@CODE@", code))
        cc = shlex.split(sysconfig.get_config_var("CC"))
        include = f"-I{sysconfig.get_path('include')}"
        # What of the C library is used has to show, also where the compiler knows the answer.
        flags = ["-shared", "-fPIC", "-fno-builtin", "-Wl,--no-as-needed", include]
        subprocess.run([*cc, *flags, source, *options, "-o", output], check=True)
        return output.read_bytes()

    return compile_it


def wheel(folder: Path, tag: str, code: bytes, name: str = "demo.so", **more: bytes) -> CheckedWheel:
    files = {name: code, **{key.replace("__", "/") + ".so": data for key, data in more.items()}}
    return check(folder, wheel_file("demo", "1.0", tag, files=files), target_tags={tag})


def refused(folder: Path, tag: str, code: bytes, name: str = "demo.so", **how: object) -> str:
    made = wheel_file("demo", "1.0", tag, files={name: code})
    return str(refusal(folder, made, target_tags={tag}, **how))


# ------------------------------------------------------------------------------------------------- manylinux


def test_a_tag_is_true_for_code_that_needs_no_newer_libc(tmp_path: Path, compiled: Compile) -> None:
    major, minor = os.confstr("CS_GNU_LIBC_VERSION").split()[1].split(".")[:2]
    code = compiled('return PyLong_FromLong(printf("%d", 1));', "-lpthread")
    assert wheel(tmp_path, f"cp311-cp311-manylinux_{major}_{minor}_{MACHINE}", code).has_native
    assert wheel(tmp_path, f"cp311-cp311-manylinux2014_{MACHINE}", compiled()).has_native


def test_a_tag_for_an_older_libc_than_the_code_needs_is_refused(tmp_path: Path, compiled: Compile) -> None:
    # glibc 2.34 moved pthread_create into libc and gave it a version of its own.
    code = compiled("pthread_t t; return PyLong_FromLong(pthread_create(&t, 0, 0, 0));", "-include", "pthread.h")
    sentence = refused(tmp_path, f"cp311-cp311-manylinux_2_28_{MACHINE}", code)
    assert "its demo.so needs GLIBC_2.34 of libc.so.6" in sentence
    assert "GLIBC_2.34" in refused(tmp_path, f"cp311-cp311-manylinux2014_{MACHINE}", code)
    assert "GNU C library" in refused(tmp_path, f"cp311-cp311-musllinux_1_2_{MACHINE}", code)
    assert wheel(tmp_path, f"cp311-cp311-linux_{MACHINE}", code).has_native


def test_a_library_that_the_policy_does_not_know_has_to_be_in_the_wheel(tmp_path: Path, compiled: Compile) -> None:
    library = tmp_path / "libown.so.1"
    (tmp_path / "own.c").write_text("int own(void) { return 1; }\n")
    soname = "-Wl,-soname,libown.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", soname, "-o", library, tmp_path / "own.c"], check=True)
    code = compiled("int own(void); return PyLong_FromLong(own());", str(library))
    tag = f"cp311-cp311-manylinux_2_36_{MACHINE}"
    assert "needs the library libown.so.1" in refused(tmp_path, tag, code)
    assert wheel(tmp_path, f"cp311-cp311-linux_{MACHINE}", code).has_native
    files = {"demo.so": code, "demo.libs/libown.so.1": library.read_bytes()}
    assert check(tmp_path, wheel_file("demo", "1.0", tag, files=files), target_tags={tag}).has_native
    made = wheel_file("demo", "1.0", tag, files={"demo.so": code})
    assert check(tmp_path, made, target_tags={tag}, exclude=["libown.so*"]).has_native


def test_the_loader_itself_may_be_needed_as_debians_libjpeg_does(tmp_path: Path, compiled: Compile) -> None:
    (loader,) = {Path(line.split()[0]).name for line in _linked(Path(sys.executable)) if "ld-linux" in line}
    code = compiled(PLAIN, f"-l:{loader}")
    assert loader in read_elf(io.BytesIO(code)).needed
    assert wheel(tmp_path, f"cp311-cp311-manylinux_2_36_{MACHINE}", code).has_native


def test_code_that_hides_what_it_needs_is_refused(tmp_path: Path, compiled: Compile) -> None:
    """The loader needs no section table; a check that trusted it would see nothing."""
    code = bytearray(compiled('return PyLong_FromLong(printf("%d", 1));'))
    # e_shoff, e_shnum and e_shstrndx of a 64-bit file.
    code[40:48], code[60:64] = bytes(8), bytes(4)
    assert "hides" in refused(tmp_path, f"cp311-cp311-manylinux2014_{MACHINE}", bytes(code))


@pytest.mark.parametrize("size", [64, 100, 500, 5000])
def test_code_cut_short_is_refused_and_not_a_crash(tmp_path: Path, compiled: Compile, size: int) -> None:
    assert refused(tmp_path, f"cp311-cp311-manylinux2014_{MACHINE}", compiled()[:size] + bytes(64))


def test_damaged_code_is_unreadable_or_read_but_never_another_error(compiled: Compile) -> None:
    code = compiled()
    for position in range(0, 4096, 7):
        damaged = bytearray(code)
        damaged[position] ^= 0xFF
        try:
            read_elf(io.BytesIO(bytes(damaged)))
        except UnreadableElf as error:
            assert str(error)


def _linked(program: Path) -> list[str]:
    return subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout.splitlines()


# ------------------------------------------------------------------------------------------------------ ARM


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"cpu": 10, "fp": 2}, "is for ARM v7"),
        ({"cpu": 14, "fp": 2}, "is for ARM v8"),
        ({"cpu": 8, "fp": 2}, "is for ARM v6T2"),
        ({"cpu": 6, "fp": 4}, "floating point"),
        ({"cpu": 6, "fp": 2, "neon": 1}, "floating point"),
        ({"cpu": 6, "fp": 2, "thumb": 2}, "Thumb-2"),
        ({"cpu": 6, "fp": 2, "arguments": 0}, "VFP registers"),
        ({}, "does not say"),
    ],
)
def test_an_armv6_tag_on_code_for_newer_processors_is_refused(
    tmp_path: Path, attributes: dict[str, int], says: str
) -> None:
    for tag in ("cp311-cp311-linux_armv6l", "cp311-cp311-linux_armv6l.linux_armv7l"):
        made = wheel_file("demo", "1.0", tag, files={"demo.so": arm_elf(**attributes)})
        assert says in str(refusal(tmp_path, made, target_tags={"cp311-cp311-linux_armv6l"}))
    assert wheel(tmp_path, "cp311-cp311-linux_armv7l", arm_elf(**attributes)).has_native


@pytest.mark.parametrize("cpu", [4, 6, 7, 9])
def test_an_armv6_tag_on_code_that_a_pi_1_runs_is_true(tmp_path: Path, cpu: int) -> None:
    made = wheel_file("demo", "1.0", "cp311-cp311-linux_armv6l.linux_armv7l", files={"demo.so": arm_elf(cpu=cpu, fp=2)})
    assert check(tmp_path, made, target_tags={"cp311-cp311-linux_armv6l"}).has_native


# ----------------------------------------------------------------------------------------------- limited API


def test_abi3_is_true_for_code_that_keeps_to_the_limited_api(tmp_path: Path, compiled: Compile) -> None:
    tag = f"cp39-abi3-linux_{MACHINE}"
    assert wheel(tmp_path, tag, compiled(PLAIN, "-DPy_LIMITED_API=0x03090000"), "demo.abi3.so").has_native


def test_abi3_is_refused_where_the_limited_api_had_a_symbol_only_later(tmp_path: Path, compiled: Compile) -> None:
    code = compiled("Py_buffer b; return PyLong_FromLong(PyObject_GetBuffer(value, &b, 0));")
    sentence = refused(tmp_path, f"cp39-abi3-linux_{MACHINE}", code, "demo.abi3.so")
    assert "uses PyObject_GetBuffer, which the limited API has only since Python 3.11" in sentence
    assert wheel(tmp_path, f"cp311-abi3-linux_{MACHINE}", code, "demo.abi3.so").has_native


def test_abi3_is_refused_where_the_limited_api_lacks_a_symbol(tmp_path: Path, compiled: Compile) -> None:
    code = compiled("return PyFunction_GetCode(value);")
    sentence = refused(tmp_path, f"cp39-abi3-linux_{MACHINE}", code, "demo.abi3.so")
    assert "uses PyFunction_GetCode, which the limited API does not have" in sentence


def test_abi3_is_refused_for_a_file_named_for_one_python(tmp_path: Path, compiled: Compile) -> None:
    code = compiled(PLAIN, "-DPy_LIMITED_API=0x03090000")
    name = f"demo.cpython-311-{MACHINE}-linux-gnu.so"
    assert "named for one Python" in refused(tmp_path, f"cp39-abi3-linux_{MACHINE}", code, name)


def test_abi3t_is_true_for_code_of_both_builds_of_python_3_15(tmp_path: Path, compiled: Compile) -> None:
    code = compiled(PLAIN, "-DPy_LIMITED_API=0x03090000")
    target = f"cp315-abi3t-linux_{MACHINE}"
    for tag in (target, f"cp315-abi3.abi3t-linux_{MACHINE}"):
        made = wheel_file("demo", "1.0", tag, files={"demo.abi3t.so": code})
        assert check(tmp_path, made, target_tags={target}).has_native


@pytest.mark.parametrize(
    ("tag", "name", "says"),
    [
        ("cp314-abi3t", "demo.abi3t.so", "abi3t exists since Python 3.15"),
        ("cp315-abi3.abi3t", "demo.abi3.so", "named for abi3, which no free-threaded Python loads"),
        ("cp315-abi3t", "demo.cpython-315t-x86_64-linux-gnu.so", "named for one Python only"),
    ],
)
def test_abi3t_is_refused_where_it_is_false(tmp_path: Path, compiled: Compile, tag: str, name: str, says: str) -> None:
    code = compiled(PLAIN, "-DPy_LIMITED_API=0x03090000")
    made = wheel_file("demo", "1.0", f"{tag}-linux_{MACHINE}", files={name: code})
    target = f"{tag.partition('-')[0]}-abi3t-linux_{MACHINE}"
    assert says in str(refusal(tmp_path, made, target_tags={target}))


@pytest.mark.parametrize(
    ("interpreter", "abi", "claim"),
    [
        ("cp38", "abi3", (8, ("abi3",))),
        ("cp3", "abi3", (2, ("abi3",))),
        ("cp38.cp39", "abi3", (8, ("abi3",))),
        ("cp315", "abi3t", (15, ("abi3t",))),
        ("cp315", "abi3.abi3t", (15, ("abi3", "abi3t"))),
        ("cp315", "cp315t", None),
        ("py3", "none", None),
    ],
)
def test_what_a_tag_claims_of_the_limited_api(interpreter: str, abi: str, claim: tuple[int, tuple[str, ...]] | None):
    assert claim_of(interpreter, abi) == claim
