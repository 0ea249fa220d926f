"""A bare linux_* wheel serves only systems whose C library has what its code needs. Real compilers' code."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.elf import Elf, read_elf
from wheelfleet.libc import NeededLibc, needed_libc, read_needed_libc, with_time_abi
from wheelfleet.time64_packages import TIME64_PACKAGES

from tests.support.artifacts import Artifact
from tests.support.controller import TAGS, Controller
from tests.support.raw_wheels import check
from tests.support.wheels import wheel_file

MACHINE = os.uname().machine
TAG = f"cp311-cp311-linux_{MACHINE}"
OLD, NEW, MUSL = (f"{TAG}-{libc}" for libc in ("glibc2.31", "glibc2.36", "musl1.2"))


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Needs glibc 2.34, which gave pthread_create a version of its own."""
    folder = tmp_path_factory.mktemp("code")
    source, output = folder / "demo.c", folder / "demo.so"
    source.write_text("#include <pthread.h>\nint begin(pthread_t *t) { return pthread_create(t, 0, 0, 0); }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", output, source], check=True)
    return output.read_bytes()


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    """pi1 has claimed demo 1.0 for a newer system; pi2 offers the same Python on an older one and on Alpine."""
    controller = Controller(tmp_path)
    state = controller.state
    tags = json.dumps([TAG, *TAGS])
    state.execute("UPDATE target SET name = ?, tags = ?", NEW, tags)
    for name in (OLD, MUSL):
        state.builder("pi2", state.target(name, python_version="3.11.2", platform="linux", tags=[TAG, *TAGS]))
        sdist = state.one("SELECT sdist_id FROM release_target")
        state.want("demo", "1.0", target=name, reason="", sdist_id=sdist)
    yield controller
    controller.catalog.close()


def wheel(code: bytes, **how: str) -> Artifact:
    return wheel_file("demo", "1.0", TAG, files={"demo.so": code}, **how)


def served(controller: Controller) -> set[str]:
    return {
        row["name"]
        for row in controller.catalog.db.execute(
            "SELECT t.name FROM wheel_target s JOIN target t ON t.id = s.target_id"
        )
    }


def test_a_wheel_settles_no_system_whose_libc_is_too_old_for_its_code(controller: Controller, code: bytes) -> None:
    assert controller.send(wheel(code)).outcome == "built"
    assert controller.one("SELECT libc FROM wheel") == "glibc>=2.34"
    assert served(controller) == {NEW}
    rows = controller.catalog.db.execute("SELECT t.name FROM release_target w JOIN target t ON t.id = w.target_id "
                                         "WHERE w.need = 'now'")  # fmt: skip
    assert {row["name"] for row in rows} == {OLD, MUSL}, "they are built for"


@pytest.mark.parametrize("name", ["libc.musl-x86_64.so.1", "libc.so"])
def test_code_for_musl_settles_musl_alone(controller: Controller, name: str, tmp_path: Path) -> None:
    (tmp_path / "libc.c").write_text("int wheelfleet;")
    (tmp_path / "demo.c").write_text("extern int wheelfleet; int answer(void) { return wheelfleet; }")
    compile_shared = ["cc", "-shared", "-fPIC", "-nostdlib"]
    subprocess.run([*compile_shared, f"-Wl,-soname,{name}", "-o", "lib.so", "libc.c"], cwd=tmp_path, check=True)
    subprocess.run([*compile_shared, "-o", "demo.so", "demo.c", "lib.so"], cwd=tmp_path, check=True)
    assert controller.send(wheel((tmp_path / "demo.so").read_bytes())).outcome == "built"
    assert controller.one("SELECT libc FROM wheel") == "musl>=0.0"
    assert served(controller) == {MUSL}


@pytest.mark.parametrize("ending", ["x86_64-linux-musl", "arm-linux-musleabihf"])
def test_a_module_that_only_a_musl_python_finds_is_for_musl(ending: str) -> None:
    elf = Elf("EM_X86_64", 64, False, None, (), *(frozenset[Any]() for _ in range(4)), None)
    assert str(needed_libc({f"demo/_speed.cpython-313-{ending}.so": elf})) == "musl>=0.0"
    assert needed_libc({"demo/_speed.cpython-313-x86_64-linux-gnu.so": elf}) is None


def test_a_wheel_of_python_alone_settles_every_system(controller: Controller) -> None:
    controller.send(wheel_file("demo", "1.0"))
    assert controller.one("SELECT libc FROM wheel") is None
    assert served(controller) == {OLD, NEW, MUSL}


def test_no_build_hides_a_wheel_from_systems_where_only_that_works(controller: Controller, code: bytes) -> None:
    """Both have the same tags, so installers would take the one with the higher build tag everywhere."""
    controller.state.wheel("demo", "1.0", TAG, serves=[OLD])
    sent = controller.send(wheel(code))
    assert (sent.outcome, sent.failure_class) == ("refused", "refused")
    assert f"needs glibc>=2.34, and would hide the published wheel from {OLD}" in sent.sentence


def test_programs_that_cannot_be_read_are_no_reason_to_refuse_a_bare_tag(tmp_path: Path, code: bytes) -> None:
    cut = wheel(code[:200] + bytes(64))
    assert check(tmp_path, cut, target_tags={TAG}).libc is None


@pytest.mark.parametrize(
    ("needed", "target", "works"),
    [
        ("glibc>=2.34", "cp311-cp311-linux_aarch64-glibc2.34", True),
        ("glibc>=2.34", "cp311-cp311-linux_aarch64-glibc2.31", False),
        ("glibc>=2.4", "cp311-cp311-linux_aarch64-glibc2.31", True),
        ("glibc>=2.4", "cp311-cp311-linux_aarch64-musl1.2", False),
        ("musl>=0.0", "cp311-cp311-linux_aarch64-musl1.2", True),
        ("musl>=0.0", "cp311-cp311-linux_aarch64-glibc2.41", False),
        ("glibc>=2.4,<2.39", "cp313-cp313-linux_armv7l-glibc2.36", True),
        ("glibc>=2.4,<2.39", "cp313-cp313-linux_armv7l-glibc2.41", False),
        ("glibc>=2.34", "somewhere", True),
    ],
)
def test_which_targets_have_the_libc_is_told_by_their_names(needed: str, target: str, works: bool) -> None:
    libc = read_needed_libc(needed)
    assert libc is not None
    assert str(libc) == needed
    assert libc.works_on(target) is works


def elf(code: bytes, **changes: object) -> dict[str, Elf]:
    return {"demo.so": read_elf(io.BytesIO(code))._replace(**changes)}  # type: ignore[arg-type]


def test_what_the_code_needs_is_read_from_its_symbol_versions(code: bytes) -> None:
    assert needed_libc(elf(code)) == NeededLibc("glibc", (2, 34))
    assert needed_libc(elf(code, versions=frozenset())) is None
    feature = frozenset({("libc.so.6", "GLIBC_2.17"), ("libc.so.6", "GLIBC_ABI_DT_RELR"), ("libx.so", "X_9")})
    assert needed_libc(elf(code, versions=feature)) == NeededLibc("glibc", (2, 36))
    assert needed_libc(elf(code, versions=frozenset(), needed=("libc.musl-x86_64.so.1",))) == NeededLibc("musl", (0, 0))


def test_on_32_bit_arm_a_library_with_another_time_t_binds_to_its_releases(code: bytes) -> None:
    """Debian 12's libssl.so.3 has a 32-bit time_t there, and Debian 13's another one of 64 bits."""
    arm, old = elf(code, machine="EM_ARM", bits=32), NeededLibc("glibc", (2, 34))
    assert with_time_abi(old, arm, ["libssl3", "zlib1g"]) == NeededLibc("glibc", (2, 34), below=(2, 39))
    assert with_time_abi(old, arm, ["libssl3t64"]) == NeededLibc("glibc", (2, 39))
    assert with_time_abi(old, arm, ["zlib1g", "libyaml-0-2"]) == old
    assert with_time_abi(None, arm, ["libssl3"]) == NeededLibc("glibc", (0, 0), below=(2, 39))
    assert with_time_abi(None, arm, []) is None
    assert with_time_abi(old, elf(code, machine="EM_AARCH64"), ["libssl3"]) == old, "64 bits it always had there"


def test_the_table_has_the_libraries_that_people_meet() -> None:
    renamed = ("libssl3", "libglib2.0-0", "libcurl4", "libpng16-16", "libasound2", "libcups2", "libreadline8")
    assert [TIME64_PACKAGES[name] for name in renamed] == [f"{name}t64" for name in renamed]
    assert TIME64_PACKAGES["libcurl3-gnutls"] == "libcurl3t64-gnutls"
    assert not {"libc6", "zlib1g", "libx11-6", "libxml2", "libyaml-0-2"} & TIME64_PACKAGES.keys()
