"""The names that belong to an sdist: modules beside setup.py, and projects that it declares as requirements.

A name in an error message is not safe to install: anybody may have registered it upstream, and that code would run in
the build and end up in the wheel. So a remedy may only add projects that the sdist itself declares, or those of a
reviewed list (see `planner.projects_of_modules`). All files are read as text; no code of the sdist runs.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..contract.bounds import MOST_SDIST_NAMES
from .requirement_lines import normalized

#: Bytes of a file that are read.
_LARGEST = 1 << 20
_LONGEST, _DEEPEST = 100, 6

#: Endings of importable files.
_MODULES = (".py", ".so")
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:$|[\s\[(<>=!~;,@#])")
#: Keys and file names of requirements.
_KEYS = re.compile(r"(?:install|setup|tests?|extras|build|dev)_requires?|requires")
_FILES = re.compile(r"[\w.-]*requirements?[\w.-]*\.(?:txt|in)|[\w.-]*deps[\w.-]*\.txt")
#: The headers of core metadata that name requirements.
_HEADERS = re.compile(r"^Requires(?:-Dist)?:(.*)$", re.MULTILINE | re.IGNORECASE)


def own_modules(source: Path) -> list[str]:
    """The top-level modules and packages in the source's root, except setup, and in its folder src."""
    found = set()
    for folder in (source, source / "src"):
        if folder.is_dir():
            with os.scandir(folder) as entries:
                names = ((entry.name.partition(".")[0], entry) for entry in entries)
                found |= {name for name, entry in names if name.isidentifier() and _is_module(entry)}
    return sorted(name for name in found - {"setup"} if len(name) <= _LONGEST)[:MOST_SDIST_NAMES]


def _is_module(entry: os.DirEntry[str]) -> bool:
    try:
        if entry.is_dir():
            with os.scandir(entry.path) as inside:
                return any(each.name.endswith(_MODULES) for each in inside)
    except OSError:
        return False
    return entry.name.endswith(_MODULES)


def declared(source: Path, pyproject: dict[str, Any]) -> list[str]:
    """The normalised names of all projects that the sdist requires, for any purpose."""
    lines: list[str] = []
    for reads in (_of_pyproject(pyproject), _of_setup_cfg(source), _of_setup_py(source), _of_files(source)):
        lines += reads
    names = {normalized(match[1]) for line in lines if len(line) <= 500 and (match := _NAME.match(line))}
    return sorted(name for name in names if len(name) <= _LONGEST)[:MOST_SDIST_NAMES]


def _of_pyproject(tables: dict[str, Any]) -> Iterator[str]:
    """The strings below each key about requirements or dependencies. In poetry's tables the keys are the names."""
    for path, value in _walk(tables, ()):
        if re.search(r"requires?$|dependencies$|dependency-groups$", path[-1]):
            yield from _strings(value)
            if isinstance(value, dict) and path[:2] == ("tool", "poetry"):
                yield from map(str, value)


def _walk(table: dict[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in table.items():
        path = (*above, str(key))
        yield path, value
        if isinstance(value, dict) and len(path) < _DEEPEST:
            yield from _walk(value, path)


def _strings(value: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)) and depth < _DEEPEST:
        for each in value.values() if isinstance(value, dict) else value:
            yield from _strings(each, depth + 1)


def _of_setup_cfg(source: Path) -> Iterator[str]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(_text(source / "setup.cfg"))
    except configparser.Error:
        return
    for section in parser.sections():
        # Other sections have such keys for packages that are not Python's ([bdist_rpm]).
        for key, value in parser.items(section) if section.startswith(("options", "metadata")) else ():
            if _KEYS.fullmatch(key.replace("-", "_")) or section.endswith("extras_require"):
                yield from value.replace(";", "\n;").splitlines()


def _of_setup_py(source: Path) -> Iterator[str]:
    """The strings in setup.py's values of such keywords, also through a variable."""
    try:
        tree = ast.parse(_text(source / "setup.py"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Such as Python 2.
        return
    given: list[ast.expr] = []
    variables: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg and _KEYS.fullmatch(node.arg):
            given.append(node.value)
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values)
            given += [value for key, value in pairs if isinstance(key, ast.Constant) and _is_key(key.value)]
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    variables.setdefault(target.id, []).append(node.value)
                    given += [node.value] if _KEYS.fullmatch(target.id.lower()) else []
    named = [name.id for value in given for name in ast.walk(value) if isinstance(name, ast.Name)]
    for value in [*given, *(each for name in sorted(set(named)) for each in variables.get(name, ()))]:
        yield from _constants(value)


def _constants(value: ast.AST) -> Iterator[str]:
    """The strings in an expression, except keys of dictionaries, which are names of extras."""
    if isinstance(value, ast.Constant):
        yield from value.value.splitlines() if isinstance(value.value, str) else ()
    elif isinstance(value, ast.Dict):
        for each in value.values:
            yield from _constants(each)
    else:
        for child in ast.iter_child_nodes(value):
            yield from _constants(child)


def _is_key(value: object) -> bool:
    return isinstance(value, str) and _KEYS.fullmatch(value) is not None


def _of_files(source: Path) -> Iterator[str]:
    """The lines of requirements files, and of the metadata in the sdist."""
    yield from _HEADERS.findall(_text(source / "PKG-INFO"))
    for path in _named(source, 2):
        if _FILES.fullmatch(path.name) or (path.name == "requires.txt" and path.parent.suffix == ".egg-info"):
            yield from _text(path).splitlines()


def _named(folder: Path, depth: int) -> Iterable[Path]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name)[:MOST_SDIST_NAMES]:
            if entry.is_file(follow_symlinks=False):
                yield Path(entry.path)
            elif depth > 1 and entry.is_dir(follow_symlinks=False):
                yield from _named(Path(entry.path), depth - 1)


def _text(path: Path) -> str:
    """The file's text, up to a limit; "" if it is missing or unreadable."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    except OSError:
        return ""
