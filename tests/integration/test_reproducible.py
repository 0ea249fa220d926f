"""Two builders, in two folders, give the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builder import Builder
from tests.support.sdists import Backend, c_sdist
from tests.support.upstream import Upstream
from tests.support.wheels import installed_wheel

#: Knows where and when it was compiled, as far as the compiler tells.
SOURCE = """\
#include <Python.h>
#include <where.h>

static PyObject *answer(PyObject *self, PyObject *arguments) {
    return PyUnicode_FromFormat("%s %s %s", where, __DATE__, __TIME__);
}
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "@MODULE@", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_@MODULE@(void) { return PyModule_Create(&module); }
"""

#: A header found by a path of this machine, as those of most packages are, and another time of files.
SCRIPT = """\
import os
open("where.h", "w").write('static const char *where = __FILE__;')
os.environ["CPPFLAGS"] += " -I" + os.getcwd()
os.utime("setup.py")
"""


@pytest.mark.parametrize(("backend", "sandbox"), [("setuptools", True), ("legacy", False)])
def test_two_builders_give_the_same_bytes(tmp_path: Path, backend: Backend, sandbox: bool) -> None:
    sdist = c_sdist("demo", "1.0", source=SOURCE, script=SCRIPT, backend=backend)
    wheels = []
    with Upstream() as upstream:
        upstream.add_release(installed_wheel("setuptools"))
        for folder in (tmp_path / "one", tmp_path / "another" / "of" / "them"):
            with Builder(folder) as builder:
                assignment = builder.assignment(sdist, index_url=upstream.index_url, sandbox=sandbox)
                assignment["sdist"]["upload_time"] = "2024-01-02T03:04:05Z"
                (result,) = builder.build(assignment)
                assert (result["outcome"], result["message"]) == ("built", None)
                assert "-O2" in builder.log(result["attempt"]) or "-O3" in builder.log(result["attempt"])
                wheels.append(builder.wheel(result))
    assert wheels[0] == wheels[1]
