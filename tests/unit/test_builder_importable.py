"""Which modules of a wheel are tried, and what the end of an import says of the wheel."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest
from wheelfleet.builder.import_check import Verdict, check, import_verdict
from wheelfleet.builder.importable import Modules, importable

SUFFIXES = [".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so"]
IMPORT_ERROR = ["ImportError", "Exception", "BaseException", "object"]
NOT_FOUND = ["ModuleNotFoundError", *IMPORT_ERROR]


def modules(own: str = "", compiled: str = "", beside: str = "", *, named: bool = True) -> Modules:
    return Modules(own.split(), named, compiled.split(), beside.split())


@pytest.mark.parametrize(
    ("paths", "own", "compiled"),
    [
        (["six.py", "six-1.0.dist-info/METADATA"], "six", ""),
        (["demo/__init__.py", "demo/part.py", "demo/deep/__init__.py"], "demo", ""),
        (["demo/__init__.py", "demo/_fast.cpython-311-x86_64-linux-gnu.so"], "demo", "demo._fast"),
        (["demo/__init__.py", "demo/x/_fast.abi3.so", "tests/__init__.py"], "demo", "demo.x._fast"),
        (["_fast.abi3.so", "tests/__init__.py"], "", "_fast"),
        (["google/cloud/store/__init__.py", "google/cloud/store/a.py"], "google.cloud.store", ""),
        (["ns/part.py"], "ns.part", ""),
        (["demo/__init__.py", "share/config/thing.py"], "demo", ""),
        (["demo/__init__.py", "demo/tests/_helper.cpython-311-x86_64-linux-gnu.so"], "demo", ""),
        (["tests/__init__.py", "tests/_fast.so"], "tests", "tests._fast"),
        (["demo.libs/libz-0a.so.1", "demo/__init__.py", "demo/not-a-module.so"], "demo", ""),
        (["demo-1.data/purelib/inner.py", "demo-1.data/scripts/run.py"], "inner", ""),
        (["__main__.py", "demo-1.dist-info/x.py"], "", ""),
    ],
)
def test_modules_for_people_are_tried_and_every_extension(paths: list[str], own: str, compiled: str) -> None:
    found = importable(paths, SUFFIXES, "demo")
    assert (found.own, found.compiled) == (own.split(), compiled.split())


@pytest.mark.parametrize(
    ("project", "paths", "expected"),
    [
        (
            "PyYAML",
            ["yaml/__init__.py", "_yaml/__init__.py", "yaml/_yaml.abi3.so"],
            modules("yaml", "yaml._yaml", "_yaml"),
        ),
        ("Pillow", ["PIL/__init__.py", "PIL/_imaging.abi3.so"], modules("PIL", "PIL._imaging", named=False)),
        ("RPi.GPIO", ["RPi/GPIO/__init__.py"], modules("RPi.GPIO")),
        ("rpi-gpio", ["RPi/__init__.py", "RPi/_GPIO.abi3.so"], modules("RPi", "RPi._GPIO", named=False)),
        ("protobuf", ["google/protobuf/__init__.py"], modules("google.protobuf")),
        ("python-dateutil", ["dateutil/__init__.py", "test/__init__.py"], modules("dateutil", beside="test")),
        ("attrs", ["attr/__init__.py", "attrs/__init__.py"], modules("attrs", beside="attr")),
        ("spam", ["spam.py", "_spam.abi3.so"], modules("spam", "_spam")),
        ("im-win", ["im_win.py", "im_win_win32.py"], modules("im_win", beside="im_win_win32")),
        ("tools-of-mine", ["alpha.py", "beta.py"], modules("alpha beta", named=False)),
    ],
)
def test_the_projects_own_modules_are_those_called_as_it_is_else_all(
    project: str, paths: list[str], expected: Modules
) -> None:
    assert importable(paths, SUFFIXES, project) == expected


@pytest.mark.parametrize(
    ("kinds", "text", "missing", "verdict", "says"),
    [
        ([], "", None, "imported", ""),
        (IMPORT_ERROR, "libfoo.so.1: cannot open shared object file: No such file", "demo", "failed", "libfoo.so.1"),
        (IMPORT_ERROR, "/x/demo.so: undefined symbol: cblas_sdot", "demo", "failed", "cblas_sdot"),
        (IMPORT_ERROR, "cannot import name 'Mapping' from 'collections'", "collections", "failed", "Mapping"),
        (NOT_FOUND, "No module named 'django'", "django", "unchecked", "needs django, which it does not declare"),
        (NOT_FOUND, "No module named 'demo.part'", "demo.part", "failed", "demo.part"),
        # What was to be compiled was not.
        (NOT_FOUND, "No module named '_demo'", "_demo", "failed", "_demo"),
        (NOT_FOUND, "No module named 'xml.gone'", "xml.gone", "failed", "xml.gone"),
        # It is there, and says by itself that it is not for this machine.
        (NOT_FOUND, "No module named 'demo'", None, "", ""),
        (IMPORT_ERROR, "This module can only be run on a Raspberry Pi", None, "unchecked", "Raspberry Pi"),
        (IMPORT_ERROR, "Unable to find zbar shared library", None, "unchecked", "zbar"),
        (["SyntaxError", "Exception"], "Missing parentheses in call to 'print'", None, "failed", "SyntaxError"),
        (NOT_FOUND, "No module named 'tkinter'", "tkinter", "unchecked", "python3-tk"),
        (IMPORT_ERROR, "dynamic module does not define module export function (PyInit_libx)", "libx", "", ""),
        (["RuntimeError", "Exception"], "no GPIO here", None, "unchecked", "no GPIO here"),
        (["FileNotFoundError", "OSError", "Exception"], "/dev/i2c-1", None, "unchecked", "/dev/i2c-1"),
        (["SystemExit", "BaseException"], "1", None, "unchecked", "SystemExit"),
    ],
)
def test_only_what_can_be_imported_nowhere_has_failed(
    kinds: list[str], text: str, missing: str | None, verdict: str, says: str
) -> None:
    tried = import_verdict("demo", kinds, text, missing)
    assert tried.verdict == verdict
    assert says in tried.sentence
    assert not tried.sentence or tried.sentence.endswith(".")


def test_what_another_project_does_not_have_says_nothing_of_the_wheel() -> None:
    name = "cannot import name 'old' from 'other' (/x/other.py)"
    assert import_verdict("demo", IMPORT_ERROR, name, "other", there=True).verdict == "unchecked"
    assert (
        import_verdict("demo", NOT_FOUND, "No module named 'other.old'", "other.old", there=True).verdict == "unchecked"
    )


def wheel_of(folder: Path, files: dict[str, str], project: str = "demo") -> Verdict:
    for path, text in files.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    return check(importable(files, EXTENSION_SUFFIXES, project), folder, folder)


ONLY_HERE = "raise ImportError('This module can only be run on a Raspberry Pi')\n"
RAISED = "try:\n    import {}\nexcept ImportError as error:\n    raise ImportError('no: ' + str(error)){}\n"


@pytest.mark.parametrize(
    ("files", "verdict", "says"),
    [
        ({"demo.py": ONLY_HERE}, "unchecked", "only be run on a Raspberry Pi"),
        ({"demo.py": "import django\n"}, "unchecked", "needs django, which it does not declare"),
        ({"demo.py": RAISED.format("django", "")}, "unchecked", "needs django, which it does not declare"),
        ({"demo.py": RAISED.format("_demo", "")}, "failed", "No module named '_demo'"),
        ({"demo.py": RAISED.format("_demo", " from None")}, "failed", "No module named '_demo'"),
        ({"demo/__init__.py": "from . import absent\n"}, "failed", "cannot import name 'absent'"),
        ({"demo.py": "", "_demo.abi3.so": "no library"}, "failed", "_demo"),
        (
            {"demo.py": "", "integration_tests/__init__.py": "import pytest\n"},
            "imported",
            "Beside it lies integration_",
        ),
        ({"demo.py": "", "tests/__init__.py": "import pytest\n"}, "imported", "Beside it lies tests, which cannot be"),
        ({"demo.py": "", "demo_win32.py": "import win32api\n"}, "imported", "win32api"),
        ({"demo.py": "", "_demo_py2.py": "print 'x'\n"}, "imported", "SyntaxError"),
        ({"demo.py": "", "b.py": "import os\nos.abort()\n"}, "imported", "signal 6"),
        ({"demo.py": "", "b.py": "1/0\n", "c.py": "1/0\n"}, "imported", "b and 1 more"),
        ({"a.py": "", "b.py": "print 'x'\n"}, "imported", "Beside it lies b"),
        ({"a.py": "print 'x'\n", "b.py": "print 'x'\n"}, "failed", "a fails"),
        ({"demo.py": "print 'x'\n", "tests/__init__.py": ""}, "failed", "demo fails"),
        ({"demo.py": "import imp_that_left\n", "tests/__init__.py": ""}, "unchecked", "imp_that_left"),
        ({"demo.py": ""}, "imported", ""),
        ({"data.txt": ""}, "unchecked", "no module"),
    ],
)
def test_a_wheel_is_judged_by_its_projects_own_modules(
    tmp_path: Path, files: dict[str, str], verdict: str, says: str
) -> None:
    found = wheel_of(tmp_path, files)
    assert (found["verdict"], says in (found["message"] or "")) == (verdict, True), found
    assert (found["message"] is None) == (not says)


def test_a_module_that_ends_python_does_not_hide_those_after_it(tmp_path: Path) -> None:
    (tmp_path / "a_quits.py").write_text("import os\nos._exit(3)\n")
    (tmp_path / "b_crashes.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    (tmp_path / "c_works.py").write_text("print('hello from c')\n")
    verdict = check(modules("a_quits c_works"), tmp_path, tmp_path)
    assert (verdict["verdict"], verdict["modules"], verdict["message"]) == ("imported", ["c_works"], None)
    verdict = check(modules("a_quits b_crashes c_works"), tmp_path, tmp_path)
    assert (verdict["verdict"], verdict["modules"]) == ("failed", ["c_works"])
    assert verdict["message"] == "Importing b_crashes ends Python with signal 11."


def test_what_is_installed_beside_the_tools_does_not_help(tmp_path: Path) -> None:
    (tmp_path / "needs.py").write_text("import pytest\n")
    verdict = check(modules("needs"), tmp_path, tmp_path)
    assert verdict["message"] == "Importing needs needs pytest, which it does not declare."
    assert verdict["missing"] == "pytest"
