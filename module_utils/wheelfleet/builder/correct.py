"""Correct a wheel that contradicts itself but that pip and uv install.

    python -m wheelfleet.builder.correct WHEELS SCRATCH ANSWER SDIST TARGET

Installers ignore many contradictions: wrong tags in WHEEL, a `.dist-info` of another version, a RECORD with gaps,
machine code in a wheel for any platform. The controller refuses such wheels, so this program packs them again (see
`repack`) with correct values; the file name takes precedence. A wheel that an installer refuses stays as it is, because
the installer's message is then the reason of the failure. Machine code that SDIST contains byte for byte was not built
here: it is data, such as a project's libraries for several boards.

The tools' Python runs it in the sandbox, because the wheel is untrusted.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import posixpath
import re
import shutil
import stat
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from email.message import Message
from email.parser import HeaderParser
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import IO, TypedDict

from ..atomic_files import visible, write_json
from ..elf import UnreadableElf, code_heads, own_machine, read_elf
from ..repack import dist_info, repack, with_fields
from .installers import check_installers

_CHUNK = 1 << 20
_WITHOUT_CODE = (
    "The wheel names a platform, but has no machine code: either it needs none, or what is optional was not compiled."
)
_MOST = 200
#: Flags of zip entries that every reader supports: UTF-8 names, hints on compression.
_KNOWN_FLAGS = 0x800 | 0x6
_STORED, _DEFLATED = 0, 8
_ZIP64, _OTHER_NAME = 0x0001, 0x7075
_LOCAL_HEADER = 30


class Correction(TypedDict):
    """Findings and changes."""

    #: Sentences for the operator: a change, or a finding.
    said: list[str]
    #: Files of machine code in the wheel that the sdist contains byte for byte.
    from_sdist: list[str]


def main(arguments: Sequence[str]) -> int:
    wheels, scratch, answer, sdist = map(Path, arguments[:4])
    (name,) = (name for name in visible(wheels) if name.endswith(".whl"))
    try:
        found = correct(wheels / name, scratch, sdist, arguments[4])
    except (ValueError, OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        # It cannot be corrected: installers and controller will report why.
        print(f"The wheel stays as it is: {error}")
        found = {"said": [], "from_sdist": []}
    for sentence in found["said"]:
        print(sentence, flush=True)
    write_json(answer, found, durable=False)
    return 0


def correct(wheel: Path, scratch: Path, sdist: Path, target: str) -> Correction:
    """Pack the wheel again, in place, if it contradicts itself; `target` begins with this platform's tag.

    Raises ValueError for a file that is no wheel, and zipfile's errors for a damaged archive.
    """
    parts = wheel.name[: -len(".whl")].split("-")
    if len(parts) not in (5, 6):
        raise ValueError(f"{wheel.name} is not a wheel's name.")
    said: list[str] = []
    info = dist_info(wheel)
    with zipfile.ZipFile(wheel) as archive:
        if links := [each.filename for each in archive.infolist() if stat.S_ISLNK(each.external_attr >> 16)]:
            raise ValueError(f"{links[0]} is a symbolic link, which readers take for different things.")
        code = code_heads(archive)
        here = own_machine()
        pure = set(parts[-1].split(".")) == {"any"}
        running = [path for path, head in code.items() if head.runs]
        from_sdist: list[str] = []
        if any(pure or code[path].machine != here for path in running):
            from_sdist = _as_in_sdist(archive, running, sdist)
        made = [path for path in running if code[path].machine == here and path not in from_sdist]
        if pure and made:
            parts[-3:] = _true_tag(archive, parts[-3:], made, target)
            said.append(f"{made[0]} is machine code that the build made, so the wheel is for {parts[-1]} alone.")
        elif not pure and not code and not any(name.endswith(".a") for name in archive.namelist()):
            said.append(_WITHOUT_CODE)
        header = HeaderParser().parsestr(archive.read(f"{info}/WHEEL").decode("utf-8"))
        fields = _true_fields(header, parts)
        names = {path: _true_path(path, info, f"{parts[0]}-{parts[1]}") for path in archive.namelist()}
        right = not fields and all(path == name for path, name in names.items()) and _is_simple(archive)
        right = right and _record_is_right(archive, info)
    new = scratch / "corrected" / ("-".join(parts) + ".whl")
    if right and new.name == wheel.name:
        return {"said": said, "from_sdist": from_sdist[:_MOST]}
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        if check_installers(wheel, Path(folder), scratch) != (None, None):
            return {"said": [], "from_sdist": from_sdist[:_MOST]}
    new.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        content = with_fields(archive.read(f"{info}/WHEEL"), fields)
    repack(wheel, new, info, replaced={f"{info}/WHEEL": content}, renamed=lambda path: names.get(path, path))
    print(f"The wheel contradicted itself and was packed again as {new.name}.")
    partial = wheel.with_name(f".{new.name}.new")
    shutil.copyfile(new, partial)
    wheel.unlink()
    partial.replace(wheel.with_name(new.name))
    return {"said": said, "from_sdist": [names.get(path, path) for path in from_sdist[:_MOST]]}


# -------------------------------------------------------------------------------------------------------- machine code


def _as_in_sdist(archive: zipfile.ZipFile, paths: Sequence[str], sdist: Path) -> list[str]:
    """Those of the wheel's files `paths` that the sdist contains byte for byte."""
    sizes = {archive.getinfo(path).file_size for path in paths}
    known: set[bytes] = set()
    if sdist.name.endswith(".zip"):
        with zipfile.ZipFile(sdist) as source:
            for entry in source.infolist():
                if entry.file_size in sizes and not entry.is_dir():
                    with source.open(entry) as file:
                        known.add(_digest(file))
    else:
        with tarfile.open(sdist) as source_tar:
            for member in source_tar:
                extracted = source_tar.extractfile(member) if member.isreg() and member.size in sizes else None
                if extracted is not None:
                    known.add(_digest(extracted))
    found = []
    for path in paths:
        with archive.open(path) as file:
            if _digest(file) in known:
                found.append(path)
    return found


def _digest(file: IO[bytes]) -> bytes:
    digest = hashlib.sha256()
    while piece := file.read(_CHUNK):
        digest.update(piece)
    return digest.digest()


def _true_tag(archive: zipfile.ZipFile, tag: Sequence[str], made: Sequence[str], target: str) -> list[str]:
    """The true tag of a wheel for any platform whose code is for this one, and perhaps for this Python."""
    here = target.split("-")[:3]
    if tag[1] == "none" and any(_is_of_this_python(archive, path) for path in made):
        return here
    return [*tag[:2], here[2]]


def _is_of_this_python(archive: zipfile.ZipFile, path: str) -> bool:
    if any(path.endswith(suffix) for suffix in EXTENSION_SUFFIXES if suffix != ".so"):
        return True
    try:
        return bool(read_elf(io.BytesIO(archive.read(path))).python_symbols)
    except UnreadableElf:
        return False


# ------------------------------------------------------------------------------------------------------------ metadata


def _true_fields(header: Message, parts: Sequence[str]) -> dict[str, list[str]]:
    """The fields of WHEEL that contradict the file name, with their correct values (empty: none)."""
    fields: dict[str, list[str]] = {}
    tags = sorted("-".join(tag) for tag in _expanded(parts[-3:]))
    stated = [str(line).strip().split("-") for line in header.get_all("Tag", [])]
    if any(len(tag) != 3 for tag in stated) or {"-".join(tag) for each in stated for tag in _expanded(each)} != {*tags}:
        fields["Tag"] = tags
    build = parts[2:-3]
    if [str(value).strip() for value in header.get_all("Build", [])] != list(build):
        fields["Build"] = list(build)
    purelib = [str(value).strip().lower() for value in header.get_all("Root-Is-Purelib", [])]
    for_every_machine = set(parts[-1].split(".")) == {"any"}
    compiled = set(parts[-2].split(".")) != {"none"}
    if purelib not in (["true"], ["false"]):
        fields["Root-Is-Purelib"] = ["true" if for_every_machine and not compiled else "false"]
    elif purelib == ["true"] and compiled:
        fields["Root-Is-Purelib"] = ["false"]
    return fields


def _expanded(tag: Sequence[str]) -> list[tuple[str, str, str]]:
    if len(tag) != 3:
        return []
    pythons, abis, platforms = (part.split(".") for part in tag)
    return [(python, abi, platform) for python in pythons for abi in abis for platform in platforms]


def _true_path(path: str, info: str, stem: str) -> str:
    """The path with the folders of metadata and data named after the wheel, without `./` and `//`."""
    end = "/" if path.endswith("/") else ""
    top, separator, below = posixpath.normpath(path).partition("/") if path.strip("/") else (path, "", "")
    for ending in (".dist-info", ".data"):
        if top.endswith(ending) and (ending == ".data" or top == info) and not _is_named(top[: -len(ending)], stem):
            top = stem + ending
    return top + separator + below + end


def _is_named(stem: str, wanted: str) -> bool:
    name, _, version = stem.rpartition("-")
    wanted_name, _, wanted_version = wanted.rpartition("-")
    return _normal(name) == _normal(wanted_name) and _same_version(version, wanted_version)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _same_version(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        from packaging.version import Version

        return Version(one) == Version(other)
    except (ImportError, ValueError):
        return False


# ---------------------------------------------------------------------------------------------------- RECORD, the zip


def _record_is_right(archive: zipfile.ZipFile, info: str) -> bool:
    record = f"{info}/RECORD"
    files = {entry.filename: entry for entry in archive.infolist() if not entry.is_dir()}
    unlisted = {f"{record}{ending}" for ending in ("", ".jws", ".p7s")}
    try:
        rows = list(csv.reader(io.StringIO(archive.read(record).decode(), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error):
        return False
    listed = {row[0]: row for row in rows if row}
    if any(len(row) != 3 for row in rows) or len(listed) != len(rows):
        return False
    if listed.keys() - unlisted != files.keys() - unlisted or any(listed[name][1] for name in unlisted & listed.keys()):
        return False
    return all(_row_is_right(archive, files[name], *listed[name][1:]) for name in files.keys() - unlisted)


def _row_is_right(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, stated: str, size: str) -> bool:
    algorithm, _, value = stated.partition("=")
    if algorithm not in ("sha256", "sha384", "sha512") or size not in ("", str(entry.file_size)):
        return False
    digest = hashlib.new(algorithm)
    with archive.open(entry) as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode() == value.rstrip("=")


def _is_simple(archive: zipfile.ZipFile) -> bool:
    """Whether the archive uses only features that all readers treat alike, as `admission.wheel_archive` requires."""
    if archive.comment or archive.fp is None:
        return False
    for entry in archive.infolist():
        archive.fp.seek(entry.header_offset)
        local = archive.fp.read(_LOCAL_HEADER)
        name, extra = (int.from_bytes(local[at : at + 2], "little") for at in (26, 28))
        archive.fp.seek(name, io.SEEK_CUR)
        if int.from_bytes(local[6:8], "little") & ~_KNOWN_FLAGS or entry.flag_bits & ~_KNOWN_FLAGS:
            return False
        if entry.compress_type not in (_STORED, _DEFLATED) or entry.comment:
            return False
        if {_ZIP64, _OTHER_NAME} & (_kinds(archive.fp.read(extra)) | _kinds(entry.extra)):
            return False
    return True


def _kinds(extra: bytes) -> set[int]:
    """The IDs of a zip entry's extra fields."""
    kinds = set()
    while len(extra) >= 4:
        kinds.add(int.from_bytes(extra[:2], "little"))
        extra = extra[4 + int.from_bytes(extra[2:4], "little") :]
    return kinds


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
