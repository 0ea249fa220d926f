"""Copies this machine's programs to emulated nodes, where they take seconds instead of minutes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path


def copy_native(program: str, folder: Path, place: str) -> Path:
    """Copy a program and its libraries into `folder`, which will be `place` on a node; returns a script that starts it.

    Raises FileNotFoundError if this machine does not have the program.
    """
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(f"this machine has no {program}")
    said = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    libraries = re.findall(r"(/\S+) \(0x", said)
    loader = next(Path(library).name for library in libraries if Path(library).name.startswith("ld-"))
    folder.mkdir(parents=True, exist_ok=True)
    for file in (path, *libraries):
        shutil.copy(file, folder / Path(file).name)
    start = folder / "start"
    start.write_text(f'#!/bin/sh\nexec {place}/{loader} --library-path {place} {place}/{Path(path).name} "$@"\n')
    start.chmod(0o755)
    return start
