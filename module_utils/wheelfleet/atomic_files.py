"""Writes files so that readers see them whole or not at all, after any kill."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_json(path: Path, data: Mapping[str, Any], *, durable: bool = True, mode: int = 0o644) -> None:
    """Write `data` as JSON with `write_atomically`."""
    write_atomically(path, json.dumps(data, separators=(",", ":")).encode(), durable=durable, mode=mode)


def write_atomically(path: Path, data: bytes, *, durable: bool = True, mode: int = 0o644) -> None:
    """Write `data` so that a reader sees the old file or the new one, and never a part.

    With `durable` it survives a power cut, otherwise only the death of the writer.
    """
    unfinished = path.with_name(f".{path.name}.new")
    with unfinished.open("wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    unfinished.replace(path)
    if durable:
        sync(path.parent)


def sync(path: Path) -> None:
    """Sync a file's or folder's present state to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def visible(folder: Path) -> list[str]:
    """The sorted names in `folder` without hidden ones, which are being written or removed; empty if it is missing."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208 - names only
    except FileNotFoundError:
        return []


def remove(path: Path) -> None:
    """Remove a file or a whole folder, whatever a build left in it; a missing one is fine. Raises OSError."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except (OSError, RecursionError):
        if not os.path.lexists(path):
            return
        # A folder may not be writable, be nested deeper than Python's recursion, or be removed by another process, too.
        subprocess.run(["chmod", "-R", "u+rwX", str(path)], stderr=subprocess.DEVNULL, check=False)
        removed = subprocess.run(["rm", "-rf", str(path)], stderr=subprocess.PIPE, text=True, check=False)
        if removed.returncode:
            raise OSError(f"{path} cannot be removed: {removed.stderr.strip()}") from None
