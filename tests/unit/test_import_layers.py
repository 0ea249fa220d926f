"""Imports between the rooms of the package point downwards only, and never in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import wheelfleet

PACKAGE = Path(wheelfleet.__file__).parent
#: From the top to the bottom. A module that lies in no room belongs to the ground.
ROOMS = (
    *("monitor", "engine", "site", "admission", "planner", "control"),
    *("downloads", "upstream", "catalog", "builder", "contract", "ground"),
)
Module = tuple[str, ...]


def module_name(path: Path) -> Module:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


MODULES = {module_name(path): path for path in PACKAGE.rglob("*.py")}


def imported_by(module: Module, path: Path) -> Iterator[Module]:
    package = module if path.name == "__init__.py" else module[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = package[: len(package) - (node.level - 1)]
            source = (*above, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield (*source, alias.name) if (*source, alias.name) in MODULES else source
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in names if "wheelfleet" in name], f"{path} imports its own package by name"


IMPORTS = {module: set(imported_by(module, path)) - {module} for module, path in MODULES.items()}


def room(module: Module) -> str:
    return module[0] if module and module[0] in ROOMS else "ground"


def arrows() -> set[tuple[str, str]]:
    """Pairs of importing and imported module in different rooms."""
    pairs = ((one, other) for one, imports in IMPORTS.items() for other in imports)
    return {(".".join(one), ".".join(other)) for one, other in pairs if room(one) != room(other)}


def rooms_of(arrow: tuple[str, str]) -> tuple[str, str]:
    one, other = (room(tuple(name.split("."))) for name in arrow)
    return one, other


def test_every_folder_of_the_package_is_a_room() -> None:
    assert {module[0] for module in MODULES if len(module) > 1} == set(ROOMS) - {"ground"}


def test_no_room_imports_one_above_it() -> None:
    upward = {arrow for arrow in arrows() if ROOMS.index(rooms_of(arrow)[0]) > ROOMS.index(rooms_of(arrow)[1])}
    assert not upward


def test_the_builders_code_imports_the_contract_and_the_ground_alone() -> None:
    outward = {a for a in arrows() if rooms_of(a)[0] == "builder" and rooms_of(a)[1] not in ("contract", "ground")}
    assert not outward


def test_the_controllers_rooms_do_not_import_the_builders_code() -> None:
    assert not {arrow for arrow in arrows() if rooms_of(arrow)[1] == "builder"}


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        raise AssertionError(" → ".join(".".join(module) for module in error.args[1])) from None
