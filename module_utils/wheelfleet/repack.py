"""Pack a wheel again under another name or with other files: RECORD is right, and equal contents are equal bytes.

A change of what a wheel says of itself (its name, its WHEEL file) has to be made in three places: the file name, the
`.dist-info` folder and RECORD (binary distribution format, PEP 427). This is the one piece of code that does it, on
builders and on the controller. It reads the wheel with Python's zipfile: whoever has to know that every other reader
sees the same files checks that first (admission/wheel_archive.py).
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

#: The earliest time a zip file can state: the same for every file.
_TIME = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
#: Signatures of RECORD (PEP 427): no longer true of the new one.
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

    `info` is the wheel's `.dist-info` folder and `replaced` the new contents of files, by path, both as they are in
    `wheel`; `renamed` gives each path its new one. Files are sorted, those of `.dist-info` come last and RECORD is the
    last one, made from what was written. Modes become 0644, or 0755 for what may be executed, which is all that
    installers look at. Entries of folders and signatures of RECORD are left out. Raises ValueError when two files get
    one path, and what zipfile raises for a damaged wheel.
    """
    replaced = replaced or {}
    left_out = {f"{info}/{name}" for name in ("RECORD", *_SIGNATURES)}
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(destination, "w", zipfile.ZIP_DEFLATED) as target:
        files = {entry.filename: entry for entry in source.infolist() if not entry.is_dir()}
        paths = sorted(files.keys() - left_out, key=lambda path: (path.startswith(f"{info}/"), renamed(path)))
        if twice(source.namelist()) or twice(map(renamed, paths)):
            raise ValueError(f"{wheel.name} would have two files of one path.")
        rows = []
        for path in paths:
            new = replaced.get(path)
            entry = _entry(renamed(path), len(new) if new is not None else files[path].file_size, files[path])
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
    """The same wheel with the build tag `build`, in its name and in its WHEEL file, in `folder`. Raises ValueError.

    `tag` is another tag (PEP 425) instead of those it has.
    """
    name, version, *_, python, abi, platform = wheel.name[: -len(".whl")].split("-")
    fields = {"Build": [build]}
    if tag is not None:
        python, abi, platform = tag.split("-")
        fields["Tag"] = [tag]
    info = dist_info(wheel)
    with zipfile.ZipFile(wheel) as archive:
        content = archive.read(f"{info}/WHEEL")
    return repack(
        wheel,
        folder / f"{'-'.join((name, version, build, python, abi, platform))}.whl",
        info,
        replaced={f"{info}/WHEEL": with_fields(content, fields)},
    )


def twice(paths: Iterable[str]) -> bool:
    """Whether one of the paths is there twice."""
    return any(count > 1 for count in Counter(paths).values())


def dist_info(wheel: Path) -> str:
    """The wheel's one `.dist-info` folder. Raises ValueError when there is none, or more."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {path.partition("/")[0] for path in archive.namelist()}
    found = sorted(top for top in tops if top.endswith(".dist-info"))
    if len(found) != 1:
        raise ValueError(f"{wheel.name} has {len(found)} .dist-info directories; it must have exactly one.")
    return found[0]


def with_fields(content: bytes, fields: Mapping[str, Sequence[str]]) -> bytes:
    """A WHEEL file with other values for these fields; one without values is left out. Other lines stay."""
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
    # The same on every system that packs: Unix, whose modes these are.
    entry.create_system = 3
    executable = old is not None and old.external_attr >> 16 & 0o111
    entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    # Zip64 begins where a size of 4 GiB is announced.
    entry.file_size = size
    return entry


def _base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
