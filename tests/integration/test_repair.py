"""Built wheels are repaired on the builder: libraries of real compilers, the real auditwheel, patchelf and wheel."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.admission.wheel_check import check_wheel
from wheelfleet.builder.libraries import foreign_libraries, packages_of
from wheelfleet.builder.probe import host_libraries, this_system
from wheelfleet.builder.repair import main, runs_on_armv6
from wheelfleet.catalog.outdated_copies import outdated_copies
from wheelfleet.elf import Elf, read_code, read_elf
from wheelfleet.planner.outdated_copies import record_outdated

from tests.support.arm_elf import arm_elf
from tests.support.builder import LIBRARY
from tests.support.catalogs import ControllerState
from tests.support.wheels import wheel_file

MACHINE = os.uname().machine
TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"
PLATFORM = f"{TAG}-{TAG}-linux_{MACHINE}"
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")

EXTENSION = """
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <unistd.h>
@BEFORE@
static PyObject *answer(PyObject *self, PyObject *value) { return PyLong_FromLong(getpid() > 0 ? @CODE@ : 0); }
static PyMethodDef methods[] = {{"answer", answer, METH_O, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "demo", NULL, -1, methods};
PyMODINIT_FUNC PyInit_demo(void) { return PyModule_Create(&module); }
"""


class Workshop:
    """A folder with one wheel that was just built, and the library `libown.so.1` beside it."""

    def __init__(self, folder: Path) -> None:
        self.wheels, self.scratch, self.libraries = (folder / name for name in ("wheels", "scratch", "libraries"))
        for path in (self.wheels, self.scratch, self.libraries):
            path.mkdir()
        self._folder = folder
        self.own = self.libraries / "libown.so.1"

    def library(self) -> None:
        source = self._folder / "own.c"
        source.write_text("int own(void) { return 41; }\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-Wl,-soname,libown.so.1", source, "-o", self.own], check=True)

    def extension(self, code: str = "42", before: str = "", options: Sequence[str | Path] = ()) -> bytes:
        source, output = self._folder / "demo.c", self._folder / "output.so"
        source.write_text(EXTENSION.replace("@BEFORE@", before).replace("@CODE@", code))
        cc = shlex.split(sysconfig.get_config_var("CC"))
        flags = ["-shared", "-fPIC", f"-I{sysconfig.get_path('include')}"]
        subprocess.run([*cc, *flags, source, *options, "-o", output], check=True)
        return output.read_bytes()

    def needing_own(self) -> bytes:
        self.library()
        return self.extension("own()", "int own(void);", [self.own, f"-Wl,-rpath,{self.libraries}"])

    def put(self, code: bytes, tag: str = PLATFORM, name: str = f"demo{SUFFIX}") -> Path:
        made = wheel_file("demo", "1.0", tag, files={name: code})
        path = self.wheels / made.filename
        path.write_bytes(made.data)
        return path

    def repair(self, *, exclude: Sequence[str] = ()) -> dict[str, Any]:
        answer = self._folder / "answer.json"
        assert main([str(self.wheels), str(self.scratch), str(answer), json.dumps(list(exclude))]) == 0
        report: dict[str, Any] = json.loads(answer.read_bytes())
        return report

    def wheel(self) -> Path:
        (path,) = self.wheels.iterdir()
        return path

    def admit(self, exclude: Sequence[str] = ()) -> None:
        """Have the controller's own check look at it."""
        path = self.wheel()
        tags = path.name.removesuffix(".whl").split("-")[-3:]
        target = {f"{tags[0]}-{tags[1]}-{platform}" for platform in tags[2].split(".")}
        check_wheel(path, name="demo", version="1.0", target_tags=target, exclude=exclude)

    def answer(self) -> str:
        """What the module answers once it is installed."""
        installed = self._folder / "installed"
        with zipfile.ZipFile(self.wheel()) as archive:
            archive.extractall(installed)
        code = "import demo; print(demo.answer(0))"
        ran = subprocess.run(
            [sys.executable, "-c", code], cwd=installed, capture_output=True, text=True, check=False, env={}
        )
        return ran.stdout.strip() or ran.stderr


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def test_libraries_go_into_the_wheel_and_it_works_where_they_are_not(workshop: Workshop) -> None:
    workshop.put(workshop.needing_own())
    report = workshop.repair()
    shutil.rmtree(workshop.libraries)
    assert (report["repair"]["outcome"], report["repair"]["vendored"]) == ("repaired", ["libown.so.1"])
    assert report["repair"]["tool"].startswith("auditwheel ")
    assert report["repair"]["platform"] in workshop.wheel().name
    assert report["apt"] == []
    assert workshop.wheel().name.startswith(f"demo-1.0-{TAG}-{TAG}-manylinux")
    assert workshop.answer() == "41"
    workshop.admit()


def test_a_wheel_that_needs_no_library_gets_the_tag_of_the_libc_it_needs(workshop: Workshop) -> None:
    workshop.put(workshop.extension())
    report = workshop.repair()
    assert (report["repair"]["outcome"], report["repair"]["vendored"]) == ("unneeded", [])
    assert report["repair"]["platform"].startswith("manylinux_2_")
    assert workshop.answer() == "42"
    workshop.admit()


def test_a_system_with_musl_repairs_too(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def confstr(name: str) -> str:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "confstr", confstr)
    workshop.put(workshop.extension())
    assert workshop.repair()["repair"]["outcome"] == "unneeded"
    assert workshop.answer() == "42"


def test_equal_contents_become_equal_bytes(tmp_path: Path) -> None:
    packed = []
    for number, order in enumerate((1, -1)):
        (folder := tmp_path / str(number)).mkdir()
        workshop = Workshop(folder)
        built = workshop.put(workshop.extension())
        with zipfile.ZipFile(built) as archive:
            files = [(name, archive.read(name)) for name in archive.namelist()]
        with zipfile.ZipFile(built, "w") as archive:
            for name, data in files[::order]:
                archive.writestr(zipfile.ZipInfo(name, (2000 + number, 1, 1, 0, 0, 0)), data)
        workshop.repair()
        packed.append((workshop.wheel().name, hashlib.sha256(workshop.wheel().read_bytes()).hexdigest()))
    assert packed[0] == packed[1]


def test_the_sbom_names_the_final_wheel_and_every_copied_library(workshop: Workshop) -> None:
    # Debian 12 has it below /lib, which dpkg knows by another path than the real one.
    system = next(iter(Path("/usr/lib").glob("*/liblzma.so.5")), None)
    if system is None or not shutil.which("dpkg-query"):
        pytest.skip("this system has no liblzma from a Debian package")
    code = workshop.extension(
        "own() + lzma_version_number() * 0",
        "int own(void); int lzma_version_number(void);",
        [
            workshop.needing_own() and workshop.own,
            f"-Wl,-rpath,{workshop.libraries}",
            system,
        ],
    )
    workshop.put(code, f"{TAG}-{TAG}-linux_{MACHINE}")
    report = workshop.repair()
    assert report["repair"]["vendored"] == [system.resolve().name, "libown.so.1"]
    with zipfile.ZipFile(workshop.wheel()) as archive:
        said = json.loads(archive.read("demo-1.0.dist-info/sboms/auditwheel.cdx.json"))
    version = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Version}", "liblzma5"], capture_output=True, text=True, check=True
    ).stdout
    assert said["components"][0]["purl"] == f"pkg:pypi/demo@1.0?file_name={workshop.wheel().name}"
    (found,) = (each for each in said["components"] if each["name"] == "liblzma5")
    assert (found["version"], found["bom-ref"] in said["dependencies"][0]["dependsOn"]) == (version, True)
    assert workshop.answer() == "41"
    workshop.admit()


def test_a_repaired_wheel_is_named_once_the_system_has_a_newer_library(workshop: Workshop, tmp_path: Path) -> None:
    library = next(iter(Path("/usr/lib").glob("*/liblzma.so.5")), None)
    libraries = host_libraries() or {}
    if library is None or "liblzma5" not in libraries:
        pytest.skip("this system has no liblzma from a Debian package")
    workshop.put(workshop.extension("lzma_version_number() > 0", "int lzma_version_number(void);", [library]))
    workshop.repair()
    tags = workshop.wheel().name.removesuffix(".whl").split("-")[-3:]
    target = {f"{tags[0]}-{tags[1]}-{platform}" for platform in tags[2].split(".")}
    copied = check_wheel(workshop.wheel(), name="demo", version="1.0", target_tags=target).copied
    assert copied == {"liblzma5": libraries["liblzma5"]}
    name = f"{TAG}-{TAG}-linux_{MACHINE}-glibc2.36"
    facts = {"os": this_system(), "interpreters": {name: {}}}
    with ControllerState(tmp_path / "controller") as state:
        state.target(name, platform=f"linux_{MACHINE}")
        state.builder("pi1", name, facts=facts, libraries=json.dumps(libraries))
        state.wheel("demo", "1.0", serves=[name])
        built_with = json.dumps({"builder": facts})
        state.execute("UPDATE attempt SET built_with = ?, target_id = ?", built_with, state.target(name))
        state.execute("UPDATE wheel SET copied = ?", json.dumps(dict(copied)))
        with state.catalog.writing() as db:
            record_outdated(db, run="run1", now=1.0)
        assert outdated_copies(state.catalog.db) == []
        newer = {**libraries, "liblzma5": f"{libraries['liblzma5']}+deb12u9"}
        state.execute("UPDATE builder SET libraries = ?", json.dumps(newer))
        with state.catalog.writing() as db:
            record_outdated(db, run="run2", now=2.0)
        (found,) = outdated_copies(state.catalog.db)
        assert (found.package, found.copied, found.available) == ("liblzma5", copied["liblzma5"], newer["liblzma5"])


def test_what_a_repair_makes_does_not_depend_on_python_s_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for seed in ("0", "random"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        (folder := tmp_path / seed).mkdir()
        workshop = Workshop(folder)
        names = [f"libown{number}.so.1" for number in range(6)]
        for name in names:
            source = folder / "own.c"
            source.write_text(f"int own_{name[6]}(void) {{ return 1; }}\n")
            options = ["-shared", "-fPIC", f"-Wl,-soname,{name}"]
            subprocess.run(["cc", *options, source, "-o", workshop.libraries / name], check=True)
        before = "".join(f"int own_{name[6]}(void);" for name in names)
        sum_of_all = " + ".join(f"own_{name[6]}()" for name in names)
        libraries = [workshop.libraries / name for name in names]
        # The path is in the code, so the second one is built like the first.
        code = made[0][1] if made else workshop.extension(sum_of_all, before, [*libraries, f"-Wl,-rpath,{folder}"])
        workshop.put(code)
        monkeypatch.setenv("LD_LIBRARY_PATH", str(workshop.libraries))
        assert workshop.repair()["repair"]["vendored"] == names
        made.append((hashlib.sha256(workshop.wheel().read_bytes()).hexdigest(), code))
    assert made[0] == made[1]


def test_a_library_left_to_the_system_is_named_by_its_package(workshop: Workshop) -> None:
    workshop.put(workshop.extension("XML_ExpatVersion() != 0", "const char *XML_ExpatVersion(void);", _expat()))
    report = workshop.repair(exclude=["libexpat.so.1"])
    assert report["apt"] == ["libexpat1"]
    assert report["repair"]["vendored"] == []
    assert "libexpat.so.1 stays the system's" in report["repair"]["message"]
    libc = os.confstr("CS_GNU_LIBC_VERSION").split()[1].replace(".", "_")
    assert report["repair"]["platform"] == f"manylinux_{libc}_{MACHINE}"
    assert workshop.answer() == "1"
    workshop.admit(exclude=["libexpat.so.1"])


def test_a_wheel_whose_library_is_nowhere_stays_as_it_is_and_says_so(workshop: Workshop) -> None:
    built = workshop.put(workshop.needing_own())
    shutil.rmtree(workshop.libraries)
    report = workshop.repair()
    assert report["repair"]["outcome"] == "impossible"
    assert report["repair"]["platform"] is None
    assert "libown.so.1" in report["repair"]["message"]
    assert workshop.wheel().name == built.name
    workshop.admit()


def test_a_wheel_that_claims_too_many_pythons_is_tagged_for_those_it_has(workshop: Workshop) -> None:
    code = workshop.extension("PyObject_GetBuffer(value, &b, 0)", "static Py_buffer b;")
    workshop.put(code, f"cp39-abi3-linux_{MACHINE}", "demo.abi3.so")
    report = workshop.repair()
    assert "uses PyObject_GetBuffer" in report["repair"]["message"]
    assert workshop.wheel().name.startswith("demo-1.0-cp311-abi3-manylinux")
    workshop.admit()


def test_a_wheel_that_claims_abi3t_with_code_for_abi3_is_tagged_abi3(workshop: Workshop) -> None:
    code = workshop.extension("PyObject_GetBuffer(value, &b, 0)", "static Py_buffer b;")
    workshop.put(code, f"cp315-abi3.abi3t-linux_{MACHINE}", "demo.abi3.so")
    report = workshop.repair()
    assert "which no free-threaded Python loads" in report["repair"]["message"]
    assert workshop.wheel().name.startswith("demo-1.0-cp315-abi3-manylinux")


def test_a_wheel_named_for_32_bits_on_a_64_bit_kernel_is_for_every_armv7(workshop: Workshop) -> None:
    workshop.put(arm_elf(cpu=10, fp=3), "cp311-cp311-linux_armv8l", "demo.so")
    workshop.repair()
    assert workshop.wheel().name == "demo-1.0-cp311-cp311-manylinux2014_armv7l.manylinux_2_17_armv7l.whl"


@pytest.mark.parametrize("size", [4, 1000])
def test_a_wheel_that_cannot_be_read_is_left_for_the_controller_to_judge(workshop: Workshop, size: int) -> None:
    built = workshop.put(workshop.extension())
    whole = built.read_bytes()[:size]
    built.write_bytes(whole)
    report = workshop.repair()
    assert report["repair"]["outcome"] == "impossible"
    assert report["repair"]["message"].endswith(".")
    assert built.read_bytes() == whole


def test_only_code_that_all_says_armv6_is_for_a_pi_1(tmp_path: Path) -> None:
    v6, v7, silent = (_read(tmp_path, arm_elf(**how)) for how in ({"cpu": 6, "fp": 2}, {"cpu": 10, "fp": 3}, {}))
    assert runs_on_armv6([v6, v6])
    for other in (v7, silent):
        assert not runs_on_armv6([v6, other])


def test_a_c_library_of_another_processor_adds_no_armv6_tag(workshop: Workshop) -> None:
    """Here that is every processor but an ARMv6: the very case of a Debian armhf."""
    workshop.put(arm_elf(cpu=6, fp=2), f"{TAG}-{TAG}-linux_armv7l", "demo.so")
    workshop.repair()
    assert "_armv7l" in workshop.wheel().name
    assert "armv6l" not in workshop.wheel().name


def test_a_pure_wheel_s_check_costs_no_auditwheel() -> None:
    code = "import sys, wheelfleet.builder.repair; print('auditwheel' in sys.modules, 'elftools' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", "False"]


def test_packages_are_found_by_machine_and_symbol_versions(workshop: Workshop) -> None:
    workshop.put(workshop.extension("XML_ExpatVersion() != 0", "const char *XML_ExpatVersion(void);", _expat()))
    code = read_code(workshop.wheel())
    wanted = foreign_libraries(code)
    assert packages_of(wanted) == (["libexpat1"], [])
    other = {name: [elf._replace(machine="EM_S390") for elf in users] for name, users in wanted.items()}
    assert packages_of(other) == ([], [])
    missing = {"libexpat.so.1": [wanted["libexpat.so.1"][0]._replace(versions=frozenset({("libexpat.so.1", "X_9")}))]}
    assert packages_of(missing) == ([], [])


def _expat() -> list[str]:
    """Debian's Python has the library, and only its development package the link for the linker."""
    return ["-l:libexpat.so.1"]


def _read(folder: Path, data: bytes) -> Elf:
    (folder / "file.so").write_bytes(data)
    with (folder / "file.so").open("rb") as file:
        return read_elf(file)
