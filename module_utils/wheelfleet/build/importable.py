"""Which modules a wheel brings for people to import, by the paths in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

#: What projects pack beside their modules, often by mistake; imported only if there is nothing else.
_BESIDE = frozenset(
    {
        "bench", "benchmark", "benchmarks", "conftest", "demos", "doc", "docs", "example", "examples", "noxfile",
        "sample", "samples", "script", "scripts", "setup", "tasks", "test", "testing", "tests", "tools",
    }
)  # fmt: skip
#: Modules tried, at most.
MOST = 200


def importable(paths: Iterable[str], suffixes: Sequence[str]) -> list[str]:
    """The top-level modules and packages, those of namespace packages, and then every extension module.

    `paths` are those of the files in the wheel, `suffixes` what the interpreter's extension modules end in.
    """
    files = [(*_module(path, suffixes), path) for path in sorted(_installed(paths))]
    packages = {name for name, kind, _ in files if kind == "package"}
    top: list[str] = []
    loose: list[str] = []
    extensions: list[str] = []
    for name, kind, _ in files:
        parents = name.split(".")[:-1]
        if not kind:
            continue
        if packages.isdisjoint(".".join(parents[: depth + 1]) for depth in range(len(parents))):
            # A module in a folder that is no package may be one of a namespace's, or no module but data.
            (loose if parents and kind == "module" else top).append(name)
        elif kind == "extension":
            extensions.append(name)
    for_people = [name for name in top if _BESIDE.isdisjoint(name.split("."))]
    chosen = for_people or top or [name for name in loose if _BESIDE.isdisjoint(name.split("."))]
    first = {name.partition(".")[0] for name in chosen}
    extensions = [name for name in extensions if _is_for_people(name.split("."), first)]
    return list(dict.fromkeys([*chosen, *extensions]))[:MOST]


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
