"""Build environments in the sandbox: shared ones that no build can change, private ones where sdists are needed."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import os
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from wheelfleet.builder import env_cache, sandbox
from wheelfleet.builder.folders import BuilderHome
from wheelfleet.processes import boot_id

from tests.support.builder import Builder
from tests.support.interpreters import interpreters
from tests.support.sdists import c_sdist, pure_sdist
from tests.support.upstream import Upstream
from tests.support.wheels import installed_wheel, wheel_file

pytestmark = pytest.mark.skipif(sandbox.probe() is not None, reason=str(sandbox.probe()))


def environments(builder: Builder) -> list[Path]:
    return [path for path in (builder.home / "envs").iterdir() if (path / "pyvenv.cfg").is_file()]


def build(builder: Builder, upstream: Upstream, *sdists: Any, first: int = 0, **changes: Any) -> list[dict[str, Any]]:
    # An assignment's sdist tells where upstream keeps its files; those of these tests lie on no server.
    upstream.files_elsewhere = False
    return builder.build(
        *(
            builder.assignment(sdist, position=position, index_url=upstream.index_url, sandbox=True, **changes)
            for position, sdist in enumerate(sdists, first)
        )
    )


def outcomes(results: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(result["outcome"], result["message"]) for result in results]


def test_builds_with_the_same_requirements_share_an_environment(builder: Builder, upstream: Upstream) -> None:
    setuptools = installed_wheel("setuptools")
    upstream.add_release(setuptools)
    results = build(
        builder,
        upstream,
        c_sdist("one", "1", backend="legacy"),
        c_sdist("two", "1", backend="legacy"),
        pure_sdist("three", "1", backend="setuptools"),
    )
    assert outcomes(results) == [("built", None)] * 3
    assert [result["sandbox"] for result in results] == ["bubblewrap"] * 3
    for result in results:
        assert result["build_requires"] == [{"name": "setuptools", "version": setuptools.version}]
    assert len(environments(builder)) == 1
    assert len([request for request in upstream.requests if request.path.endswith(setuptools.filename)]) == 1
    builder.assert_nothing_is_left()


#: Tries to leave something behind for the builds after it.
POISON = """
import os, pathlib, sys
failed = []
for place in (*sys.path, sys.prefix, os.path.dirname(sys.executable), sys.base_prefix):
    try:
        pathlib.Path(place, "poison.pth").write_text("import poison")
    except OSError as error:
        failed.append(error.errno)
    else:
        if not str(place).startswith(("/build/source", "/build/control")):
            raise SystemExit(f"wrote to {place}")
print("refused", len(failed))
"""


def test_a_wheel_is_compiled_once_for_all_environments_it_is_in(builder: Builder, upstream: Upstream) -> None:
    upstream.add_release(installed_wheel("setuptools"), wheel_file("helper", "1.0", files={"helper.py": "x = 1\n"}))
    sdists = [
        pure_sdist("demo", "1", backend="setuptools"),
        pure_sdist(
            "demo", "2", build_requires=["setuptools", "helper"], script="import helper\n", backend="setuptools"
        ),
    ]
    assert outcomes(build(builder, upstream, *sdists)) == [("built", None)] * 2
    first, second = sorted(environments(builder), key=lambda path: path.stat().st_mtime)
    compiled = [path for path in first.rglob("*.pyc") if "setuptools" in path.parts]
    assert len(compiled) > 50
    for path in compiled:
        assert path.samefile(second / path.relative_to(first))
    assert list(second.rglob("helper.*.pyc"))


def test_a_build_cannot_change_the_environment_of_the_next(builder: Builder, upstream: Upstream) -> None:
    upstream.add_release(wheel_file("helper", "1.0"))
    results = build(
        builder,
        upstream,
        pure_sdist("bad", "1", build_requires=["helper"], script=POISON),
        pure_sdist("next", "1", build_requires=["helper"]),
    )
    assert outcomes(results) == [("built", None)] * 2
    assert "refused" in builder.log("bad-1-0000")
    (environment,) = environments(builder)
    assert not list(environment.rglob("poison*"))


def test_sdists_that_are_required_are_built_inside_for_this_build_alone(builder: Builder, upstream: Upstream) -> None:
    upstream.add_release(
        pure_sdist("helper", "2.0", script="import socket, os; print('helper is built in', os.getcwd(), flush=True)")
    )
    results = build(
        builder,
        upstream,
        pure_sdist("demo", "1", build_requires=["helper"]),
        pure_sdist("later", "1", dynamic_requires=["helper"]),
    )
    assert outcomes(results) == [("built", None)] * 2
    for result in results:
        assert result["build_requires"] == [{"name": "helper", "version": "2.0"}]
    # The one for those that require nothing.
    assert [list(path.glob("lib/*/site-packages/helper*")) for path in environments(builder)] == [[]]


@pytest.mark.parametrize("known", [True, False])
def test_sdists_come_from_where_the_index_keeps_its_files_alone(
    builder: Builder, upstream: Upstream, tmp_path: Path, known: bool
) -> None:
    helper, demo = pure_sdist("helper", "2.0"), pure_sdist("demo", "1", build_requires=["helper"])
    page = tmp_path / "site" / "helper" / "index.html"
    page.parent.mkdir(parents=True)
    with Upstream() as files:
        files.add_release(helper, demo)
        page.write_text(f'<a href="{files.file_url(helper)}">{helper.filename}</a>')
        own = page.parents[1].as_uri()
        assignment = builder.assignment(demo, index_url=upstream.index_url, own_index_url=own, sandbox=True)
        if known:
            assignment["sdist"]["url"] = files.file_url(demo)
        (result,) = builder.build(assignment)
    assert (result["outcome"], result["phase"]) == (("built", "collect") if known else ("failed", "environment"))


@pytest.mark.parametrize(
    ("line", "phase"),
    [
        ("helper @ {url}", "environment"),
        # No requirements (PEP 508): pip itself refuses an sdist that says so.
        ("-r /etc/passwd", "unpack"),
        ("--index-url={url}", "unpack"),
        ("./", "unpack"),
        ("file:///etc/passwd", "unpack"),
    ],
)
def test_what_is_more_than_a_name_with_versions_is_asked_for_inside_only(
    builder: Builder, upstream: Upstream, line: str, phase: str
) -> None:
    with Upstream() as other:
        other.add_release(wheel_file("helper", "1.0"))
        url = other.file_url(wheel_file("helper", "1.0"))
        (result,) = build(builder, upstream, pure_sdist("demo", "1", build_requires=[line.format(url=url), "helper"]))
        assert list(other.requests) == []
    assert (result["outcome"], result["phase"]) == ("failed", phase)


def test_an_upstream_with_html_a_password_and_no_metadata_will_do(builder: Builder, upstream: Upstream) -> None:
    upstream.add_release(wheel_file("helper", "1.0"))
    upstream.json = upstream.core_metadata = False
    upstream.basic_auth = ("pi", "secret")
    url = upstream.index_url.replace("://", "://pi:secret@")
    sdist = pure_sdist("demo", "1", build_requires=["helper"])
    (result,) = builder.build(builder.assignment(sdist, index_url=url, sandbox=True))
    assert (result["outcome"], result["message"]) == ("built", None)
    assert "secret" not in builder.log("demo-1-0000")


def test_a_requirement_is_taken_as_of_a_moment(builder: Builder, upstream: Upstream) -> None:
    upstream.add_release(wheel_file("helper", "1.0"), upload_time="2019-01-01T00:00:00Z")
    upstream.add_release(wheel_file("helper", "2.0"), upload_time="2021-01-01T00:00:00Z")
    sdists = [pure_sdist("demo", "1", build_requires=["helper"]), pure_sdist("next", "1", build_requires=["helper"])]
    first, second = (
        build(builder, upstream, sdist, uploaded_before=moment)[0]
        for sdist, moment in zip(sdists, ["2020-01-01T00:00:00Z", None], strict=True)
    )
    assert (first["build_requires"], second["build_requires"]) == (
        [{"name": "helper", "version": "1.0"}],
        [{"name": "helper", "version": "2.0"}],
    )


def test_a_wheel_of_the_fleet_is_dated_by_its_version(builder: Builder, upstream: Upstream) -> None:
    """Our index has wheels of old releases since they were built, which is after the date."""
    upstream.add_release(pure_sdist("helper", "1.0"), upload_time="2019-01-01T00:00:00Z")
    upstream.add_release(wheel_file("helper", "2.0"), upload_time="2021-01-01T00:00:00Z")
    with Upstream() as ours:
        ours.add_release(wheel_file("helper", "1.0"), wheel_file("helper", "2.0"), upload_time="2026-01-01T00:00:00Z")
        adjustments = {"constraints": ["helper<=1.0"], "undated": ["helper"]}
        (result,) = build(
            builder,
            upstream,
            pure_sdist("demo", "1", build_requires=["helper"]),
            uploaded_before="2020-01-01T00:00:00Z",
            own_index_url=ours.index_url,
            adjustments=adjustments,
        )
        assert result["build_requires"] == [{"name": "helper", "version": "1.0"}]
        assert any(request.path.endswith("helper-1.0-py3-none-any.whl") for request in ours.requests)
        assert "sdists among them are built" not in builder.log("demo-1-0000")


def test_constraints_and_more_requirements_reach_the_environment(builder: Builder, upstream: Upstream) -> None:
    for version in ("1.0", "2.0"):
        upstream.add_release(wheel_file("helper", version))
        upstream.add_release(wheel_file("undeclared", version))
    adjustments = {"constraints": ["helper<2", "undeclared<2", "nobody-asks-for==3"], "requires": ["undeclared"]}
    (result,) = build(builder, upstream, pure_sdist("demo", "1", build_requires=["helper"]), adjustments=adjustments)
    assert result["build_requires"] == [
        {"name": "helper", "version": "1.0"},
        {"name": "undeclared", "version": "1.0"},
    ]


def test_patches_and_settings_reach_the_build(builder: Builder, upstream: Upstream) -> None:
    sdist = pure_sdist("demo", "1", script="print('settings', config_settings)")
    patch = "--- a/demo.py\n+++ b/demo.py\n@@ -2,4 +2,4 @@\n \n \n def answer():\n-    return 42\n+    return 43\n"
    adjustments = {"patches": [{"name": "answer.patch", "text": patch}], "config_settings": {"key": "value"}}
    (result,) = build(builder, upstream, sdist, adjustments=adjustments)
    assert (result["outcome"], result["message"]) == ("built", None)
    assert b"return 43" in wheel_member(builder.wheel(result), "demo.py")
    assert "settings {'key': 'value'}" in builder.log("demo-1-0000")


def test_a_patch_that_does_not_apply_is_named(builder: Builder, upstream: Upstream) -> None:
    patch = "--- a/demo.py\n+++ b/demo.py\n@@ -1 +1 @@\n-never there\n+anywhere\n"
    adjustments = {"patches": [{"name": "wrong.patch", "text": patch}]}
    (result,) = build(builder, upstream, pure_sdist("demo", "1"), adjustments=adjustments)
    assert (result["outcome"], result["phase"]) == ("failed", "unpack")
    assert result["message"].startswith("The patch wrong.patch does not apply: Hunk #1 FAILED")


#: What a Cython generated that knew nothing of this Python.
OLD_C = "/* Generated by Cython 0.27.3 */\n#include <gone-since.h>\n"


def test_c_code_of_an_old_cython_is_generated_anew(builder: Builder, upstream: Upstream) -> None:
    upstream.add_release(*map(installed_wheel, ("setuptools", "Cython")))
    pyx = {"extension.pyx": "def answer():\n    return 42\n"}
    sdist = c_sdist("extension", "1", source=OLD_C, files=pyx, backend="setuptools")
    (before,) = build(builder, upstream, sdist)
    assert (before["outcome"], before["phase"]) == ("failed", "build")
    adjustments = {"requires": ["Cython"], "regenerate": True}
    (after,) = build(builder, upstream, sdist, first=1, adjustments=adjustments)
    assert (after["outcome"], after["message"]) == ("built", None)
    log = builder.log(after["attempt"])
    assert "Generating extension.c anew, which was by Cython 0.27.3" in log
    assert extension_of(builder, after).answer() == 42


#: For a Python before 3.10, where Py_TYPE was a place that could be assigned to.
OLD_API = """
#include <Python.h>
#include "pystrhex.h"
static PyTypeObject type = {PyVarObject_HEAD_INIT(NULL, 0) .tp_name = "extension.T", .tp_basicsize = sizeof(PyObject)};
static PyObject *hex(PyObject *self, PyObject *arguments) { return _Py_strhex("\\x2a", 1); }
static PyMethodDef methods[] = {{"hex", hex, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "extension", NULL, -1, methods};
PyMODINIT_FUNC PyInit_extension(void) {
    Py_TYPE(&type) = &PyType_Type;
    if (Py_TYPE(&type) == NULL || PyType_Ready(&type) < 0) return NULL;
    return PyModule_Create(&module);
}
"""


def test_c_code_for_older_pythons_is_rewritten(builder: Builder, upstream: Upstream) -> None:
    upstream.add_release(installed_wheel("setuptools"))
    sdist = c_sdist("extension", "1", source=OLD_API, backend="setuptools")
    (before,) = build(builder, upstream, sdist)
    assert (before["outcome"], before["phase"]) == ("failed", "build")
    (after,) = build(builder, upstream, sdist, first=1, adjustments={"modernize": True})
    assert (after["outcome"], after["message"]) == ("built", None)
    assert "Rewriting extension.c for the C API of newer Pythons" in builder.log(after["attempt"])
    assert extension_of(builder, after).hex() == "2a"


def test_where_nothing_can_be_changed_the_source_stays_as_it_is(builder: Builder, upstream: Upstream) -> None:
    upstream.add_release(*map(installed_wheel, ("setuptools", "Cython")))
    adjustments = {"requires": ["Cython"], "regenerate": True, "modernize": True}
    (result,) = build(builder, upstream, c_sdist("plain", "1", backend="setuptools"), adjustments=adjustments)
    assert (result["outcome"], result["message"]) == ("built", None)
    said = builder.log(result["attempt"])
    assert "Nothing here uses anything that can be rewritten.\nThe source stays as it is." in said
    assert "Nothing here was generated by Cython from a source that lies beside it.\nThe source stays as it is." in said


def extension_of(builder: Builder, result: dict[str, Any]) -> ModuleType:
    """The extension module of that name in a wheel that was built."""
    compiled = zipfile.ZipFile(io.BytesIO(builder.wheel(result)))
    (name,) = [name for name in compiled.namelist() if name.endswith(".so")]
    loader = importlib.machinery.ExtensionFileLoader("extension", compiled.extract(name, builder.home))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("extension", loader))
    loader.exec_module(module)
    return module


def wheel_member(wheel: bytes, name: str) -> bytes:
    return zipfile.ZipFile(io.BytesIO(wheel)).read(name)


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: path.name)
def test_every_interpreter_builds_in_the_sandbox(builder: Builder, upstream: Upstream, python: Path) -> None:
    upstream.add_release(wheel_file("helper", "1.0"))
    upstream.add_release(pure_sdist("other", "1.0"))
    sdists = [
        pure_sdist("one", "1", build_requires=["helper"]),
        pure_sdist("two", "1", build_requires=["helper"], dynamic_requires=["other"]),
    ]
    results = build(builder, upstream, *sdists, interpreter=python)
    assert outcomes(results) == [("built", None)] * 2


# --------------------------------------------------------------------------------------------------- what is kept


@pytest.fixture
def home(tmp_path: Path) -> BuilderHome:
    home = BuilderHome(tmp_path / "home")
    home.create()
    env_cache.clear_untrusted(home)
    return home


def make(folder: Path) -> None:
    folder.mkdir()
    (folder / "file").write_text("whole")


def test_a_failure_while_an_environment_is_made_leaves_nothing(home: BuilderHome) -> None:
    def fail(folder: Path) -> None:
        make(folder)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError), env_cache.environment(home, "key", fail, 1):
        pass
    assert [path.name for path in home.envs.iterdir() if path.is_dir()] == []
    with env_cache.environment(home, "key", make, 1) as folder:
        assert (folder / "file").read_text() == "whole"


def test_an_environment_is_made_once_and_a_half_made_one_thrown_away(home: BuilderHome) -> None:
    (home.envs / ".key.new").mkdir()
    (home.envs / ".key.new" / "half").touch()
    with env_cache.environment(home, "key", make, 1) as folder:
        assert [path.name for path in folder.iterdir()] == ["file"]
    with env_cache.environment(home, "key", lambda _: pytest.fail("made twice"), 1):
        pass


def test_builds_that_want_the_same_environment_at_once_make_it_once(home: BuilderHome) -> None:
    made: list[Path] = []
    together = threading.Barrier(4, timeout=20)

    def slow(folder: Path) -> None:
        time.sleep(0.2)
        made.append(folder)
        make(folder)

    def use(_: int) -> str:
        with env_cache.environment(home, "key", slow, 20) as folder:
            # Nobody gets on before all are in.
            together.wait()
            return (folder / "file").read_text()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(use, range(4))) == ["whole"] * 4
    assert len(made) == 1


def test_environments_unused_for_longest_go_and_used_ones_stay(
    home: BuilderHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(env_cache, "MOST", 3)
    with env_cache.environment(home, "used", make, 1):
        for number in range(4):
            with env_cache.environment(home, f"key{number}", make, 1):
                os.utime(home.envs / f"key{number}.lock", (number, number))
        os.utime(home.envs / "used.lock", (0, 0))
        with env_cache.environment(home, "last", make, 1):
            pass
    assert sorted(path.name for path in home.envs.iterdir() if path.is_dir()) == ["key3", "last", "used"]


def test_builds_that_remove_the_same_environment_do_not_fail(
    home: BuilderHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(env_cache, "MOST", 1)
    # A build that was killed while it removed one left this.
    make(home.envs / ".key7.gone")

    def use(number: int) -> str:
        with env_cache.environment(home, f"key{number}", make, 20) as folder:
            return (folder / "file").read_text()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(use, [*range(60), *range(60)])) == ["whole"] * 120


def test_what_another_boot_left_is_not_trusted(home: BuilderHome) -> None:
    with env_cache.environment(home, "key", make, 1):
        (home.cache / "uv").mkdir()
    env_cache.clear_untrusted(home)
    assert (home.envs / "key" / "file").exists()
    (home.envs / "boot").write_text("another")
    env_cache.clear_untrusted(home)
    assert (sorted(path.name for path in home.envs.iterdir()), list(home.cache.iterdir())) == (["boot"], [])
    assert (home.envs / "boot").read_text() == boot_id()


def test_an_answer_of_the_index_is_remembered_for_minutes_only(home: BuilderHome) -> None:
    env_cache.remember(home, "name", "answer")
    assert env_cache.remembered(home, "name") == "answer"
    os.utime(home.envs / "locked" / "name", (0, 0))
    assert env_cache.remembered(home, "name") is None
    env_cache.remember(home, "other", "answer")
    assert [path.name for path in (home.envs / "locked").iterdir()] == ["other"]


def test_nothing_of_a_build_is_put_where_a_link_of_its_own_leads(builder: Builder, tmp_path: Path) -> None:
    """Without a sandbox even: what is written for the next command goes into a folder made anew."""
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    script = f"""
import pathlib
control = pathlib.Path(wheel_directory).parent / "control"
for name in ("present.json", "build-requires.txt", "constraints.txt"):
    (control / name).unlink(missing_ok=True)
    (control / name).symlink_to({str(victim)!r})
"""
    (result,) = builder.build(builder.assignment(pure_sdist("demo", "1", script=script)))
    assert result["outcome"] == "built"
    assert victim.read_text() == "untouched"
