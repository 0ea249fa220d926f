"""What a builder does with a wheel once it is built: repaired, installed with what it needs, imported; sandboxed."""

from __future__ import annotations

import io
import json
import re
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder import sandbox
from wheelfleet.contract.adjustments import NO_ADJUSTMENTS
from wheelfleet.planner.recipes import read_recipes

from tests.support.arm_elf import arm_elf
from tests.support.artifacts import Artifact
from tests.support.builder import Builder
from tests.support.interpreters import cpythons
from tests.support.sdists import c_sdist, pure_sdist, sdist_that_builds
from tests.support.upstream import Upstream
from tests.support.wheels import wheel_file

pytestmark = pytest.mark.skipif(sandbox.probe() is not None, reason=str(sandbox.probe()))

IMPORTED = {"verdict": "imported", "message": None, "reason": None, "subject": None}

FINISH = {"repair": True, "exclude": ["libssl.so.3"], "check": True}

#: Needs a library that is beside the source, and that no system has.
WITH_LIBRARY = """
import os, pathlib, subprocess
folder = pathlib.Path(source, "lib")
folder.mkdir()
(folder / "own.c").write_text("#include <unistd.h>\\nint own(void) { return getpid() > 0 ? 41 : 0; }\\n")
command = ["cc", "-shared", "-fPIC", "-Wl,-soname,libown.so.1", "own.c", "-o", "libown.so.1"]
subprocess.run(command, cwd=folder, check=True)
(folder / "libown.so").symlink_to("libown.so.1")
os.environ["LDFLAGS"] = f"-L{folder} -Wl,-rpath,{folder}"
"""
C_SOURCE = """
#include <Python.h>
int own(void);
static PyObject *answer(PyObject *self, PyObject *arguments) { return PyLong_FromLong(own()); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "@MODULE@", NULL, -1, methods};
PyMODINIT_FUNC PyInit_@MODULE@(void) { return PyModule_Create(&module); }
"""

ASKS_THE_NETWORK = """
import socket
try:
    socket.create_connection(("127.0.0.1", {port}), 2)
except OSError:
    pass
else:
    raise ImportError("there is a network")
"""


def build(builder: Builder, upstream: Upstream, *sdists: Artifact, **changes: Any) -> list[dict[str, Any]]:
    changes = {"sandbox": True, "finish": FINISH, "index_url": upstream.index_url, **changes}
    return builder.build(
        *(builder.assignment(sdist, position=order, **changes) for order, sdist in enumerate(sdists)), parallel=2
    )


@pytest.mark.parametrize("python", sorted({cpythons()[0], cpythons()[-1]}), ids=lambda path: path.name)
def test_a_wheel_takes_its_library_along_and_is_imported_without_it(
    builder: Builder, upstream: Upstream, python: Path
) -> None:
    sdist = c_sdist("demo", "1.0", source=C_SOURCE, libraries=["own"], script=WITH_LIBRARY)
    (result,) = build(builder, upstream, sdist, interpreter=python)
    assert (result["outcome"], result["phase"], result["exit_code"]) == ("built", "collect", 0), result
    assert (result["repair"]["outcome"], result["repair"]["vendored"]) == ("repaired", ["libown.so.1"])
    # The package's own folder was there when it was repaired, and is not when it is imported.
    assert result["check"] == {**IMPORTED, "modules": ["demo"]}
    assert result["apt"] == []
    (wheel,) = result["wheels"]
    assert re.search(r"[-.]manylinux_2_", wheel["filename"])
    names = zipfile.ZipFile(io.BytesIO(builder.wheel(result))).namelist()
    assert [name for name in names if re.fullmatch(r"demo\.libs/libown-[0-9a-f]{8}\.so\.1", name)]
    builder.assert_nothing_is_left()


def test_a_pure_wheel_is_imported_with_its_dependencies_and_unchanged(builder: Builder, upstream: Upstream) -> None:
    upstream.add_release(wheel_file("helper", "1.0", files={"helper.py": "there = True\n"}))
    source = "import helper\nassert helper.there\n"
    sdist = pure_sdist("demo", "1.0", requires_dist=["helper>=1", "absent; python_version < '3'"], source=source)
    (checked,) = build(builder, upstream, sdist)
    assert checked["check"] == {**IMPORTED, "modules": ["demo"]}
    assert (checked["repair"], checked["apt"]) == (None, [])
    assert "phase repair" not in builder.log(checked["attempt"])
    plain = builder.assignment(sdist, position=7, sandbox=True)
    assert builder.wheel(builder.build(plain)[0]) == builder.wheel(checked)


def test_a_recipe_spares_a_wheel_its_import(builder: Builder, upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "demo.yml").write_text("reason: It dies where the board is not.\nskip_import: true\n")
    adjustments, _ = read_recipes(tmp_path)["demo"].for_build("1.0", "any") or (NO_ADJUSTMENTS, ())
    sent = json.loads(json.dumps(adjustments.as_data()))
    sdist = pure_sdist("demo", "1.0", source="import os\nos.abort()\n")
    (without,) = build(builder, upstream, sdist)
    (spared,) = build(builder, upstream, sdist, adjustments=sent, attempt="demo-2")
    assert (without["check"]["verdict"], spared["check"]["verdict"]) == ("failed", "unchecked")
    assert "skip_import" in spared["check"]["message"]


def test_an_undeclared_import_of_a_build_requirement_is_no_failure(builder: Builder, upstream: Upstream) -> None:
    upstream.add_release(wheel_file("a.helper", "1.0", files={"a_helper.py": "there = True\n"}))
    source = "import a_helper\nassert a_helper.there\n"
    forgetful = pure_sdist("forgetful", "1.0", source=source, build_requires=["A_Helper"])
    broken = pure_sdist("broken", "1.0", source=f"{source}import elsewhere\n", build_requires=["a-helper"])
    older = wheel_file("setuptools", "80.9.0", files={"pkg_resources.py": "", "setuptools/__init__.py": ""})
    upstream.add_release(older, wheel_file("setuptools", "82.0", files={"setuptools/__init__.py": ""}))
    plugged = pure_sdist("plugged", "1.0", source="import pkg_resources\n", build_requires=["setuptools"])
    good, bad, old = (result["check"] for result in build(builder, upstream, forgetful, broken, plugged))
    said = "It needs a-helper as well, which it does not declare."
    assert good == {**IMPORTED, "modules": ["forgetful"], "message": said}
    assert (bad["verdict"], bad["message"]) == (
        "unchecked",
        "Importing broken needs elsewhere, which it does not declare.",
    )
    assert (old["verdict"], old["message"]) == ("imported", said.replace("a-helper", "setuptools<81"))


def test_what_cannot_be_imported_is_told_apart_from_what_nobody_could_try(builder: Builder, upstream: Upstream) -> None:
    results = build(
        builder,
        upstream,
        pure_sdist("forgets", "1.0", source="import _forgets_compiled\n"),
        pure_sdist("needy", "1.0", requires_dist=["nowhere-to-be-had"]),
        pure_sdist("linked", "1.0", requires_dist=["other @ https://elsewhere.invalid/other-1.0.tar.gz"]),
        pure_sdist("robot", "1.0", source="raise RuntimeError('no GPIO here')\n"),
        pure_sdist("crash", "1.0", source="import os\nos.abort()\n"),
        pure_sdist("quiet", "1.0", source=ASKS_THE_NETWORK.format(port=upstream.port)),
    )
    assert [result["outcome"] for result in results] == ["built"] * 6
    checks = [result["check"] for result in results]
    assert [check["verdict"] for check in checks] == [
        *("failed", "unchecked", "unchecked", "unchecked", "failed", "imported")
    ]
    assert "_forgets_compiled" in checks[0]["message"]
    assert "not to be had as wheels" in checks[1]["message"]
    assert "more than names and versions" in checks[2]["message"]
    assert "no GPIO here" in checks[3]["message"]
    assert "signal 6" in checks[4]["message"]


def test_what_pip_or_uv_refuses_has_failed_with_what_it_says(builder: Builder, upstream: Upstream) -> None:
    requires = sdist_that_builds("needy", "1.0", wheel_file("needy", "1.0", requires_dist=["pytz>dev"]))
    script = {"ni-1.0.dist-info/entry_points.txt": "[console_scripts]\nni = ni\n", "ni.py": ""}
    points = sdist_that_builds("ni", "1.0", wheel_file("ni", "1.0", files=script))
    first, second = (result["check"] for result in build(builder, upstream, requires, points))
    assert (first["verdict"], first["reason"]) == (second["verdict"], second["reason"]) == ("failed", "not-installable")
    assert first["message"].startswith("pip does not install the wheel: ")
    assert "pytz>dev" in first["message"]
    assert second["message"].startswith("uv does not install the wheel: ")


def test_the_hooks_wheel_is_corrected_and_libraries_of_the_sdist_are_data(builder: Builder, upstream: Upstream) -> None:
    two = sdist_that_builds("two", "1.0", wheel_file("two", "1.0"), wheel_file("two", "0.9"))
    odd = sdist_that_builds("odd", "1.0", wheel_file("odd", "1.0", wheel_tags=["cp27-none-any"]))
    data = {"boards/__init__.py": b"", "boards/one.so": arm_elf(), "boards/zero.so": arm_elf(cpu=6)}
    boards = sdist_that_builds("boards", "1.0", wheel_file("boards", "1.0", files=data), files=data)
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    hollow = sdist_that_builds("hollow", "1.0", wheel_file("hollow", "1.0", f"py3-none-{platform}"))
    results = build(builder, upstream, two, odd, boards, hollow)
    names = [wheel["filename"] for result in results for wheel in result["wheels"]]
    assert names[:3] == [f"{name}-1.0-py3-none-any.whl" for name in ("two", "odd", "boards")]
    assert [result["check"]["verdict"] for result in results] == ["imported"] * 4
    assert [result["from_sdist"] for result in results] == [[], [], ["boards/one.so", "boards/zero.so"], []]
    assert "has no machine code" in results[3]["check"]["message"]


def test_an_import_beyond_the_limits_costs_the_verdict_and_not_the_wheel(builder: Builder, upstream: Upstream) -> None:
    sdist = pure_sdist("greedy", "1.0", source="held = bytearray(400 << 20)\nimport time\ntime.sleep(60)\n")
    (result,) = build(builder, upstream, sdist, limits={"memory": 200 << 20})
    assert (result["outcome"], result["stopped_by"]) == ("built", None)
    assert result["check"]["verdict"] in ("unchecked", "failed")
    builder.assert_nothing_is_left()


def test_a_wheel_whose_name_is_no_name_reaches_no_program_outside(builder: Builder, upstream: Upstream) -> None:
    script = (
        "import pathlib\nwheel_filename = 'x\\n-e .\\n-1.0-py3-none-any.whl'\n"
        "pathlib.Path(wheel_directory, wheel_filename).write_bytes(b'PK')\n"
    )
    (result,) = build(builder, upstream, pure_sdist("demo", "1.0", script=script))
    assert (result["outcome"], result["check"]) == ("failed", None)


def test_a_wheel_that_unpacks_elsewhere_changes_nothing_outside(builder: Builder, upstream: Upstream) -> None:
    script = """
import pathlib, zipfile
wheel_filename = "demo-1.0-py3-none-any.whl"
with zipfile.ZipFile(pathlib.Path(wheel_directory, wheel_filename), "w") as archive:
    archive.writestr("../../../../../../escaped.py", "")
    archive.writestr("demo-1.0.data/scripts/../../../escaped", "")
    archive.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n")
    archive.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    archive.writestr("demo-1.0.dist-info/RECORD", "")
"""
    (result,) = build(builder, upstream, pure_sdist("demo", "1.0", script=script))
    assert result["check"]["reason"] == "not-installable"
    assert not list(builder.home.rglob("escaped*"))
    builder.assert_nothing_is_left()
