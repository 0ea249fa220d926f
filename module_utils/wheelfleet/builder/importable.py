"""Which modules a wheel brings for people to import, by the paths in it, and which of them are the project's own.

A wheel often has more than its project means to offer: tests, helpers for another system or an older Python. Whether
it can be imported is judged by the project's own modules: those that are called as the project is, where there are
any (`yaml` of PyYAML, `RPi.GPIO`), else all that are not known to lie beside by mistake (`PIL` of Pillow); and
what was compiled in either case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

#: What projects pack beside their modules, often by mistake; the project's own only if there is nothing else.
_BESIDE = frozenset(
    {
        "bench", "benchmark", "benchmarks", "conftest", "demos", "doc", "docs", "example", "examples", "noxfile",
        "sample", "samples", "script", "scripts", "setup", "tasks", "test", "testing", "tests", "tools",
    }
)  # fmt: skip
#: Modules of each kind that are tried, at most.
MOST = 200


class Modules(NamedTuple):
    """The modules of a wheel by their dotted names, in the order in which to try them."""

    #: The project's own: top-level modules, packages, and those of namespace packages; `named` if called as it is.
    own: list[str]
    named: bool
    #: Extension modules: the top-level ones, and those inside packages that are tried.
    compiled: list[str]
    #: Top-level modules that seem to be something else.
    beside: list[str]


def importable(paths: Iterable[str], suffixes: Sequence[str], project: str) -> Modules:
    """The modules to try of a wheel of `project`.

    `paths` are those of the files in the wheel, `suffixes` what the interpreter's extension modules end in.
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
            # A module in a folder that is no package may be one of a namespace's, or no module but data.
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
    """Whether a module is called as the project is, whatever the spelling and with or without "python" around it."""
    last = module.rpartition(".")[2]
    wanted = _spelled(project)
    bare = re.sub(r"^(?:python3?|py)|(?:python3?|py3?)$", "", wanted)
    # What begins with an underscore is for the project's own use.
    return not last.startswith("_") and bool({_spelled(module), _spelled(last)} & {wanted, bare or wanted})


def _spelled(name: str) -> str:
    return re.sub(r"[^0-9a-z]", "", name.lower())


def _is_for_people(parts: Sequence[str], first: Iterable[str]) -> bool:
    return parts[0] in first and _BESIDE.isdisjoint(parts[1:])


def _installed(paths: Iterable[str]) -> Iterable[str]:
    """Where they are once they are installed, relative to site-packages; what goes elsewhere is left out."""
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
    """The module of a file by its dotted name, and "package", "module", "extension" or "" for what is none."""
    folder, _, file = path.rpartition("/")
    suffix = next((suffix for suffix in sorted([".py", *suffixes], key=len, reverse=True) if file.endswith(suffix)), "")
    stem = file[: -len(suffix)] if suffix else ""
    parts = [*(folder.split("/") if folder else []), stem]
    if not suffix or stem == "__main__" or not all(part.isidentifier() for part in parts):
        return "", ""
    if stem == "__init__":
        return ".".join(parts[:-1]), "package" if folder else ""
    return ".".join(parts), "module" if suffix == ".py" else "extension"
