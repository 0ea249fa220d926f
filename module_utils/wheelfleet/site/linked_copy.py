"""A copy of the site, or of some of its files, as hard links: it stays as it is while the next publication works.

A publication never writes into a file that is in place; it renames another one over it (tree.py). So a link keeps the
bytes that the file had, at the cost of a name.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Collection, Iterable
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
            (place / folder).mkdir(parents=True, exist_ok=True)
            made.add(folder)

    for path in present:
        folder_of(path)
        link_or_copy(site / path, place / path)
    for path in missing:
        folder_of(path)


def link_everything(site: Path, place: Path, leave_out: Collection[str]) -> None:
    """Link all files of a site into `place`, except hidden ones and `leave_out` at its top."""
    place.mkdir(parents=True, exist_ok=True)
    for entry in os.scandir(site):
        if not entry.name.startswith(".") and entry.name not in leave_out:
            _link_entry(entry, f"{place}/{entry.name}")


def _link_entry(entry: os.DirEntry[str], place: str) -> None:
    if entry.is_dir(follow_symlinks=False):
        os.mkdir(place)  # noqa: PTH102 - a third of pathlib's time, and often
        with os.scandir(entry.path) as entries:
            for each in entries:
                _link_entry(each, f"{place}/{each.name}")
    elif entry.is_file(follow_symlinks=False):
        link_or_copy(entry.path, place)
