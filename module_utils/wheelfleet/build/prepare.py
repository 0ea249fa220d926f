"""The first command of a build: `python -m wheelfleet.build.prepare SDIST SOURCE CONTROL`, by the tools' interpreter.

Unpacks the sdist, applies the assignment's patches, and reads what is needed to build it. It runs in the sandbox, for
it opens strangers' archives; of the package's own code it runs nothing. What it finds out goes to
`CONTROL/prepared.json`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from .unpack import UnpackError, unpack

if TYPE_CHECKING:
    # Every import costs, a hundred thousand times.
    from .protocol import Patch

#: What is to be done, and what came of it: files in the control folder.
PATCHES = "patches.json"
PREPARED = "prepared.json"

#: Bytes of PKG-INFO that are read for the headers, and characters of a summary that are kept.
_LONGEST_PKG_INFO = 100_000
_LONGEST_SUMMARY = 512

MANIFEST = "Cargo.toml"
#: Of Rust in a package: where it may lie, how deep, and how much of it is looked at.
_NOT_BUILT = {"test", "tests", "testing", "fixtures", "examples", "benches", "benchmarks", "docs", "fuzz", "target"} | {
    *("vendor", "vendored", "third_party", "third-party", "extern", "external", "node_modules")
}
_DEEPEST_MANIFEST, _MOST_MANIFESTS = 3, 8

#: For an sdist that says nothing about how it is built (PEP 517), as the `build` library has it.
_LEGACY_BACKEND = "setuptools.build_meta:__legacy__"
_LEGACY_REQUIRES = ["setuptools >= 40.8.0"]


class PrepareError(Exception):
    """This sdist cannot be built; the message says why, `phase` to which step of a build that belongs."""

    def __init__(self, phase: str, message: str) -> None:
        super().__init__(message)
        self.phase = phase


def main(arguments: Sequence[str]) -> int:
    archive, folder, control = map(Path, arguments)
    print(f"Python {sys.version}", flush=True)
    facts: dict[str, Any] = {"interpreter": _interpreter(), "summary": None, "problem": None}
    try:
        try:
            source = unpack(archive, folder)
        except UnpackError as error:
            raise PrepareError("unpack", str(error)) from error
        facts["summary"] = _summary(source)
        for patch in json.loads((control / PATCHES).read_bytes()):
            _apply(patch, source)
        facts |= {"source": source.name, "hooks": _hook_program(), **build_system(source)}
        facts["manifests"] = cargo_manifests(source)
    except PrepareError as error:
        facts["problem"] = {"phase": error.phase, "message": str(error)}
    (control / PREPARED).write_text(json.dumps(facts), encoding="utf-8")
    return 1 if facts["problem"] else 0


def build_system(source: Path) -> dict[str, Any]:
    """How the project is built (PEP 517, 518): requirements, backend, and folders of its own that the backend lies in.

    Raises PrepareError.
    """
    try:
        text = (source / "pyproject.toml").read_bytes().decode("utf-8")
    except FileNotFoundError:
        if not (source / "setup.py").is_file():
            raise PrepareError(
                "environment",
                f"{source.name} does not appear to be a Python project: it has neither pyproject.toml nor setup.py.",
            ) from None
        return {"requires": _LEGACY_REQUIRES, "backend": _LEGACY_BACKEND, "backend_path": []}
    except (OSError, ValueError) as error:
        raise PrepareError("environment", f"pyproject.toml cannot be read: {error}.") from error
    table = _toml(text).get("build-system", {"requires": _LEGACY_REQUIRES})
    if not isinstance(table, dict) or "requires" not in table:
        raise PrepareError("environment", "pyproject.toml has a build-system without requires (PEP 518).")
    requires, backend = table["requires"], table.get("build-backend", _LEGACY_BACKEND)
    path = table.get("backend-path", [])
    if not _strings(requires) or not _strings(path) or not isinstance(backend, str):
        raise PrepareError("environment", "pyproject.toml has a build-system of the wrong form (PEP 518).")
    for part in path:
        if PurePosixPath(part).is_absolute() or ".." in PurePosixPath(part).parts:
            raise PrepareError("environment", f"pyproject.toml has its backend outside of the project: {part!r}.")
    return {"requires": requires, "backend": backend, "backend_path": path}


def cargo_manifests(source: Path) -> list[str]:
    """The Cargo.toml files, as paths below `source`, that a build would give to cargo; a guess, and few.

    Those that pyproject.toml names for maturin or setuptools-rust; else the one at the root; else those that lie not
    deep below, and not in folders of tests or of other people's crates.
    """
    named = [path for path in _named_manifests(source) if _is_manifest(source, path)]
    if named:
        return named[:_MOST_MANIFESTS]
    if _is_manifest(source, MANIFEST):
        return [MANIFEST]
    found = []
    for folder, folders, files in os.walk(source):
        below = Path(folder).relative_to(source)
        if MANIFEST in files:
            found.append(str(below / MANIFEST))
        # What lies below a manifest belongs to it.
        deep = MANIFEST in files or len(below.parts) >= _DEEPEST_MANIFEST
        folders[:] = [] if deep else [name for name in folders if not name.startswith(".") and name not in _NOT_BUILT]
    return sorted(path for path in found if _is_manifest(source, path))[:_MOST_MANIFESTS]


def _named_manifests(source: Path) -> list[str]:
    try:
        text = (source / "pyproject.toml").read_bytes().decode("utf-8")
    except (OSError, ValueError):
        return []
    if "manifest-path" not in text and "setuptools-rust" not in text:
        return []
    tool = _table(_toml(text), "tool")
    rust = _table(tool, "setuptools-rust")
    modules = [each for key in ("ext-modules", "bins") for each in _listed(rust.get(key)) if isinstance(each, dict)]
    named = [_table(tool, "maturin").get("manifest-path"), *(each.get("path", MANIFEST) for each in modules)]
    return list(dict.fromkeys(str(PurePosixPath(path)) for path in named if isinstance(path, str)))


def _is_manifest(source: Path, path: str) -> bool:
    parts = PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts and parts.name == MANIFEST and (source / path).is_file()


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
        raise PrepareError("environment", f"pyproject.toml cannot be parsed: {error}.") from error


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _apply(patch: Patch, source: Path) -> None:
    """Apply one patch with the tool of that name, which writes nothing outside of `source`."""
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
        raise PrepareError("unpack", message) from error
    said = done.stdout.decode("utf-8", "replace")
    print(said, end="", flush=True)
    if done.returncode:
        lines = [line for line in said.splitlines() if "FAILED" in line or "ignored" in line] or said.splitlines()
        detail = f": {lines[0].strip().rstrip('.')}" if lines else ""
        raise PrepareError("unpack", f"The patch {patch['name']} does not apply{detail}.")


def _interpreter() -> str:
    name = {"cpython": "CPython", "pypy": "PyPy"}.get(sys.implementation.name, sys.implementation.name)
    return f"{name} {sys.version.split(None, 1)[0]}"


def _hook_program() -> str:
    """pyproject_hooks' program that calls a build backend's hooks, which the build environment's Python runs."""
    found = importlib.util.find_spec("pyproject_hooks")
    if found is None or not found.submodule_search_locations:
        raise PrepareError("environment", "The tools lack pyproject_hooks; provision the builder again.")
    return str(Path(found.submodule_search_locations[0], "_in_process", "_in_process.py"))


def _summary(source: Path) -> str | None:
    """What the sdist's PKG-INFO (PEP 643) says the project is; None when it does not say."""
    try:
        with (source / "PKG-INFO").open("rb") as file:
            headers = file.read(_LONGEST_PKG_INFO).decode("utf-8", "replace").partition("\n\n")[0]
    except OSError:
        return None
    # Core metadata's headers; a line that begins with a space goes on with the one before.
    found = re.search(r"^Summary:(.*(?:\r?\n[ \t].*)*)", headers, re.MULTILINE | re.IGNORECASE)
    return " ".join(found[1].split())[:_LONGEST_SUMMARY] or None if found else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
