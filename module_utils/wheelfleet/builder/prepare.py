"""The first command of a build: `python -m wheelfleet.builder.prepare SDIST SOURCE CONTROL`, by the tools' Python.

It unpacks the sdist, applies the assignment's patches and reads the build requirements. It runs in the sandbox because
it opens untrusted archives, but it runs no code of the package. Its findings go to `CONTROL/prepared.json`.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ..contract.reasons import Failed
from .requirement_lines import are_plain
from .sdist_names import declared, own_modules
from .unpack import UnpackError, unpack

if TYPE_CHECKING:
    # Each import costs time in every build.
    from ..contract.result import SdistNames

#: Input and output: files in the control folder.
PATCHES = "patches.json"
PREPARED = "prepared.json"

#: Bytes of PKG-INFO that are read, and characters of a summary that are kept.
_LONGEST_PKG_INFO = 100_000
_LONGEST_SUMMARY = 512

MANIFEST, GO_MANIFEST = "Cargo.toml", "go.mod"
#: The search for Cargo.toml: folders to leave out, depth, and number of files.
_NOT_BUILT = {"test", "tests", "testing", "fixtures", "examples", "benches", "benchmarks", "docs", "fuzz", "target"} | {
    *("vendor", "vendored", "third_party", "third-party", "extern", "external", "node_modules")
}
_DEEPEST_MANIFEST, _MOST_MANIFESTS = 3, 8

#: For an sdist without a build-system table (PEP 517), as in the `build` library.
_LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
_LEGACY_REQUIRES = ["setuptools >= 40.8.0"]


#: Errors of the host and not of the archive.
_OF_THE_BUILDER = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


def main(arguments: Sequence[str]) -> int:
    archive, folder, control = map(Path, arguments)
    print(f"Python {sys.version}", flush=True)
    facts: dict[str, Any] = {"interpreter": _interpreter(), "summary": None, "problem": None, "names": None}
    try:
        source = _unpacked(archive, folder)
        facts["summary"] = _summary(source)
        patches = json.loads((control / PATCHES).read_bytes())
        for patch in patches:
            _apply(patch, source)
        if not patches:
            # A recipe's patch may change Requires-Python.
            check_python(source)
        facts |= {"source": source.name, "hooks": _hook_program(), **build_system(source)}
        facts["names"] = _names(source, facts["backend"])
        facts["manifests"] = cargo_manifests(source)
        facts["go_modules"] = go_manifests(source)
    except Failed as error:
        facts["problem"] = {"message": str(error), "reason": error.reason, "about": error.about}
    (control / PREPARED).write_text(json.dumps(facts), encoding="utf-8")
    return 1 if facts["problem"] else 0


def _unpacked(archive: Path, folder: Path) -> Path:
    """Unpack the sdist. Raises Failed; its reason is a fault of the sdist or of the builder."""
    try:
        return unpack(archive, folder)
    except UnpackError as error:
        ours = isinstance(error.__cause__, OSError) and error.__cause__.errno in _OF_THE_BUILDER
        raise Failed(str(error), "builder-failed" if ours else "sdist-broken") from error


def build_system(source: Path) -> dict[str, Any]:
    """The build system (PEP 517, 518): requirements, backend, and the project's folders with the backend.

    Whatever pip refuses raises Failed, with one sentence.
    """
    if not (source / "pyproject.toml").is_file():
        if not (source / "setup.py").is_file():
            raise _broken(f"{source.name} is no Python project, because it has neither pyproject.toml nor setup.py.")
        return {"requires": _LEGACY_REQUIRES, "backend": _LEGACY_BACKEND, "backend_path": []}
    table = _pyproject(source).get("build-system", {"requires": _LEGACY_REQUIRES})
    if not isinstance(table, dict) or "requires" not in table:
        raise _broken("pyproject.toml has a build-system without requires (PEP 518).")
    requires, backend = table["requires"], table.get("build-backend", _LEGACY_BACKEND)
    path = table.get("backend-path", [])
    if not _strings(requires) or not _strings(path) or not isinstance(backend, str):
        raise _broken(
            "pyproject.toml has a build-system of the wrong form (PEP 518): requires and backend-path are lists of "
            "strings, and build-backend is a string."
        )
    wrong = next((each for each in requires if not _is_requirement(each)), None)
    if wrong is not None:
        raise _broken(f"pyproject.toml asks for {wrong!r}, which is no requirement (PEP 508).")
    inside = [os.path.normpath(part) for part in path]
    for part in inside:
        if PurePosixPath(part).is_absolute() or PurePosixPath(part).parts[:1] == ("..",):
            raise _broken(f"pyproject.toml has its backend outside of the project, in {part!r} (PEP 517).")
    module = backend.partition(":")[0].partition(".")[0]
    if not module:
        raise _broken("pyproject.toml names no module as its build-backend (PEP 517).")
    if inside and not any(_has_module(source / part, module) for part in inside):
        # pip searches nowhere else. A project of that name upstream would be another one.
        shown = " and ".join(repr(part) for part in inside)
        raise _broken(f"The sdist does not have its own build backend {module!r}, which pyproject.toml has in {shown}.")
    return {"requires": requires, "backend": backend, "backend_path": inside}


def _broken(message: str) -> Failed:
    return Failed(message, "sdist-broken")


def _pyproject(source: Path) -> dict[str, Any]:
    """The tables of pyproject.toml. As in pip, a byte order mark is an error. Raises Failed."""
    try:
        text = (source / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise _broken(f"pyproject.toml is not UTF-8, as TOML has to be: {error}.") from error
    if text.startswith("\ufeff"):
        raise _broken("pyproject.toml begins with a byte order mark, which TOML does not allow and pip refuses.")
    return _toml(text)


def _is_requirement(line: str) -> bool:
    if are_plain([line]):
        return True
    # From the tool environment; only markers and URLs need its parser.
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(line)
    except InvalidRequirement:
        return False
    return True


def _has_module(folder: Path, module: str) -> bool:
    """Whether Python finds the module in the folder as a package, a file or an extension."""
    return (folder / module).is_dir() or any(path.is_file() for path in folder.glob(f"{module}.*"))


def _names(source: Path, backend: str) -> SdistNames:
    """The backend, the sdist's own modules and the names that it declares. Raises Failed."""
    tables = _pyproject(source) if (source / "pyproject.toml").is_file() else {}
    return {"backend": backend, "modules": own_modules(source), "declared": declared(source, tables)}


def cargo_manifests(source: Path) -> list[str]:
    """The Cargo.toml files, as paths below `source`, that a build would probably give to cargo; at most a few.

    These are the files that pyproject.toml names for maturin or setuptools-rust. Without any, it is the one at the
    root. Without that one, it is those that are not deep below, and not in folders of tests or vendored crates.
    """
    named = [path for path in _named_manifests(source) if _is_manifest(source, path)]
    if named:
        return named[:_MOST_MANIFESTS]
    return _near_the_root(source, MANIFEST)


def go_manifests(source: Path) -> list[str]:
    """The go.mod files, as paths below `source`, that a build would probably use and that require other modules.

    Those with vendored modules beside them need none to be fetched (`go mod vendor`).
    """
    return [
        path
        for path in _near_the_root(source, GO_MANIFEST)
        if "require" in (source / path).read_text(encoding="utf-8", errors="replace")
        and not (source / path).with_name("vendor").joinpath("modules.txt").is_file()
    ]


def _near_the_root(source: Path, manifest: str) -> list[str]:
    """The manifest at the root; without it those that are not deep below, and not in folders of others' code."""
    if _is_manifest(source, manifest, manifest):
        return [manifest]
    found = []
    for folder, folders, files in os.walk(source):
        below = Path(folder).relative_to(source)
        if manifest in files:
            found.append(str(below / manifest))
        # Manifests further below belong to this one.
        deep = manifest in files or len(below.parts) >= _DEEPEST_MANIFEST
        folders[:] = [] if deep else [name for name in folders if not name.startswith(".") and name not in _NOT_BUILT]
    return sorted(path for path in found if _is_manifest(source, path, manifest))[:_MOST_MANIFESTS]


def _named_manifests(source: Path) -> list[str]:
    try:
        text = (source / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return []
    if "manifest-path" not in text and "setuptools-rust" not in text:
        return []
    tool = _table(_toml(text), "tool")
    rust = _table(tool, "setuptools-rust")
    modules = [each for key in ("ext-modules", "bins") for each in _listed(rust.get(key)) if isinstance(each, dict)]
    named = [_table(tool, "maturin").get("manifest-path"), *(each.get("path", MANIFEST) for each in modules)]
    return list(dict.fromkeys(str(PurePosixPath(path)) for path in named if isinstance(path, str)))


def _is_manifest(source: Path, path: str, manifest: str = MANIFEST) -> bool:
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts and parts.name == manifest and (source / path).is_file()


def _table(tables: dict[str, Any], key: str) -> dict[str, Any]:
    table = tables.get(key)
    return table if isinstance(table, dict) else {}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _toml(text: str) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        # From the tool environment.
        import tomli as tomllib
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise _broken(f"pyproject.toml is not valid TOML: {error}.") from error


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _apply(patch: dict[str, str], source: Path) -> None:
    """Apply one patch with the command `patch`, which writes nothing outside `source`. Raises Failed."""
    command = ["patch", "--batch", "--forward", "--strip=1", "--no-backup-if-mismatch", "--reject-file=-"]
    print(f"Applying {patch['name']}", flush=True)
    try:
        done = subprocess.run(
            command,
            cwd=source,
            input=patch["text"].encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        message = f"The patch {patch['name']} needs the command patch ({error.strerror}); install it on the builder."
        raise Failed(message, "no-patch-command", "patch") from error
    said = done.stdout.decode("utf-8", "replace")
    print(said, end="", flush=True)
    if done.returncode:
        lines = [line for line in said.splitlines() if "FAILED" in line or "ignored" in line] or said.splitlines()
        detail = f": {lines[0].strip().rstrip('.')}" if lines else ""
        raise Failed(f"The patch {patch['name']} does not apply{detail}.", "patch-refused")


def _interpreter() -> str:
    name = {"cpython": "CPython", "pypy": "PyPy"}.get(sys.implementation.name, sys.implementation.name)
    return f"{name} {sys.version.split(None, 1)[0]}"


def _hook_program() -> str:
    """The path of pyproject_hooks' program, which calls a backend's hooks in the build environment. Raises Failed."""
    found = importlib.util.find_spec("pyproject_hooks")
    if found is None or not found.submodule_search_locations:
        raise Failed("The tools lack pyproject_hooks; provision the builder again.", "not-provisioned")
    return str(Path(found.submodule_search_locations[0], "_in_process", "_in_process.py"))


def check_python(source: Path) -> None:
    """Stop before the build if the sdist's Requires-Python (core metadata) excludes this Python. Raises Failed.

    The check is needed because not every upstream states Requires-Python.
    """
    stated = _field(source, "Requires-Python")
    version = ".".join(map(str, sys.version_info[:3]))
    # Most sdists state only this simple form, and the parser costs time.
    if not stated or ((simple := re.fullmatch(r">=\s*3\.(\d{1,2})", stated)) and sys.version_info[1] >= int(simple[1])):
        return
    # From the tool environment.
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        fits = SpecifierSet(stated).contains(version, prereleases=True)
    except InvalidSpecifier:
        # pip ignores an invalid value.
        return
    if not fits:
        raise Failed(f"Its PKG-INFO asks for Python {stated}; the target has {version}.", "other-python", stated)


def _summary(source: Path) -> str | None:
    """The sdist's summary, in one line; None without one."""
    return (_field(source, "Summary") or "")[:_LONGEST_SUMMARY] or None


def _field(source: Path, name: str) -> str | None:
    """A field of the sdist's PKG-INFO (PEP 643) as one line; None without one."""
    try:
        with (source / "PKG-INFO").open("rb") as file:
            headers = file.read(_LONGEST_PKG_INFO).decode("utf-8", "replace").partition("\n\n")[0]
    except OSError:
        return None
    # A line that begins with a space continues the header before it.
    found = re.search(rf"^{name}:(.*(?:\r?\n[ \t].*)*)", headers, re.MULTILINE | re.IGNORECASE)
    return " ".join(found[1].split()) or None if found else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
