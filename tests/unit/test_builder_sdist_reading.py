"""What a builder reads of an unpacked sdist before anything of it runs: how it is built, and its own names."""

from __future__ import annotations

from pathlib import Path

import pytest
from wheelfleet.builder.prepare import build_system, check_python
from wheelfleet.builder.sdist_names import declared, own_modules
from wheelfleet.contract.reasons import Failed

SYSTEM = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'


def project(folder: Path, text: str | bytes | None, *files: str) -> Path:
    for name in ("setup.py", *files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    if text is not None:
        (folder / "pyproject.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("\ufeff" + SYSTEM, "byte order mark", id="byte order mark"),
        pytest.param((SYSTEM + "# caf\xe9\n").encode("latin-1"), "is not UTF-8", id="latin-1"),
        pytest.param('[build-system]\nrequires = ["setuptools"\n', "is not valid TOML", id="syntax"),
        pytest.param("x = " + "[" * 5000, "is not valid TOML", id="nested without end"),
        pytest.param('[build-system]\nbuild-backend = "x"\n', "without requires", id="no requires"),
        pytest.param('[build-system]\nrequires = "setuptools"\n', "lists of strings", id="requires is a string"),
        pytest.param("build-system = 3\n", "without requires", id="no table"),
        pytest.param('[build-system]\nrequires = ["set up!!"]\n', "'set up!!', which is no", id="no requirement"),
        pytest.param(SYSTEM.replace('"setuptools.build_meta"', "3"), "wrong form", id="backend is a number"),
        pytest.param(SYSTEM.replace('"setuptools.build_meta"', '""'), "names no module", id="no backend's name"),
        pytest.param(SYSTEM + 'backend-path = ["../be"]\n', "outside of the project", id="backend outside"),
        pytest.param(SYSTEM + 'backend-path = ["/be"]\n', "outside of the project", id="backend at the root"),
        pytest.param(SYSTEM + 'backend-path = "be"\n', "wrong form", id="backend-path is a string"),
        pytest.param(SYSTEM + 'backend-path = ["be"]\n', "have its own build backend 'setuptools'", id="backend gone"),
    ],
)
def test_what_pip_refuses_is_the_sdists_fault_in_one_sentence(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(Failed, match=said) as refused:
        build_system(project(tmp_path, text))
    assert refused.value.reason == "sdist-broken"
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    ("stated", "fits"),
    [
        (None, True), (">=3.2", True), (">=3.99", False), (">=3.8,\n  <4", True), ("<3", False), ("!=3.*", False),
        ("as you like", True), (">= 3.6", True),
    ],
)  # fmt: skip
def test_an_sdist_that_is_for_other_pythons_is_not_built(tmp_path: Path, stated: str | None, fits: bool) -> None:
    field = f"Requires-Python: {stated}\n" if stated else ""
    (tmp_path / "PKG-INFO").write_text(
        f"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n{field}\nRequires-Python: <2\n"
    )
    if fits:
        check_python(tmp_path)
        return
    with pytest.raises(Failed, match="PKG-INFO asks for Python") as refused:
        check_python(tmp_path)
    assert (refused.value.reason, refused.value.about) == ("other-python", stated)


def test_what_is_no_project_at_all_is_the_sdists_fault_too(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="is no Python project") as refused:
        build_system(tmp_path)
    assert refused.value.reason == "sdist-broken"


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        SYSTEM.replace("\n", "\r\n"),
        '[build-system]\nrequires = []\n',
        '[build-system]\nrequires = ["a @ https://127.0.0.1/a.whl", "b[c]>=1; python_version < \'3\'"]\n',
        SYSTEM.replace("setuptools.build_meta", "be.sub:of") + 'backend-path = ["x/../_build"]\n',
        SYSTEM.replace("setuptools.build_meta", "be") + 'backend-path = ["."]\n',
    ],
)  # fmt: skip
def test_what_pip_builds_is_built(tmp_path: Path, text: str | None) -> None:
    found = build_system(project(tmp_path, text, "be.py", "_build/be.py"))
    assert isinstance(found["requires"], list)
    assert all(not part.startswith("..") for part in found["backend_path"])


def test_its_own_modules_are_what_lies_beside_setup_py(tmp_path: Path) -> None:
    project(tmp_path, None, "helper.py", "pkg/__init__.py", "namespace/part.py", "docs/index.rst", "native.abi3.so")
    project(tmp_path, None, "src/below/__init__.py", "src/one.py")
    (tmp_path / "no-module.py").touch()
    (tmp_path / "gone").symlink_to("nowhere")
    assert own_modules(tmp_path) == ["below", "helper", "namespace", "native", "one", "pkg", "src"]


def test_what_it_declares_anywhere_counts_and_nothing_else_does(tmp_path: Path) -> None:
    project(tmp_path, None, "demo.egg-info/requires.txt", "requirements/dev.txt")
    (tmp_path / "setup.py").write_text(
        "from setuptools import setup\nNEEDS = ['from_variable>=1']\nother = ['not_this']\n"
        "setup(name='not_this', install_requires=NEEDS + ['Of_Install'], setup_requires='of_setup',\n"
        "      extras_require={'not_this': ['of-extra; python_version<\"3\"']}, **{'tests_require': ['of_tests']})\n"
    )
    (tmp_path / "setup.cfg").write_text(
        "[metadata]\nname = not_this\n[bdist_rpm]\nrequires = not_this\n"
        "[options]\ninstall_requires =\n    of.cfg>=2\n    cfg2[x]\n[options.extras_require]\nnot_this = cfg_extra\n"
    )
    (tmp_path / "requirements-dev.txt").write_text("# not_this\n-r not_this.txt\nof_file==1.0\nhttps://not/this\n")
    (tmp_path / "demo.egg-info" / "requires.txt").write_text("of_egg_info\n\n[not_this]\nin_extra>1\n")
    (tmp_path / "PKG-INFO").write_text("Name: not_this\nRequires-Dist: of_metadata (>=1)\n\nnot_this\n")
    tables = {
        "build-system": {"requires": ["of_pyproject"]},
        "project": {"dependencies": ["of_project"], "optional-dependencies": {"not_this": ["optional"]}},
        "tool": {"poetry": {"dependencies": {"of_poetry": "^1"}}, "other": {"name": "not_this"}},
        "dependency-groups": {"not_this": ["of_group", {"include-group": "x"}]},
    }
    found = set(declared(tmp_path, tables))
    assert found >= {
        *("from-variable", "of-install", "of-setup", "of-extra", "of-tests", "of-cfg", "cfg2", "cfg-extra", "of-file"),
        *("of-egg-info", "in-extra", "of-metadata", "of-pyproject", "of-project", "optional", "of-poetry", "of-group"),
    }
    assert "not-this" not in found


def test_a_setup_py_of_any_content_is_read_and_never_run(tmp_path: Path) -> None:
    project(tmp_path, None)
    for text in ("print 'Python 2'", "raise SystemExit(1)", "(" * 5000, "\0", "x = " + "-" * 5000 + "1"):
        (tmp_path / "setup.py").write_text(text)
        assert declared(tmp_path, {}) == []
