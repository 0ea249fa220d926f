"""Which modules of a wheel are tried, and what the end of an import says of the wheel."""

from __future__ import annotations

from pathlib import Path

import pytest
from wheelfleet.build.check import check, judge
from wheelfleet.build.importable import importable

SUFFIXES = [".cpython-311-x86_64-linux-gnu.so", ".abi3.so", ".so"]
IMPORT_ERROR = ["ImportError", "Exception", "BaseException", "object"]
NOT_FOUND = ["ModuleNotFoundError", *IMPORT_ERROR]


@pytest.mark.parametrize(
    ("paths", "modules"),
    [
        (["six.py", "six-1.0.dist-info/METADATA"], ["six"]),
        (["demo/__init__.py", "demo/part.py", "demo/deep/__init__.py"], ["demo"]),
        (["demo/__init__.py", "demo/_fast.cpython-311-x86_64-linux-gnu.so"], ["demo", "demo._fast"]),
        (["demo/__init__.py", "demo/x/_fast.abi3.so", "tests/__init__.py"], ["demo", "demo.x._fast"]),
        (["google/cloud/store/__init__.py", "google/cloud/store/a.py"], ["google.cloud.store"]),
        (["ns/part.py"], ["ns.part"]),
        (["demo/__init__.py", "share/config/thing.py"], ["demo"]),
        (["demo/__init__.py", "demo/tests/_helper.cpython-311-x86_64-linux-gnu.so"], ["demo"]),
        (["tests/__init__.py", "tests/_fast.so"], ["tests", "tests._fast"]),
        (["demo.libs/libz-0a.so.1", "demo/__init__.py", "demo/not-a-module.so"], ["demo"]),
        (["demo-1.data/purelib/inner.py", "demo-1.data/scripts/run.py"], ["inner"]),
        (["__main__.py", "demo-1.dist-info/x.py"], []),
    ],
)
def test_modules_for_people_are_tried_and_every_extension(paths: list[str], modules: list[str]) -> None:
    assert importable(paths, SUFFIXES) == modules


@pytest.mark.parametrize(
    ("kinds", "text", "missing", "verdict", "says"),
    [
        ([], "", None, "imported", ""),
        (IMPORT_ERROR, "libfoo.so.1: cannot open shared object file: No such file", "demo", "failed", "libfoo.so.1"),
        (IMPORT_ERROR, "/x/demo.so: undefined symbol: cblas_sdot", "demo", "failed", "cblas_sdot"),
        (IMPORT_ERROR, "cannot import name 'Mapping' from 'collections'", "collections", "failed", "Mapping"),
        (NOT_FOUND, "No module named 'six'", "six", "failed", "six"),
        (NOT_FOUND, "No module named 'demo.part'", "demo.part", "failed", "demo.part"),
        # It is there, and says by itself that it is not for this machine.
        (NOT_FOUND, "No module named 'demo'", None, "", ""),
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
    tried = judge("demo", kinds, text, missing)
    assert tried.verdict == verdict
    assert says in tried.sentence
    assert not tried.sentence or tried.sentence.endswith(".")


def test_a_module_that_ends_python_does_not_hide_those_after_it(tmp_path: Path) -> None:
    (tmp_path / "a_quits.py").write_text("import os\nos._exit(3)\n")
    (tmp_path / "b_crashes.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    (tmp_path / "c_works.py").write_text("print('hello from c')\n")
    verdict = check(["a_quits", "c_works"], tmp_path, tmp_path)
    assert verdict == {"verdict": "imported", "modules": ["c_works"], "message": None, "missing": None}
    verdict = check(["a_quits", "b_crashes", "c_works"], tmp_path, tmp_path)
    assert (verdict["verdict"], verdict["modules"]) == ("failed", ["c_works"])
    assert verdict["message"] == "Importing b_crashes ends Python with signal 11."


def test_what_is_installed_beside_the_tools_does_not_help(tmp_path: Path) -> None:
    (tmp_path / "needs.py").write_text("import pytest\n")
    verdict = check(["needs"], tmp_path, tmp_path)
    assert verdict["message"] == "Importing needs fails: No module named 'pytest'."
    assert verdict["missing"] == "pytest"


def test_a_module_cannot_talk_its_way_through(tmp_path: Path) -> None:
    (tmp_path / "liar.py").write_text(
        "import json, os\n"
        "for fd in range(3, 20):\n"
        "    try: os.write(fd, b'garbage\\n[1]\\n{\"ends\": \"other\"}\\n' + b'x' * 100)\n"
        "    except OSError: pass\n"
        "raise ImportError('no')\n"
    )
    assert check(["liar"], tmp_path, tmp_path)["verdict"] in ("failed", "unchecked")
