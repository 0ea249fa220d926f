"""The worker's code, to be sent to a builder: its files, their digest, and an archive as text for a module's arguments.

It is the room `builder/`, the contract and the ground, because these import nothing else. It is sent only if the
builder's digest differs, because packing, sending and compiling it would cost each run seconds on a Pi.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from ..atomic_files import write_atomically

#: The package's name below the builder's lib/, and its folder here.
_PACKAGE = "wheelfleet"
_SOURCE = Path(__file__).parents[1]


def worker_code() -> dict[str, bytes]:
    """The files by their path below lib/. The package must be in a folder, as in a checkout."""
    paths = [path for pattern in ("*.py", "contract/*.py", "builder/*.py") for path in _SOURCE.glob(pattern)]
    return {f"{_PACKAGE}/{path.relative_to(_SOURCE)}": path.read_bytes() for path in paths}


def digest(files: Mapping[str, bytes]) -> str:
    """One hash of all files: that of what `sha256sum` prints of them, because the controller asks for it in shell."""
    hashes = [f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in sorted(files.items())]
    return hashlib.sha256("".join(hashes).encode()).hexdigest()


def pack(files: Mapping[str, bytes]) -> str:
    """The files as a zip archive in base64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(files.items()):
            archive.writestr(path, content)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def installed(home: Path) -> dict[str, bytes]:
    """The files on a builder; empty without any."""
    paths = (home / "lib" / _PACKAGE).rglob("*.py")
    return {str(path.relative_to(home / "lib")): path.read_bytes() for path in paths}


def install(home: Path, packed: str) -> list[str]:
    """Replace the builder's files by those of `pack`; returns the paths that differed."""
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(packed))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    there = installed(home)
    changed = [path for path, content in files.items() if there.get(path) != content]
    for relative in changed:
        path = home / "lib" / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, files[relative])
    gone = [path for path in there if path not in files]
    for relative in gone:
        (home / "lib" / relative).unlink(missing_ok=True)
    return sorted(changed + gone)
