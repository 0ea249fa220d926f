"""Bytecode that environments share as they share their sources: each file of a wheel is compiled once.

uv links the same file of its cache into every environment, so that a file is known by its inode, time and size.
Bytecode lies in a folder for each interpreter, under that and the name Python gives it, and goes with uv's cache.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

#: In the builder's cache.
FOLDER = "bytecode"
_PYCACHE = "__pycache__"


def link(store: Path, packages: Iterable[Path]) -> bool:
    """Link what is known into the environment of these packages; returns whether nothing is left to compile."""
    known: dict[str, str] = {}
    with suppress(OSError):
        for name in os.listdir(store):  # noqa: PTH208 - names only
            key, _, tag = name.partition(".")
            known[key] = tag
    whole = True
    for source in _sources(packages):
        key = _key(source)
        if key not in known:
            whole = False
            continue
        place = source.parent / _PYCACHE
        with suppress(FileExistsError):
            place.mkdir()
        try:
            os.link(store / f"{key}.{known[key]}", place / f"{source.stem}.{known[key]}")
        except OSError:
            # Emptied meanwhile, or linked too often.
            whole = False
    return whole


def keep(store: Path, packages: Iterable[Path]) -> None:
    """Keep what was compiled for the environments to come."""
    store.mkdir(parents=True, exist_ok=True)
    for source in _sources(packages):
        for compiled in source.parent.glob(f"{_PYCACHE}/{source.stem}.*.pyc"):
            tag = compiled.name[len(source.stem) + 1 :]
            # The file system may know no links, or have it already.
            with suppress(OSError):
                os.link(compiled, store / f"{_key(source)}.{tag}")


def _sources(packages: Iterable[Path]) -> Iterator[Path]:
    for folder in packages:
        for place, folders, names in os.walk(folder):
            if _PYCACHE in folders:
                folders.remove(_PYCACHE)
            yield from (Path(place, name) for name in names if name.endswith(".py"))


def _key(source: Path) -> str:
    about = source.stat()
    return f"{about.st_ino}-{about.st_mtime_ns}-{about.st_size}"
