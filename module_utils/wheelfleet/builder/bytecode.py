"""Shares bytecode between environments as uv shares their sources, so that each file of a wheel is compiled once.

uv links the same file of its cache into each environment, so its inode, time and size identify a file. Each interpreter
has a folder of bytecode, named by that key and Python's own tag. It is emptied together with uv's cache.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

#: Name of the folder in the builder's cache.
FOLDER = "bytecode"
_PYCACHE = "__pycache__"


def link(store: Path, packages: Iterable[Path]) -> bool:
    """Link stored bytecode into the environment of these packages; returns whether nothing is left to compile."""
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
            # The store was emptied in the meantime, or the file has too many links.
            whole = False
    return whole


def keep(store: Path, packages: Iterable[Path]) -> None:
    """Store the compiled bytecode for later environments."""
    store.mkdir(parents=True, exist_ok=True)
    for source in _sources(packages):
        for compiled in source.parent.glob(f"{_PYCACHE}/{source.stem}.*.pyc"):
            tag = compiled.name[len(source.stem) + 1 :]
            # The file system may not support links, or the file is stored already.
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
