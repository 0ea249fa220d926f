"""Unpacks an untrusted sdist: nothing is written outside its folder, and no link leads out of it.

It accepts whatever pip accepts, also an archive without a top-level folder, paths with Windows' backslashes, and paths
with `a/../b`. The rules are those of PEP 706 (tarfile's `data` filter), repeated here because the Python of Debian 12
does not have that filter. Two rules are stricter: no member is written through a link, and none is a sparse file, which
takes no room in the archive however large it is.
"""

from __future__ import annotations

import lzma
import os
import posixpath
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from ..sdist_endings import SDIST_ENDINGS, ZIP_ENDINGS

#: Files that make a folder a project (PEP 517).
_OF_A_PROJECT = ("setup.py", "pyproject.toml")


class UnpackError(Exception):
    """The archive is damaged, hostile or no sdist; the message is a sentence with the reason."""


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack `archive` into the empty `folder`; returns the project's folder in it. Raises UnpackError."""
    ending = next((each for each in SDIST_ENDINGS if archive.name.endswith(each)), None)
    if ending is None:
        raise UnpackError(f"{archive.name} is no sdist: its name ends neither in .zip nor in .tar.gz or the like.")
    # A unique name, because the archive's top folder is moved beside it.
    whole = Path(tempfile.mkdtemp(dir=folder))
    try:
        if ending in ZIP_ENDINGS:
            _unpack_zip(archive, whole)
        else:
            _unpack_tar(archive, whole)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise UnpackError(f"{archive.name} cannot be unpacked: {error}.") from error
    except (NotImplementedError, RuntimeError, ValueError) as error:
        # zipfile's exceptions for encryption and unknown compression.
        raise UnpackError(f"{archive.name} cannot be unpacked: {error}.") from error
    top = [path for path in whole.iterdir() if path.is_dir() and not path.is_symlink()]
    if any((whole / name).is_file() for name in _OF_A_PROJECT):
        return whole.rename(folder / archive.name[: -len(ending)])
    if len(top) != 1:
        raise UnpackError(f"{archive.name} is no sdist: it has {len(top)} top-level directories and not one.")
    project = top[0].rename(folder / top[0].name)
    with suppress(OSError):
        # Files beside the project's folder stay where they are.
        whole.rmdir()
    return project


def _unpack_tar(archive: Path, folder: Path) -> None:
    filtered: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(archive) as tar:
        links: list[str] = []
        tar.extractall(folder, members=_checked_members(archive, tar, folder, links), **filtered)
    for link in links:
        # A link that leads out through another link is found only when all are there.
        _check_real_target(archive, link, folder)


def _checked_members(
    archive: Path, tar: Iterable[tarfile.TarInfo], folder: Path, links: list[str]
) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        member.name = _checked_path(archive, member.name, folder)
        if member.issym():
            _check_target(archive, member.name, str(PurePosixPath(member.name).parent / member.linkname))
            links.append(member.name)
        elif member.islnk():
            _check_target(archive, member.name, member.linkname)
            member.linkname = _checked_path(archive, member.linkname, folder)
        elif not member.isfile() and not member.isdir():
            raise UnpackError(f"{archive.name} is refused: {member.name!r} is a device or another special file.")
        elif member.issparse():
            raise UnpackError(f"{archive.name} is refused: {member.name!r} is a sparse file; PyPI takes none either.")
        # Owned by this user, writable, and without set-user-id, like all files of the build.
        member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        member.mode = (member.mode & 0o755) | (0o700 if member.isdir() else 0o600)
        yield member


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            member.filename = _checked_path(archive, member.filename, folder)
            file = Path(packed.extract(member, folder))
            # zipfile does not restore modes, but a configure script must be executable.
            mode = member.external_attr >> 16
            if stat.S_ISREG(mode) and mode & 0o111:
                file.chmod(0o755)


def _checked_path(archive: Path, name: str, folder: Path) -> str:
    """The path of a member without `..`; a folder keeps its final slash. Raises UnpackError."""
    if "\\" in name and "/" not in name:
        name = name.replace("\\", "/")
    plain = posixpath.normpath(name)
    path = PurePosixPath(plain)
    if path.is_absolute() or path.parts[:1] == ("..",) or "\0" in name:
        raise UnpackError(f"{archive.name} is refused: the path {name!r} leads out of it.")
    for place in (path, *path.parents):
        if place.name and (folder / place).is_symlink():
            raise UnpackError(f"{archive.name} is refused: {name!r} would be written through the link {str(place)!r}.")
    return f"{plain}/" if name.endswith("/") else plain


def _check_target(archive: Path, name: str, target: str) -> None:
    """Refuse a link out of the archive. `target` is relative to the archive's root and may contain `..`."""
    depth = 0
    for part in PurePosixPath(target).parts:
        depth += -1 if part == ".." else 1
        if depth < 0 or part == "/":
            raise UnpackError(f"{archive.name} is refused: the link {name!r} leads out of it.")


def _check_real_target(archive: Path, link: str, folder: Path) -> None:
    target = (folder / link).resolve()
    if folder.resolve() not in (target, *target.parents):
        raise UnpackError(f"{archive.name} is refused: the link {link!r} leads out of it.")
