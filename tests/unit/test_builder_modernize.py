"""C code for older Pythons, rewritten so that it means the same in all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from wheelfleet.builder.modernize import main, modern_script, modernized

from tests.support.interpreters import interpreters


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Py_TYPE(&Foo_Type) = &PyType_Type;", "Py_SET_TYPE(&Foo_Type, &PyType_Type);"),
        ("Py_REFCNT(self)=1;", "Py_SET_REFCNT(self, 1);"),
        ("Py_SIZE (list->items[f(a, b)]) = n + (m);", "Py_SET_SIZE(list->items[f(a, b)], n + (m));"),
        ("Py_SIZE(op) -= 2;", "Py_SET_SIZE(op, Py_SIZE(op) - (2));"),
        (
            "#define NEW(x) do { Py_TYPE(x) = \\\n  &T; } while (0)",
            "#define NEW(x) do { Py_SET_TYPE(x, &T); } while (0)",
        ),
        ('  # include  "pystrhex.h"\n', None),
        ("if (_PyObject_GC_IS_TRACKED(f(a))) return;", "if (PyObject_GC_IsTracked((PyObject *)(f(a)))) return;"),
        ("_PyObject_GC_TRACK(a); _PyObject_GC_UNTRACK (b);", "PyObject_GC_Track(a); PyObject_GC_UnTrack(b);"),
        ('m = PyImport_ImportModuleNoBlock ("math");', 'm = PyImport_ImportModule ("math");'),
        ("return _PyInterpreterState_Get() == a;", "return PyInterpreterState_Get() == a;"),
        (
            "void f(T *self)\n{ if (a) { b(); } Py_TRASHCAN_SAFE_BEGIN(self); Py_TRASHCAN_SAFE_END(self)\n}",
            "void f(T *self)\n{ if (a) { b(); } Py_TRASHCAN_BEGIN(self, f); Py_TRASHCAN_END\n}",
        ),
        ("int f() {}\n#define Py_TRASHCAN_SAFE_BEGIN(op)", ""),
        # Nothing of it is an assignment to the macro.
        ("if (Py_TYPE(a) == Py_TYPE(b)) c = Py_SIZE(a);", ""),
        ("for (i = Py_SIZE(a); i >= Py_SIZE(b); i = 0) ;", ""),
        ("foo(Py_TYPE(a), b = 1);", ""),
        ("#define Py_TYPE(ob) (((PyObject*)(ob))->ob_type)", ""),
        ("Py_TYPE(", ""),
        ("Py_TYPE(a) =", ""),
        ("My_Py_TYPE(a) = b;", ""),
        ("My_PyImport_ImportModuleNoBlock(a);", ""),
    ],
)
def test_only_what_newer_pythons_refuse_is_changed(old: str, new: str | None) -> None:
    if new is None:
        assert modernized(old).startswith("  extern PyObject *_Py_strhex(")
    else:
        changed = modernized(old)
        assert changed.replace("\\\n  ", "") == (new or old)
        assert modernized(changed) == changed


def test_every_byte_that_is_not_changed_stays(tmp_path: Path) -> None:
    source = tmp_path / "lib" / "a.c"
    source.parent.mkdir()
    source.write_bytes(b"/* \xe4\xff\r\n */ Py_TYPE(a) = b;\r\n")
    (tmp_path / "linked.c").symlink_to("lib/a.c")
    (tmp_path / "notes.txt").write_bytes(b"Py_TYPE(a) = b;")
    assert main(str(tmp_path)) == 0
    assert source.read_bytes() == b"/* \xe4\xff\r\n */ Py_SET_TYPE(a, b);\r\n"
    assert (tmp_path / "notes.txt").read_bytes() == b"Py_TYPE(a) = b;"
    assert main(str(tmp_path)) == 1


def test_builtins_are_the_module_although_setup_py_is_no_script_of_its_own() -> None:
    old = "import os\n__builtins__.__NUMPY_SETUP__ = False\nself.__builtins__.a = my__builtins__.b = 1\n"
    new = modern_script(old)
    assert new == old.replace("\n__builtins__", '\n__import__("builtins")')
    assert modern_script(new) == new


def test_a_pxd_is_no_source_that_setup_py_has_compiled() -> None:
    old = "src = ['hid.pyx', 'chid.pxd']\npackage_data = {'': ['*.pyx', '*.pxd'], 'a': ['chid.pxd']}\n"
    assert modern_script(old) == old.replace("['hid.pyx', 'chid.pxd']", "['hid.pyx']")


VERSION = """# coding: utf-8
from __future__ import annotations
import os
def version():
    exec(compile("__version__ = 'one'", "version.py", "exec"))
    return locals()["__version__"]
exec("two = 2")
three = {}
exec("four = 4", three)
found = [version(), two, three["four"]]
"""


@pytest.mark.parametrize("python", [sys.executable, *map(str, interpreters())])
def test_locals_have_what_exec_sets_in_every_python(python: str, tmp_path: Path) -> None:
    (tmp_path / "setup.py").write_text(VERSION)
    assert main(str(tmp_path)) == 0
    assert main(str(tmp_path)) == 1
    run = "names = {}; exec(compile(open('setup.py').read(), 'setup.py', 'exec'), names); print(names['found'])"
    said = subprocess.run([python, "-c", run], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said == "['one', 2, 4]\n"


def test_an_older_pybind11_is_replaced_by_the_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer, old, other = (tmp_path / name for name in ("include", "sdist/external/include/pybind11", "sdist/pybind11"))
    for folder in (newer / "pybind11" / "detail", old, other):
        folder.mkdir(parents=True)
    for path in (newer / "pybind11" / "cast.h", newer / "pybind11" / "detail" / "class.h"):
        path.write_text("new")
    for path in (old / "cast.h", old / "pybind11.h", other / "bindings.h"):
        path.write_text("old")
    module = SimpleNamespace(get_include=lambda: str(newer), __version__="2.13.6")
    monkeypatch.setitem(sys.modules, "pybind11", module)
    assert main(str(tmp_path / "sdist")) == 0
    assert (old / "cast.h").read_text() == (old / "detail" / "class.h").read_text() == "new"
    assert [path.name for path in other.iterdir()] == ["bindings.h"]
    monkeypatch.setitem(sys.modules, "pybind11", None)
    assert main(str(tmp_path / "sdist")) == 1
