"""Brings wheels from the controller's folder onto the site, each with its `.metadata` beside it (PEP 658, 714)."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

from .listing import ListedFile
from .tree import Tree


def put_wheel(tree: Tree, name: str, wheel: ListedFile, files_dir: Path) -> str | None:
    """Stage a wheel and its metadata unless they are there. Returns a sentence if the wheel cannot be published.

    Both must have the catalog's hashes: links carry them, and clients refuse other bytes.
    """
    place = f"files/{name}/{wheel.filename}"
    source = files_dir / name / wheel.filename
    try:
        with source.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        metadata = _metadata(source)
    except (OSError, zipfile.BadZipFile, LookupError) as error:
        return f"The wheel {source} is not published: it cannot be read ({error}); put it back from a backup."
    if sha256 != wheel.sha256 or _sha256(metadata) != wheel.metadata_sha256:
        return (
            f"The wheel {source} is not published: its bytes are not those the catalog knows "
            f"(sha256 {wheel.sha256}); put it back from a backup."
        )
    tree.write(f"{place}.metadata", metadata)
    if not tree.has(place):
        tree.place(place, source)
    return None


def _metadata(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.namelist():
            if entry.count("/") == 1 and entry.endswith(".dist-info/METADATA"):
                return archive.read(entry)
    raise LookupError("it has no METADATA")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
