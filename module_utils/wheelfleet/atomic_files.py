"""Files and folders that a reader finds whole or not at all, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_json(path: Path, data: Mapping[str, Any], *, durable: bool = True, mode: int = 0o644) -> None:
    """Write `data` as `write_atomically` does."""
    write_atomically(path, json.dumps(data, separators=(",", ":")).encode(), durable=durable, mode=mode)


def write_atomically(path: Path, data: bytes, *, durable: bool = True, mode: int = 0o644) -> None:
    """Write `data` so that a reader sees the old file or the new one, and never a part.

    `durable` makes it survive a power cut; without it the file survives the death of the writer only.
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
    """Have a file's or a folder's present state on the disk before returning."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def visible(folder: Path) -> list[str]:
    """The names in `folder`, sorted, without the hidden ones, which are still being written or on their way out."""
    try:
        return sorted(name for name in os.listdir(folder) if not name.startswith("."))  # noqa: PTH208 - names only
    except FileNotFoundError:
        return []


def remove(path: Path) -> None:
    """Remove a file or a whole folder, whatever a build left in it. Raises OSError if it cannot be done."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except (OSError, RecursionError):
        if not os.path.lexists(path):
            return
        # Folders without write permission, nested deeper than Python follows, or being removed by somebody else too.
        subprocess.run(["chmod", "-R", "u+rwX", str(path)], stderr=subprocess.DEVNULL, check=False)
        removed = subprocess.run(["rm", "-rf", str(path)], stderr=subprocess.PIPE, text=True, check=False)
        if removed.returncode:
            raise OSError(f"{path} cannot be removed: {removed.stderr.strip()}") from None
