"""Makes real source distributions, with the same bytes every time.

By default an sdist contains its own build backend (`intree_backend.py`), which needs no network and builds in a
fraction of a second. `backend="setuptools"` and `backend="legacy"` (only setup.py) need setuptools from the upstream:
publish `wheels.installed_wheel("setuptools")` there.

`script` is Python code that runs inside the build, before the wheel is made. It may sleep, fail, fork, fill the disk or
make a wheel: it has the globals `wheel_directory` and `source`, and sets `wheel_filename` to the wheel it made. With
the setuptools backends the code is at the top of setup.py, so it runs once in every hook.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from packaging.version import Version

from tests.support.artifacts import Artifact, core_metadata, file_stem, module_name

Backend = Literal["intree", "setuptools", "legacy"]
Flaw = Literal[
    "path-traversal",
    "absolute-path",
    "symlink-out",
    "hardlink-out",
    "device",
    "two-roots",
    "no-pyproject-or-setup",
    "truncated",
    "not-an-archive",
    "bomb",
]
Entries = dict[str, bytes]

_BACKEND_SOURCE = Path(__file__).with_name("intree_backend.py").read_bytes()
_MTIME = 1_700_000_000

_C_SOURCE = """\
#include <Python.h>

static PyObject *answer(PyObject *self, PyObject *arguments) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, "the answer"}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "@MODULE@", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_@MODULE@(void) { return PyModule_Create(&module); }
"""

_CTYPES_PACKAGE = """\
import ctypes
import pathlib

_native = ctypes.CDLL(str(pathlib.Path(__file__).with_name("_native.so")))


def answer():
    return _native.answer()
"""


def pure_sdist(
    name: str,
    version: str,
    *,
    requires_python: str | None = None,
    requires_dist: Sequence[str] = (),
    extras: Sequence[str] = (),
    build_requires: Sequence[str] | None = None,
    dynamic_requires: Sequence[str] = (),
    backend: Backend = "intree",
    script: str | None = None,
    filename: str | None = None,
    source: str | None = None,
    files: Mapping[str, bytes] | None = None,
) -> Artifact:
    """An sdist of one Python module with a function `answer`; builds to py3-none-any.

    `filename` is the archive's name, for example in the spelling of legacy tools (`RPi.Fake-0.7.1.tar.gz`,
    `my-pkg-1.0-1.tar.gz`, `….zip`). `build_requires` are pyproject's requirements, `dynamic_requires` those that the
    backend returns from its hook. `files` are further files.
    """
    module = module_name(name)
    text = source or f"__version__ = {version!r}\n\n\ndef answer():\n    return 42\n"
    return _sdist(
        name,
        version,
        {"kind": "pure", "files": [f"{module}.py"], "dynamic_requires": list(dynamic_requires)},
        {f"{module}.py": text.encode(), **(files or {})},
        requires_python=requires_python,
        requires_dist=requires_dist,
        extras=extras,
        build_requires=build_requires,
        backend=backend,
        script=script,
        filename=filename,
    )


def c_sdist(
    name: str,
    version: str,
    *,
    source: str | None = None,
    abi3: bool = False,
    abi3t: bool = False,
    libraries: Sequence[str] = (),
    requires_python: str | None = None,
    requires_dist: Sequence[str] = (),
    build_requires: Sequence[str] | None = None,
    backend: Backend = "intree",
    script: str | None = None,
    filename: str | None = None,
    files: Mapping[str, str] | None = None,
) -> Artifact:
    """An sdist of one C extension with a function `answer`; builds to cpXY-cpXY-linux_…, or cp39-abi3-linux_…, or, with
    `abi3t` and a source that targets it, cp315-abi3.abi3t-linux_….

    In `source`, `@MODULE@` is replaced by the extension's name. `libraries` are linked (`["z"]` is `-lz`). `files` are
    further files.
    """
    text = (source or _C_SOURCE).replace("@MODULE@", module_name(name))
    return _sdist(
        name,
        version,
        {"kind": "c", "abi3": abi3, "abi3t": abi3t, "libraries": list(libraries)},
        {"extension.c": text.encode(), **{path: content.encode() for path, content in (files or {}).items()}},
        requires_python=requires_python,
        requires_dist=requires_dist,
        build_requires=build_requires,
        backend=backend,
        script=script,
        filename=filename,
    )


def rust_sdist(
    name: str,
    version: str,
    *,
    dependencies: str,
    main: str,
    before: str = "",
    after: str = "",
    files: Mapping[str, bytes] | None = None,
    programs: Mapping[str, bytes] | None = None,
) -> Artifact:
    """An sdist whose build compiles and runs the Rust program `main` by cargo; its output becomes ANSWER in the wheel.

    `dependencies` are lines of Cargo.toml. `before` and `after` are Python code around the build. `files` are further
    files, and so are `programs`, which are executable.
    """
    module = module_name(name)
    cargo = f'[package]\nname = "{module}"\nversion = "0.1.0"\nedition = "2018"\n\n[dependencies]\n{dependencies}\n'
    script = (
        f"{before}\nimport pathlib, subprocess\n"
        "said = subprocess.run(['cargo', 'run', '--release'], cwd=source, stdout=subprocess.PIPE, check=True).stdout\n"
        f"pathlib.Path(source, '{module}.py').write_bytes(b'ANSWER = ' + said)\n{after}"
    )
    tree = {f"{module}.py": b"", "Cargo.toml": cargo.encode(), "src/main.rs": main.encode(), **(files or {})}
    sdist = _sdist(name, version, {"kind": "pure", "files": [f"{module}.py"]}, tree, script=script)
    members = []
    for path, data in (programs or {}).items():
        member = _member(f"{file_stem(name, version)}/{path}", len(data))
        member.mode = 0o755
        members.append((member, data))
    return _with_data(sdist, _tar_gz(tuple(_entries_of(sdist).items()), tuple(members))) if members else sdist


def sdist_of_files(name: str, version: str, files: Mapping[str, str]) -> Artifact:
    """An sdist of these files, with a pyproject.toml among them."""
    tree = {"PKG-INFO": core_metadata(name, version), **{path: text.encode() for path, text in files.items()}}
    root = file_stem(name, version)
    data = _tar_gz(tuple((f"{root}/{path}", content) for path, content in sorted(tree.items())))
    return Artifact(f"{root}.tar.gz", data, name, version, "sdist")


def cli_tagged_sdist(
    name: str, version: str, *, requires_python: str | None = None, script: str | None = None
) -> Artifact:
    """An sdist of a package that loads its shared library by ctypes; builds to cpXY-none-linux_…."""
    module = module_name(name)
    return _sdist(
        name,
        version,
        {"kind": "ctypes", "files": [f"{module}/__init__.py"]},
        {f"{module}/__init__.py": _CTYPES_PACKAGE.encode(), "native.c": b"int answer(void) { return 42; }\n"},
        requires_python=requires_python,
        script=script,
    )


def broken_sdist(name: str, version: str, *, script: str = "raise AssertionError('this never builds')") -> Artifact:
    """An sdist whose build runs `script`; by default it fails with a message."""
    return pure_sdist(name, version, script=script)


def missing_header_sdist(name: str, version: str, *, header: str = "cups/cups.h") -> Artifact:
    """An sdist of a C extension that includes a missing header: the real compiler refuses it."""
    return c_sdist(name, version, source=f"#include <{header}>\n{_C_SOURCE}")


def syntax_error_sdist(name: str, version: str, *, backend: Backend = "intree") -> Artifact:
    """An sdist whose setup.py is Python 2: the build ends with a SyntaxError."""
    return _sdist(
        name,
        version,
        {"kind": "pure", "files": [], "runs_setup_py": True},
        {"setup.py": b"from distutils.core import setup\nprint 'hello'\nsetup()\n"},
        backend=backend,
    )


def sdist_that_builds(
    name: str, version: str, *wheels: Artifact, script: str | None = None, files: Mapping[str, bytes] | None = None
) -> Artifact:
    """An sdist whose build gives exactly these wheels, valid or not, and returns the first; `files` are further
    files."""
    prepared = {f"_backend/wheels/{order}/{wheel.filename}": wheel.data for order, wheel in enumerate(wheels)}
    return _sdist(name, version, {"kind": "prepared"}, {**prepared, **(files or {})}, script=script)


def hostile_sdist(name: str, version: str, flaw: Flaw, *, bomb_bytes: int = 256 << 20) -> Artifact:
    """An sdist with a bad archive; entries that escape would be files named `escaped-by-…`."""
    good = pure_sdist(name, version)
    root = file_stem(name, version)
    if flaw == "not-an-archive":
        return _with_data(good, b"This is not an archive.\n")
    if flaw == "truncated":
        return _with_data(good, good.data[: len(good.data) // 2])
    entries = dict(_entries_of(good))
    if flaw == "no-pyproject-or-setup":
        entries = {path: data for path, data in entries.items() if not path.endswith("/pyproject.toml")}
    return _with_data(good, _tar_gz(tuple(entries.items()), _hostile_members(flaw, root, name, bomb_bytes)))


def _hostile_members(flaw: Flaw, root: str, name: str, bomb_bytes: int) -> tuple[tuple[tarfile.TarInfo, bytes], ...]:
    escaped = f"escaped-by-{module_name(name)}"
    payload = b"escaped\n"
    if flaw == "path-traversal":
        return ((_member(f"{root}/../../{escaped}", len(payload)), payload),)
    if flaw == "absolute-path":
        return ((_member(f"/tmp/{escaped}", len(payload)), payload),)
    if flaw == "two-roots":
        return ((_member("another-root/file", len(payload)), payload),)
    if flaw == "symlink-out":
        link = _member(f"{root}/out", 0, tarfile.SYMTYPE, "../..")
        return ((link, b""), (_member(f"{root}/out/{escaped}", len(payload)), payload))
    if flaw == "hardlink-out":
        return ((_member(f"{root}/passwd", 0, tarfile.LNKTYPE, "../../../../../../../../etc/passwd"), b""),)
    if flaw == "device":
        return ((_member(f"{root}/null", 0, tarfile.CHRTYPE), b""),)
    if flaw == "bomb":
        return ((_member(f"{root}/bomb.bin", bomb_bytes), bytes(bomb_bytes)),)
    return ()


def _with_data(artifact: Artifact, data: bytes) -> Artifact:
    return Artifact(artifact.filename, data, artifact.name, artifact.version, "sdist", artifact.requires_python)


def _sdist(
    name: str,
    version: str,
    project: Mapping[str, Any],
    files: Entries,
    *,
    requires_python: str | None = None,
    requires_dist: Sequence[str] = (),
    extras: Sequence[str] = (),
    build_requires: Sequence[str] | None = None,
    backend: Backend = "intree",
    script: str | None = None,
    filename: str | None = None,
) -> Artifact:
    canonical = str(Version(version))
    filename = filename or f"{file_stem(name, version)}.tar.gz"
    metadata = core_metadata(
        name,
        canonical,
        requires_python=requires_python,
        requires_dist=requires_dist,
        extras=extras,
        fields={"Summary": f"Klein, aber größer als nichts: {name}"},
    )
    tree: Entries = {"PKG-INFO": metadata, **files}
    if backend == "intree":
        tree.update(_intree_files(name, version, project, build_requires or (), script))
    else:
        if backend == "setuptools":
            tree["pyproject.toml"] = _build_system(build_requires or ("setuptools",), "setuptools.build_meta")
        keywords = {
            "name": name,
            "version": canonical,
            "python_requires": requires_python,
            "install_requires": list(requires_dist),
        }
        tree.setdefault("setup.py", _setup_py(keywords, project, module_name(name), script))
    archive = _zip if filename.endswith(".zip") else _tar_gz
    root = filename.removesuffix(".zip").removesuffix(".tar.gz")
    data = archive(tuple((f"{root}/{path}", content) for path, content in sorted(tree.items())))
    return Artifact(filename, data, name, canonical, "sdist", requires_python)


def _intree_files(
    name: str, version: str, project: Mapping[str, Any], build_requires: Sequence[str], script: str | None
) -> Entries:
    settings = {
        "stem": file_stem(name, version),
        "module": module_name(name),
        "abi3": False,
        "abi3t": False,
        "libraries": [],
        "dynamic_requires": [],
        "runs_setup_py": False,
        **project,
    }
    files = {
        "pyproject.toml": _build_system(build_requires, "intree_backend", "_backend"),
        "_backend/intree_backend.py": _BACKEND_SOURCE,
        "_backend/project.json": json.dumps(settings, indent=1, sort_keys=True).encode(),
    }
    if script is not None:
        files["_backend/script.py"] = script.encode()
    return files


def _build_system(requires: Sequence[str], backend: str, path: str | None = None) -> bytes:
    lines = ["[build-system]", f"requires = {json.dumps(list(requires))}", f'build-backend = "{backend}"']
    if path is not None:
        lines.append(f'backend-path = ["{path}"]')
    return ("\n".join(lines) + "\n").encode()


def _setup_py(keywords: Mapping[str, object], project: Mapping[str, Any], module: str, script: str | None) -> bytes:
    lines = [*([script] if script else []), "from setuptools import Extension, setup", ""]
    arguments = [f"{key}={value!r}" for key, value in keywords.items() if value]
    if project["kind"] == "pure":
        arguments.append(f"py_modules=[{module!r}]")
    else:
        extension = f"{module!r}, ['extension.c'], libraries={project['libraries']!r}"
        if project["abi3"]:
            extension += ", py_limited_api=True, define_macros=[('Py_LIMITED_API', '0x03090000')]"
            arguments.append("options={'bdist_wheel': {'py_limited_api': 'cp39'}}")
        arguments += ["py_modules=[]", f"ext_modules=[Extension({extension})]"]
    lines += ["setup(", *(f"    {argument}," for argument in arguments), ")"]
    return ("\n".join(lines) + "\n").encode()


def _member(path: str, size: int, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.size, member.type, member.linkname = size, kind, target
    member.mtime, member.mode = _MTIME, 0o644
    return member


@lru_cache(maxsize=4096)
def _tar_gz(files: tuple[tuple[str, bytes], ...], more: tuple[tuple[tarfile.TarInfo, bytes], ...] = ()) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=buffer, mode="wb", mtime=_MTIME) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, data in files:
            archive.addfile(_member(path, len(data)), io.BytesIO(data))
        for member, data in more:
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@lru_cache(maxsize=4096)
def _zip(files: tuple[tuple[str, bytes], ...]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files:
            entry = zipfile.ZipInfo(path, (2023, 11, 14, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return buffer.getvalue()


def _entries_of(sdist: Artifact) -> Entries:
    with tarfile.open(fileobj=io.BytesIO(sdist.data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
