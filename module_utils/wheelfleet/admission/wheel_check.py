"""Checks a wheel against its assignment. Builders run untrusted code, so everything about the file is verified.

The rules are those of the binary distribution format (PEP 427) and of core metadata (PEP 566, 643, 658). Names are
compared by PEP 503, versions by PEP 440. Mistakes that all installers accept are accepted here too, as they are or as
the builder corrected them (see `builder.correct`). A wheel that contradicts itself is refused.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import math
import re
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Final

from packaging.tags import parse_tag
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from .. import sbom
from ..elf import Elf, UnreadableElf, read_elf
from ..libc import NeededLibc, needed_libc, with_time_abi
from ..names import NotAWheel, WheelName, read_wheel_name
from ..requires_python import constraint, is_installable
from ..text import plain
from .machine_code import HEADER_SIZE, NativeCode, native_code
from .tag_claims import check_promises, promises
from .wheel_archive import Archive, Entry, Limits, Refused

__all__ = ["CheckedWheel", "Limits", "Refused", "check_wheel"]

#: The failure class of a wheel with another name or version than its release; all other refusals are "refused".
_OTHER: Final = "metadata-mismatch"

#: "sha256 or better; specifically, md5, sha1 and sha224 are not permitted" (PEP 427).
_RECORD_HASHES = {"sha256", "sha384", "sha512"}
#: Not listed, or without a hash: RECORD's signatures, and RECORD itself (PEP 427).
_UNRECORDED = {"RECORD", "RECORD.jws", "RECORD.p7s"}

#: The directories that `.data` may have: the keys of sysconfig's install schemes (PEP 427).
_SCHEMES = {"purelib", "platlib", "headers", "scripts", "data"}

#: Bytes. Real METADATA has up to some hundred thousand; RECORD has about a hundred for each file.
_LARGEST_METADATA = 4 << 20
_LARGEST_WHEEL_FILE = 64 << 10
_LARGEST_RECORD = 32 << 20
#: Bytes of an ELF file that are held in memory; a larger one goes to a temporary file.
_IN_MEMORY = 16 << 20


@dataclass(frozen=True)
class CheckedWheel:
    """The facts of a checked wheel that the catalog and the index need."""

    filename: str
    #: Normalised.
    name: str
    #: Normalised (PEP 440).
    version: str
    #: As in the file name; "" without one.
    build: str
    #: All tags of the file name's compressed set, sorted.
    tags: list[str]
    sha256: str
    size: int
    requires_python: str | None
    #: METADATA's bytes, to be published unchanged (PEP 658).
    metadata: bytes
    metadata_sha256: str
    #: Whether its tags have no ABI and any platform.
    pure: bool
    #: Whether it has shared objects, or compiled programs among its scripts.
    has_native: bool
    #: The C libraries that its machine code works with; None: any.
    libc: NeededLibc | None = None
    #: The distribution's packages of the libraries that were copied into it, by name their versions (its SBOM).
    copied: Mapping[str, str] = field(default_factory=dict)


def check_wheel(
    path: Path,
    *,
    name: str,
    version: Version | str,
    target_tags: Collection[str],
    exclude: Collection[str] = (),
    from_sdist: Collection[str] = (),
    packages: Collection[str] = (),
    limits: Limits | None = None,
) -> CheckedWheel:
    """Check the wheel at `path`, whose file name counts, and return its facts. Raises Refused.

    `name` and `version` are those of the release that was to be built; the build may have added a local version (PEP
    440). `target_tags` are all tags that the target can install. `exclude` are patterns of libraries that the operator
    lets manylinux wheels leave to the system. `from_sdist` are the files of machine code that, as the builder reports,
    the sdist contains byte for byte. `packages` are those of the libraries that it leaves to the system.

    The file is read once for its hash and unpacked once. Its machine code is read again. Only large machine code goes
    to disk.
    """
    read = _read_filename(path.name)
    wanted = canonicalize_name(name)
    if read.name != wanted:
        raise Refused(f"{path.name} is a wheel of {read.name}; one of {wanted} was asked for.", _OTHER)
    if Version(str(version)) not in (read.version, Version(read.version.public)):
        raise Refused(f"{path.name} is a wheel of version {read.version}; {version} was asked for.", _OTHER)
    tags = sorted(str(tag) for tag in read.tags)
    if not set(tags).intersection(target_tags):
        raise Refused(f"{path.name} cannot be installed on the target it was built for: none of its tags fits.")
    with Archive(path, limits or Limits()) as archive:
        return _check_contents(archive, read, tags, exclude, from_sdist, packages)


def _read_filename(filename: str) -> WheelName:
    try:
        read = read_wheel_name(filename)
        # New files may not have the spellings that only old installers accept.
        parse_wheel_filename(filename)
    except NotAWheel as error:
        raise Refused(str(error)) from error
    except (InvalidWheelFilename, InvalidVersion) as error:
        raise Refused(f"{filename} is not a wheel's name (PEP 427): {error}.") from error
    return read


def _check_contents(
    archive: Archive,
    read: WheelName,
    tags: list[str],
    exclude: Collection[str],
    from_sdist: Collection[str],
    packages: Collection[str],
) -> CheckedWheel:
    files = {entry.name: entry for entry in archive.entries if not entry.is_directory}
    info = _find_dist_info(archive, read)
    _check_data_directories(archive, read)
    for required in ("WHEEL", "METADATA", "RECORD"):
        if f"{info}/{required}" not in files:
            raise Refused(f"{archive.name} has no {info}/{required}.")
    build = "".join(str(part) for part in read.build)
    _check_wheel_file(archive, archive.read(files[f"{info}/WHEEL"], _LARGEST_WHEEL_FILE), tags, build)
    metadata = archive.read(files[f"{info}/METADATA"], _LARGEST_METADATA)
    requires_python = _check_metadata(archive, metadata, read)
    native = _check_files(archive, files, info)
    native = _check_platforms(archive, read, native, from_sdist)
    promising = any(promises(tag) for tag in read.tags)
    code: dict[str, Elf] = {}
    for each in native:
        try:
            code[each.path] = _whole(archive, files[each.path])
        except Refused:
            # Without a promise nothing depends on it, and programs may be packed.
            if promising:
                raise
    if promising:
        check_promises(archive.name, read.tags, code, exclude)
    bill = files.get(f"{info}/{sbom.PATH}")
    archive.file.seek(0)
    return CheckedWheel(
        filename=archive.name,
        name=read.name,
        version=str(read.version),
        build=build,
        tags=tags,
        sha256=hashlib.file_digest(archive.file, "sha256").hexdigest(),
        size=archive.size,
        requires_python=requires_python,
        metadata=metadata,
        metadata_sha256=hashlib.sha256(metadata).hexdigest(),
        pure=_is_pure(read),
        has_native=bool(native),
        libc=with_time_abi(needed_libc(code), code, packages),
        copied=sbom.copied_packages(archive.read(bill, sbom.LARGEST)) if bill and bill.size <= sbom.LARGEST else {},
    )


def _find_dist_info(archive: Archive, read: WheelName) -> str:
    """The one top-level `NAME-VERSION.dist-info`, in any spelling, as pip and uv find it."""
    found = sorted({entry.name.partition("/")[0] for entry in archive.entries})
    infos = [directory for directory in found if directory.endswith(".dist-info")]
    if len(infos) != 1:
        raise Refused(f"{archive.name} has {len(infos)} .dist-info directories; it must have exactly one.")
    if not _is_named_after(infos[0].removesuffix(".dist-info"), read):
        raise Refused(f"{archive.name} describes another wheel in its {infos[0]}.")
    return infos[0]


def _check_data_directories(archive: Archive, read: WheelName) -> None:
    """Refuse a top-level `*.data` that installers do not accept: they install each one and know only some schemes."""
    for entry in archive.entries:
        top, _, below = entry.name.partition("/")
        if not top.endswith(".data"):
            continue
        scheme, separator, _ = below.partition("/")
        known = scheme in _SCHEMES and (separator or entry.is_directory)
        if not _is_named_after(top.removesuffix(".data"), read) or (below and not known):
            raise Refused(f"{archive.name} contains {entry.name}, which no installer has a place for.")


def _is_named_after(stem: str, read: WheelName) -> bool:
    name, _, version = stem.rpartition("-")
    return canonicalize_name(name) == read.name and _is_version(version, read)


def _is_version(version: str, read: WheelName) -> bool:
    try:
        return Version(version) == read.version
    except ValueError:  # also for numbers that are too long for int
        return False


def _check_wheel_file(archive: Archive, content: bytes, tags: list[str], build: str) -> None:
    header = BytesHeaderParser().parsebytes(content)
    version = _field(header, "Wheel-Version")
    if not re.fullmatch(r"1\.\d{1,6}", version):
        raise Refused(f"{archive.name} has the Wheel-Version {plain(version, 100)!r}; installers know 1.0.")
    if _stated_tags(header, len(tags)) != set(tags):
        raise Refused(f"{archive.name} has other tags in its file name than in its WHEEL file.")
    if _field(header, "Build") != build:
        raise Refused(f"{archive.name} has another build tag in its file name than in its WHEEL file.")
    purelib = _field(header, "Root-Is-Purelib").lower()
    # py3-none-linux_… may be pure: Python files beside a compiled program. A wheel with an extension never is.
    if purelib not in ("true", "false") or (purelib == "true" and any(tag.split("-")[1] != "none" for tag in tags)):
        raise Refused(f"{archive.name} has Root-Is-Purelib {plain(purelib, 100)!r}, which its tags contradict.")


def _stated_tags(header: Message, most: int) -> set[str]:
    """The tags of WHEEL, one a line or as a compressed set; empty if they are more than `most` or not tags."""
    lines = [str(line).strip() for line in header.get_all("Tag", [])]
    # Count before expanding, because compressed sets multiply.
    if len(lines) > most or any(math.prod(part.count(".") + 1 for part in line.split("-")) > most for line in lines):
        return set()
    try:
        return {str(tag) for line in lines for tag in parse_tag(line)}
    except ValueError:
        return set()


def _field(header: Message, name: str) -> str:
    """The value of a field that occurs once, else "", because readers differ in which of several they take."""
    values = header.get_all(name, [])
    return str(values[0]).strip() if len(values) == 1 else ""


def _check_metadata(archive: Archive, content: bytes, read: WheelName) -> str | None:
    """The wheel's Requires-Python. Only fields that an index needs are checked; real METADATA often break other rules.

    Only the headers are parsed, and not with packaging.metadata: Python's email parser needs quadratic time for an
    untrusted multipart message.
    """
    header = BytesHeaderParser().parsebytes(content)
    name, version = _field(header, "Name"), _field(header, "Version")
    if canonicalize_name(name) != read.name:
        raise Refused(f"{archive.name} is called {plain(name, 100)!r} in its METADATA.", _OTHER)
    if not _is_version(version, read):
        raise Refused(f"{archive.name} has the version {plain(version, 100)!r} in its METADATA.", _OTHER)
    stated = [str(value) for value in header.get_all("Requires-Python", [])]
    if not all(map(is_installable, stated)):
        raise Refused(f"{archive.name} has the invalid Requires-Python {plain(', '.join(stated), 100)!r}.")
    return constraint(stated[0]) if len(stated) == 1 else None


def _check_files(archive: Archive, files: dict[str, Entry], info: str) -> list[NativeCode]:
    """Unpack each file once, compare it with RECORD, and return the machine code among them."""
    record = _read_record(archive, files, info)
    native = []
    for name, entry in files.items():
        algorithm, stated = record.get(name, ("sha256", None))
        digest = hashlib.new(algorithm)
        head = b""
        for piece in archive.unpack(entry):
            digest.update(piece)
            head = head if len(head) >= HEADER_SIZE else head + piece[:HEADER_SIZE]
        if stated is not None and digest.digest() != stated:
            raise Refused(f"{archive.name} contains {name} with another content than RECORD states.")
        if code := native_code(name, head):
            native.append(code)
    return native


def _read_record(archive: Archive, files: dict[str, Entry], info: str) -> dict[str, tuple[str, bytes]]:
    """Algorithm and digest of each file. RECORD must list each file exactly once, and nothing else."""
    unrecorded = {f"{info}/{name}" for name in _UNRECORDED}
    record: dict[str, tuple[str, bytes]] = {}
    rows = _record_rows(archive, archive.read(files[f"{info}/RECORD"], _LARGEST_RECORD))
    for name, stated_hash, stated_size in rows:
        if name not in files:
            raise Refused(f"{archive.name} lists {name!r} in RECORD, but does not contain it.")
        if name in record:
            raise Refused(f"{archive.name} lists {name!r} twice in RECORD.")
        if name in unrecorded:
            if stated_hash:
                raise Refused(f"{archive.name} states a hash for {name}, which cannot have one.")
            continue
        # The specification requires only the hash; every tool writes the size, too.
        if stated_size not in ("", str(files[name].size)):
            raise Refused(f"{archive.name} contains {name} in another size than RECORD states.")
        record[name] = _read_hash(archive, name, stated_hash)
    missing = files.keys() - record.keys() - unrecorded
    if missing:
        raise Refused(f"{archive.name} contains {min(missing)}, which RECORD does not list.")
    return record


def _record_rows(archive: Archive, content: bytes) -> Iterable[tuple[str, str, str]]:
    try:
        for row in csv.reader(io.StringIO(content.decode(), newline=""), strict=True):
            if len(row) != 3:
                raise Refused(f"{archive.name} has a line in RECORD that is not a path, a hash and a size.")
            yield row[0], row[1], row[2]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Refused(f"{archive.name} has a RECORD that cannot be read.") from error


def _read_hash(archive: Archive, name: str, stated: str) -> tuple[str, bytes]:
    algorithm, _, value = stated.partition("=")
    if algorithm not in _RECORD_HASHES:
        raise Refused(f"{archive.name} states no hash of SHA-256 or better for {name}.")
    try:
        return algorithm, base64.b64decode(value + "=" * (-len(value) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise Refused(f"{archive.name} states a hash for {name} that is not base64.") from None


def _check_platforms(
    archive: Archive, read: WheelName, native: list[NativeCode], from_sdist: Collection[str]
) -> list[NativeCode]:
    """The machine code that runs on all platforms of the tags. Raises Refused if there is other code.

    Code for other machines is accepted beside code for this one, or if the sdist contains it, because it is never
    loaded: an earlier build left it in the sources, or the project ships it for several machines.
    """
    platforms = sorted({tag.platform for tag in read.tags})
    right = [code for code in native if all(code.runs_on(platform) for platform in platforms)]
    for code in native:
        if code in right or code.path in from_sdist or any(code.machine != other.machine for other in right):
            continue
        platform = next(platform for platform in platforms if not code.runs_on(platform))
        raise Refused(
            f"{archive.name} is for the platform {platform!r}, but its {code.path} is code for {code.machine}."
        )
    return right


def _whole(archive: Archive, entry: Entry) -> Elf:
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        for piece in archive.unpack(entry):
            file.write(piece)
        file.seek(0)
        try:
            return read_elf(file)
        except UnreadableElf as error:
            raise Refused(f"{archive.name} makes promises by its tags, but its {entry.name} {error}.") from error


def _is_pure(read: WheelName) -> bool:
    return all(tag.abi == "none" and tag.platform == "any" for tag in read.tags)
