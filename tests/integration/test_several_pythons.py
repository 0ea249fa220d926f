"""One builder with Debian's Python, PyPy and one without a GIL; and with a Python that knows abi3t (3.15)."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import provide
from tests.support import sdists
from tests.support.interpreters import free_threaded, interpreters
from tests.support.operator import Operator
from tests.support.upstream import Upstream
from tests.support.wheels import installed_wheel

pytestmark = pytest.mark.long

#: A module for abi3t, in which PyObject and PyModuleDef are opaque, so that it exports its slots (PEP 793, PEP 803).
ABI3T_SOURCE = """
#define Py_TARGET_ABI3T 0x030f0000
#include <Python.h>
PyABIInfo_VAR(abi_info);
static PyObject *answer(PyObject *self, PyObject *arguments) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static PySlot slots[] = {
    PySlot_STATIC_DATA(Py_mod_name, "@MODULE@"),
    PySlot_STATIC_DATA(Py_mod_abi, &abi_info),
    PySlot_STATIC_DATA(Py_mod_methods, methods),
    PySlot_DATA(Py_mod_gil, Py_MOD_GIL_NOT_USED),
    PySlot_END
};
PyMODEXPORT_FUNC PyModExport_@MODULE@(void) { return slots; }
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder tools/ of the test's own: the tests' Python may be another one of the same version as Debian's."""
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


def installed(python: str, folder: Path, operator: Operator, project: str) -> str:
    """Install a project from the site alone with the pip of a Python, and have it answer; returns the wheel's name."""
    subprocess.run([python, "-m", "venv", folder], check=True, capture_output=True)
    pip = [folder / "bin/python", "-m", "pip", "--isolated", "install", "--no-cache-dir", "-v"]
    said = subprocess.run(
        [*pip, "--index-url", (operator.site / "simple").as_uri(), project], check=True, capture_output=True, text=True
    ).stdout
    program = f"import {project}; print({project}.answer())"
    answer = subprocess.run([folder / "bin/python", "-c", program], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["42"]
    return re.findall(rf"({project}-[^/ ]*\.whl)", said)[-1]


def test_debians_python_pypy_and_one_without_gil_share_a_builder(
    operator: Operator, upstream: Upstream, tools: Path, tmp_path: Path
) -> None:
    debians, pypy = Path("/usr/bin/python3").resolve(), shutil.which("pypy3")
    threaded = free_threaded()
    if not threaded or pypy is None or debians not in interpreters():
        pytest.skip("needs Debian's python3-venv, pypy3-venv, and a CPython made with --disable-gil in /opt/NAME/bin")
    pythons = {"debian": str(debians), "pypy": pypy, "threaded": str(threaded[-1])}
    for python in pythons.values():
        provide(tools, Path(python))
    upstream.add_release(sdists.pure_sdist("pure", "1.0"), sdists.c_sdist("bound", "1.0"))
    upstream.add_release(sdists.c_sdist("limited", "1.0", abi3=True, backend="setuptools"))
    upstream.add_release(installed_wheel("setuptools"))
    operator.variables |= {
        "controller_packages": ["pure", "bound", "limited"],
        "builder_pythons": list(pythons.values()),
        "builder_repair": True,
        "builder_check_imports": True,
    }
    run = operator.build(expect=None)
    wheels: dict[str, list[str]] = {}
    for name in operator.wheels():
        wheels.setdefault(name.partition("-")[0], []).append(name)
    minor = re.sub(r".*python3\.(\d+)t$", r"\1", pythons["threaded"])
    tag = f"cp3{minor}-cp3{minor}t"
    assert len(wheels["pure"]) == 1, run.output
    assert len(wheels["bound"]) == 3, run.output
    assert sum("manylinux" in name for name in wheels["bound"]) == 3
    # On 3.13 and 3.14 without GIL there is no limited API: a remedy makes a wheel for this Python alone.
    assert {re.sub(r"-[^-]*$", "", name.split("-", 2)[2]) for name in wheels["limited"]} >= {"cp39-abi3", tag}

    for project in ("bound", "limited", "pure"):
        for name, python in pythons.items():
            took = installed(python, tmp_path / f"{project}-{name}", operator, project)
            assert took in wheels[project]
            if project != "pure":
                assert (f"-{tag}-" in took) == (name == "threaded")
    page = (operator.site / "project/bound/index.html").read_text()
    assert f"CPython 3.{minor} (free-threaded), Linux on" in page
    assert "PyPy 3." in page
    checked = json.loads((operator.site / "project/bound/json").read_text())["releases"]["1.0"]["files"]
    assert [file["check"]["verdict"] for file in checked] == ["imported"] * 3
    assert operator.build(expect=None).changed == 0


def test_a_wheel_for_abi3t_is_built_once_for_all_pythons_from_3_15(
    operator: Operator, upstream: Upstream, tools: Path, tmp_path: Path
) -> None:
    newest = interpreters()[-2:] + free_threaded()
    pythons = [str(python) for python in newest if re.search(r"python3\.15t?$", python.name)]
    if not pythons:
        pytest.skip("needs a Python 3.15")
    for python in pythons:
        provide(tools, Path(python))
    upstream.add_release(sdists.c_sdist("both", "1.0", source=ABI3T_SOURCE, abi3t=True))
    operator.variables |= {
        "controller_packages": ["both"],
        "builder_pythons": pythons,
        "builder_repair": True,
        "builder_check_imports": True,
    }
    run = operator.build()
    (wheel,) = operator.wheels()
    assert wheel.startswith("both-1.0-cp315-abi3.abi3t-manylinux"), run.output
    for number, python in enumerate(pythons):
        assert installed(python, tmp_path / str(number), operator, "both") == wheel
    assert "CPython 3.15 or newer, also free-threaded" in (operator.site / "project/both/index.html").read_text()
    assert "python3.15" in run.output, "the command to install it"
    assert operator.build().changed == 0
