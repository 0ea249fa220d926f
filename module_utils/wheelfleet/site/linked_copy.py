"""A copy of some of the site's files as hard links: it stays as it is while the next publication works.

A publication never writes into a file that is in place; it renames another one over it (tree.py). So a link keeps the
bytes that the file had, at the cost of a name.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

#: Link errors of a file system, or of one file, that allows no link.
_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP)


def link_or_copy(source: Path | str, place: Path | str) -> None:
    """Give a file a second name, or a copy with the same times where the file system allows no link."""
    try:
        os.link(source, place, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(source, place)


def link_paths(site: Path, place: Path, present: Iterable[str], missing: Iterable[str] = ()) -> None:
    """Link the files `present` of a site into `place`; for those `missing`, make the folders above them."""
    made: set[str] = set()

    def folder_of(path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder not in made:
            os.makedirs(f"{place}/{folder}", exist_ok=True)  # noqa: PTH103 - a third of pathlib's time, and often
            made.add(folder)

    for path in present:
        folder_of(path)
        link_or_copy(f"{site}/{path}", f"{place}/{path}")
    for path in missing:
        folder_of(path)
