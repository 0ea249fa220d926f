"""Makes wheels: good ones to publish upstream, and bad ones that must be refused."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import io
import stat
import warnings
import zipfile
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

from packaging.tags import parse_tag
from packaging.version import Version

from tests.support.artifacts import Artifact, core_metadata, file_stem, module_name

Flaw = Literal[
    "wrong-record-hash",
    "wrong-record-size",
    "missing-record-entry",
    "recorded-but-absent",
    "no-record",
    "no-metadata",
    "no-wheel-file",
    "two-dist-infos",
    "path-traversal",
    "absolute-path",
    "symlink",
    "duplicate-entry",
    "zip-bomb",
    "wrong-crc",
    "truncated",
    "not-a-zip",
]

Content = Mapping[str, "bytes | str"]

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20


def wheel_file(
    name: str,
    version: str,
    tag: str = "py3-none-any",
    *,
    build: str | None = None,
    summary: str | None = None,
    requires_python: str | None = None,
    requires_dist: Sequence[str] = (),
    extras: Sequence[str] = (),
    fields: Mapping[str, str | Sequence[str]] | None = None,
    files: Content | None = None,
    extra_entries: Content | None = None,
    filename: str | None = None,
    metadata_name: str | None = None,
    metadata_version: str | None = None,
    wheel_tags: Sequence[str] | None = None,
    flaws: Collection[Flaw] = (),
    bomb_bytes: int = 256 << 20,
) -> Artifact:
    """A wheel of one module, valid by default.

    `files` replaces the payload; `extra_entries` are files without a line in RECORD. `metadata_name`,
    `metadata_version` and `wheel_tags` make METADATA and WHEEL disagree with the file name. `flaws` add defects.
    """
    stem = file_stem(name, version)
    module = module_name(name)
    dist_info = f"{stem}.dist-info"
    metadata = core_metadata(
        metadata_name or name,
        metadata_version or str(Version(version)),
        requires_python=requires_python,
        requires_dist=requires_dist,
        extras=extras,
        fields={**({} if summary is None else {"Summary": summary}), **(fields or {})},
    )
    entries = _as_bytes(files if files is not None else {f"{module}.py": f"__version__ = {version!r}\n"})
    entries[f"{dist_info}/METADATA"] = metadata
    entries[f"{dist_info}/WHEEL"] = _wheel_text(tag, build, wheel_tags)
    if "two-dist-infos" in flaws:
        entries["another-1.0.dist-info/METADATA"] = core_metadata("another", "1.0")
    if "no-metadata" in flaws:
        del entries[f"{dist_info}/METADATA"]
    if "no-wheel-file" in flaws:
        del entries[f"{dist_info}/WHEEL"]
    if "path-traversal" in flaws:
        entries["../../escaped.py"] = b"escaped = True\n"
    if "absolute-path" in flaws:
        entries["/tmp/wheelfleet-escaped.py"] = b"escaped = True\n"
    if "no-record" not in flaws:
        entries[f"{dist_info}/RECORD"] = _record(entries, f"{dist_info}/RECORD", flaws)
    entries.update(_as_bytes(extra_entries or {}))
    return Artifact(
        filename=filename or "-".join([stem, *([build] if build else []), tag]) + ".whl",
        data=_archive(entries, module, flaws, bomb_bytes),
        name=name,
        version=str(Version(version)),
        kind="wheel",
        requires_python=requires_python,
        metadata=metadata,
    )


def installed_wheel(
    name: str, version: str | None = None, changed: Callable[[str, bytes], bytes] = lambda path, data: data
) -> Artifact:
    """The wheel of a distribution installed beside the tests, packed again from its files.

    So a test upstream can serve the real setuptools as a build requirement without a network. With another `version`
    and files `changed`, the wheel imitates an older version.
    """
    distribution = importlib.metadata.distribution(name)
    known = next(path.parts[0] for path in distribution.files or () if path.parts[0].endswith(".dist-info"))
    version = version or distribution.version
    dist_info = f"{file_stem(name, version)}.dist-info"
    left_out = {f"{known}/{file}" for file in ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")}
    entries = {
        str(path).replace(known, dist_info): changed(str(path), path.read_binary())
        for path in sorted(distribution.files or [])
        if ".." not in path.parts and path.suffix != ".pyc" and str(path) not in left_out
    }
    said = f"Version: {distribution.version}\n".encode(), f"Version: {version}\n".encode()
    metadata = entries[f"{dist_info}/METADATA"] = entries[f"{dist_info}/METADATA"].replace(*said, 1)
    record = f"{dist_info}/RECORD"
    entries[record] = _record(entries, record, ())
    return Artifact(
        filename=f"{file_stem(name, version)}-py3-none-any.whl",
        data=_archive(entries, name, (), 0),
        name=name,
        version=version,
        kind="wheel",
        requires_python=distribution.metadata["Requires-Python"],
        metadata=metadata,
    )


def _as_bytes(files: Content) -> dict[str, bytes]:
    return {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}


def _wheel_text(tag: str, build: str | None, wheel_tags: Sequence[str] | None) -> bytes:
    tags = wheel_tags if wheel_tags is not None else sorted(str(single) for single in parse_tag(tag))
    lines = [
        "Wheel-Version: 1.0",
        "Generator: wheelfleet-tests",
        f"Root-Is-Purelib: {'true' if tag.endswith('-none-any') else 'false'}",
        *(f"Tag: {single}" for single in tags),
        *([f"Build: {build}"] if build else []),
    ]
    return ("\n".join(lines) + "\n").encode()


def _record(entries: Mapping[str, bytes], record: str, flaws: Collection[Flaw]) -> bytes:
    victim = next(iter(entries))
    lines = []
    for path, data in entries.items():
        if path == victim and "missing-record-entry" in flaws:
            continue
        hashed = data + b"!" if path == victim and "wrong-record-hash" in flaws else data
        size = len(data) + (1 if path == victim and "wrong-record-size" in flaws else 0)
        digest = base64.urlsafe_b64encode(hashlib.sha256(hashed).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{size}")
    if "recorded-but-absent" in flaws:
        lines.append("absent.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0")
    lines.append(f"{record},,")
    return ("\n".join(lines) + "\n").encode()


def _archive(entries: Mapping[str, bytes], module: str, flaws: Collection[Flaw], bomb_bytes: int) -> bytes:
    if "not-a-zip" in flaws:
        return b"This is not a wheel.\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in entries.items():
            archive.writestr(_entry(path), data)
        if "symlink" in flaws:
            archive.writestr(_entry(f"{module}_link", stat.S_IFLNK | 0o777), "/etc/passwd")
        if "duplicate-entry" in flaws:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                archive.writestr(_entry(next(iter(entries))), "second = True\n")
        if "zip-bomb" in flaws:
            with archive.open(_entry(f"{module}_bomb.bin"), "w", force_zip64=True) as bomb:
                for _ in range(bomb_bytes // _CHUNK):
                    bomb.write(bytes(_CHUNK))
        if "wrong-crc" in flaws:
            stored = _entry(f"{module}_stored.txt")
            stored.compress_type = zipfile.ZIP_STORED
            archive.writestr(stored, b"wrong-crc-follows")
    data = buffer.getvalue()
    if "wrong-crc" in flaws:
        data = data.replace(b"wrong-crc-follows", b"wrong-crc-FOLLOWS")
    return data[: len(data) // 2] if "truncated" in flaws else data


def _entry(path: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, _EARLIEST)
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
