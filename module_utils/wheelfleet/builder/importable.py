"""Finds the modules in a wheel that users can import, by its paths, and the project's own ones among them.

A wheel often has more modules than its project means to offer: tests, helpers for another system or an older Python.
The project's own modules decide whether it can be imported. These are the modules with the project's name, if there are
any (`yaml` of PyYAML, `RPi.GPIO`), else all except names that are often packed by mistake (`PIL` of Pillow). Compiled
modules always count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

#: Names that projects pack beside their modules, often by mistake; own modules only if there are no others.
_BESIDE = frozenset(
    {
        "bench", "benchmark", "benchmarks", "conftest", "demos", "doc", "docs", "example", "examples", "noxfile",
        "sample", "samples", "script", "scripts", "setup", "tasks", "test", "testing", "tests", "tools",
    }
)  # fmt: skip
#: Modules of each kind that are tried at most.
MOST = 200


class Modules(NamedTuple):
    """The modules of a wheel by their dotted names, in the order of their test."""

    #: The project's own: top-level modules, packages, and those of namespace packages; `named`: they have its name.
    own: list[str]
    named: bool
    #: Extension modules: top-level ones, and those inside packages that are tried.
    compiled: list[str]
    #: Top-level modules that do not seem to be the project's.
    beside: list[str]


def importable(paths: Iterable[str], suffixes: Sequence[str], project: str) -> Modules:
    """The modules to try in a wheel of `project`.

    `paths` are the paths of the wheel's files, `suffixes` the endings of the interpreter's extension modules.
    """
    files = [(*_module(path, suffixes), path) for path in sorted(_installed(paths))]
    packages = {name for name, kind, _ in files if kind == "package"}
    top: list[str] = []
    loose: list[str] = []
    extensions: list[str] = []
    compiled_top: list[str] = []
    for name, kind, _ in files:
        parents = name.split(".")[:-1]
        if not kind:
            continue
        if packages.isdisjoint(".".join(parents[: depth + 1]) for depth in range(len(parents))):
            # A module in a folder that is no package may belong to a namespace package, or be data.
            (loose if parents and kind == "module" else compiled_top if kind == "extension" else top).append(name)
        elif kind == "extension":
            extensions.append(name)
    for_people = [name for name in top if _BESIDE.isdisjoint(name.split("."))]
    compiled_top = [name for name in compiled_top if _BESIDE.isdisjoint(name.split("."))]
    chosen = for_people or (
        [] if compiled_top else top or [name for name in loose if _BESIDE.isdisjoint(name.split("."))]
    )
    own = [name for name in chosen if _is_called_after(name, project)]
    named = bool(own)
    own = own or chosen
    first = {name.partition(".")[0] for name in [*own, *compiled_top]}
    compiled = [*compiled_top, *(name for name in extensions if _is_for_people(name.split("."), first))]
    beside = [name for name in top if name not in own]
    return Modules(_first(own), named, _first(compiled), _first(beside))


def _first(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))[:MOST]


def _is_called_after(module: str, project: str) -> bool:
    """Whether a module has the project's name, in any spelling and with or without "python" around it."""
    last = module.rpartition(".")[2]
    wanted = _spelled(project)
    bare = re.sub(r"^(?:python3?|py)|(?:python3?|py3?)$", "", wanted)
    # A name with an underscore is for the project's internal use.
    return not last.startswith("_") and bool({_spelled(module), _spelled(last)} & {wanted, bare or wanted})


def _spelled(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())


def _is_for_people(parts: Sequence[str], first: Iterable[str]) -> bool:
    return parts[0] in first and _BESIDE.isdisjoint(parts[1:])


def _installed(paths: Iterable[str]) -> Iterable[str]:
    """The paths relative to site-packages after installation; files for other folders are left out."""
    for path in paths:
        first, _, rest = path.partition("/")
        if first.endswith(".dist-info"):
            continue
        if first.endswith(".data"):
            scheme, _, path = rest.partition("/")
            if scheme not in ("purelib", "platlib"):
                continue
        yield path


def _module(path: str, suffixes: Sequence[str]) -> tuple[str, str]:
    """The dotted module name of a file, and "package", "module" or "extension"; two "" if it is no module."""
    folder, _, file = path.rpartition("/")
    suffix = next((suffix for suffix in sorted([".py", *suffixes], key=len, reverse=True) if file.endswith(suffix)), "")
    stem = file[: -len(suffix)] if suffix else ""
    parts = [*(folder.split("/") if folder else []), stem]
    if not suffix or stem == "__main__" or not all(part.isidentifier() for part in parts):
        return "", ""
    if stem == "__init__":
        return ".".join(parts[:-1]), "package" if folder else ""
    return ".".join(parts), "module" if suffix == ".py" else "extension"
