"""Packs a wheel again, under another name or with other files: with a correct RECORD, and the same bytes each time.

A change of a wheel's name or WHEEL file concerns three places: the file name, the `.dist-info` folder and RECORD (PEP
427). Builders and controller change all three only by this module. It reads the wheel with Python's zipfile; if every
other reader must see the same files, check that first (see `admission.wheel_archive`).
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import stat
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from . import sbom

#: The earliest time that a zip file can state, used for every file.
_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
#: Signatures of RECORD (PEP 427), which are invalid for the new one.
_SIGNATURES = ("RECORD.jws", "RECORD.p7s")


def repack(
    wheel: Path,
    destination: Path,
    info: str,
    *,
    replaced: Mapping[str, bytes] | None = None,
    renamed: Callable[[str], str] = lambda path: path,
) -> Path:
    """Write the contents of `wheel` to the new file `destination`, and return that.

    `info` is the wheel's `.dist-info` folder and `replaced` the contents of changed and new files, both by their paths
    in `wheel`; `renamed` maps each path to its new one. Files are sorted, those of `.dist-info` come last, and RECORD,
    which is computed, is the very last. Modes become 0644, or 0755 for executable files. Entries of folders and
    signatures of RECORD are left out. Raises ValueError when two files get the same path, and zipfile's errors for a
    damaged wheel.
    """
    replaced = replaced or {}
    left_out = {f"{info}/{name}" for name in ("RECORD", *_SIGNATURES)}
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(destination, "w", zipfile.ZIP_DEFLATED) as target:
        files = {entry.filename: entry for entry in source.infolist() if not entry.is_dir()}
        paths = sorted({*files, *replaced} - left_out, key=lambda path: (path.startswith(f"{info}/"), renamed(path)))
        if twice(source.namelist()) or twice(map(renamed, paths)):
            raise ValueError(f"{wheel.name} would have two files of one path.")
        rows = []
        for path in paths:
            new = replaced.get(path)
            size_then = len(new) if new is not None else files[path].file_size
            entry = _entry(renamed(path), size_then, files.get(path))
            digest, size = hashlib.sha256(), 0
            with source.open(files[path]) if new is None else io.BytesIO(new) as old, target.open(entry, "w") as file:
                while piece := old.read(_CHUNK):
                    digest.update(piece)
                    size += len(piece)
                    file.write(piece)
            rows.append((entry.filename, f"sha256={_base64(digest.digest())}", str(size)))
        record = renamed(f"{info}/RECORD")
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([*rows, (record, "", "")])
        target.writestr(_entry(record, 0, None), text.getvalue().encode())
    return destination


def with_build_tag(wheel: Path, folder: Path, build: str, tag: str | None = None) -> Path:
    """Write a copy of the wheel into `folder`, with the build tag `build` in its name and WHEEL. Raises ValueError.

    `tag` replaces its tags (PEP 425).
    """
    name, version, *_, python, abi, platform = wheel.name[: -len(".whl")].split("-")
    fields = {"Build": [build]}
    if tag is not None:
        python, abi, platform = tag.split("-")
        fields["Tag"] = [tag]
    info = dist_info(wheel)
    filename = f"{'-'.join((name, version, build, python, abi, platform))}.whl"
    with zipfile.ZipFile(wheel) as archive:
        replaced = {f"{info}/WHEEL": with_fields(archive.read(f"{info}/WHEEL"), fields)}
        bill = f"{info}/{sbom.PATH}"
        if bill in archive.namelist():
            replaced[bill] = sbom.named(archive.read(bill), filename)
    return repack(wheel, folder / filename, info, replaced=replaced)


def twice(paths: Iterable[str]) -> bool:
    """Whether a path occurs more than once."""
    return any(count > 1 for count in Counter(paths).values())


def dist_info(wheel: Path) -> str:
    """The wheel's one `.dist-info` folder. Raises ValueError if there is none, or several."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {path.partition("/")[0] for path in archive.namelist()}
    found = sorted(top for top in tops if top.endswith(".dist-info"))
    if len(found) != 1:
        raise ValueError(f"{wheel.name} has {len(found)} .dist-info directories; it must have exactly one.")
    return found[0]


def with_fields(content: bytes, fields: Mapping[str, Sequence[str]]) -> bytes:
    """A WHEEL file with other values for these fields; a field without values is removed. Other lines stay."""
    wanted = {name.lower() for name in fields}
    lines = [
        line.strip()
        for line in content.decode("utf-8", "replace").splitlines()
        if line.strip() and line.partition(":")[0].strip().lower() not in wanted
    ]
    lines += [f"{name}: {value}" for name, values in fields.items() for value in values]
    return ("\n".join(lines) + "\n").encode()


def _entry(path: str, size: int, old: zipfile.ZipInfo | None) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    # The modes are Unix's, on whatever system this runs.
    entry.create_system = 3
    executable = old is not None and old.external_attr >> 16 & 0o111
    entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    # zipfile uses Zip64 if a size of 4 GiB is announced.
    entry.file_size = size
    return entry


def _base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
