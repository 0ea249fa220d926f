"""Real sdists and their build requirements, fetched once and then served from loopback.

They come from pip's configured index and stay in the user's cache folder (`wheelfleet-benchmarks`). So a measurement
downloads nothing and builds the same bytes each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import urllib3
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version
from wheelfleet.upstream.pip_config import pip_settings

from tests.support.artifacts import Artifact

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wheelfleet-benchmarks"
_JSON = "application/vnd.pypi.simple.v1+json"


def sdist(name: str, version: str) -> Artifact:
    """The sdist of a release from upstream; LookupError if there is none."""
    folder = _CACHE / "sdists" / f"{canonicalize_name(name)}-{version}"
    kept = [path for path in folder.glob("*") if path.suffix != ".part"]
    path = kept[0] if kept else _fetch_sdist(name, version, folder)
    return Artifact(path.name, path.read_bytes(), name, str(Version(version)), "sdist")


def wheels(requirements: Iterable[str], python: str | None = None, platform: str | None = None) -> list[Artifact]:
    """The wheels that pip chooses of these requirements and what they need, here or for that Python and platform."""
    wanted = sorted(requirements)
    if not wanted:
        return []
    if python is not None:
        wanted.append(f"--python-version={python}")
    if platform is not None:
        # pip takes a platform by its name alone, not the older ones that it includes.
        older = (
            platform,
            re.sub(r"manylinux_2_\d+_", "manylinux_2_17_", platform),
            re.sub(r"manylinux_2_\d+_", "manylinux2014_", platform),
            re.sub(r"musllinux_1_\d+_", "musllinux_1_1_", platform),
        )
        wanted += [f"--platform={name}" for name in dict.fromkeys(older)]
    folder = _CACHE / f"wheels-{hashlib.sha256(repr(wanted).encode()).hexdigest()[:12]}"
    complete = folder / "complete"
    if not complete.exists():
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", str(folder)]
        subprocess.run([*download, *wanted], check=True)
        complete.touch()
    return [_wheel(path) for path in sorted(folder.glob("*.whl"))]


def _fetch_sdist(name: str, version: str, folder: Path) -> Path:
    settings = pip_settings()
    http = urllib3.PoolManager(ca_certs=settings.cert)
    page = http.request("GET", f"{settings.index_url}/{canonicalize_name(name)}/", headers={"Accept": _JSON})
    for file in json.loads(page.data)["files"] if page.status == 200 else ():
        if _is_sdist_of(file["filename"], name, version):
            return _fetch(http, file, folder)
    raise LookupError(f"Upstream has no sdist of {name} {version} (it answers {page.status}).")


def _is_sdist_of(filename: str, name: str, version: str) -> bool:
    try:
        found, found_version = parse_sdist_filename(filename)
    except ValueError:
        return False
    return found == canonicalize_name(name) and found_version == Version(version)


def _fetch(http: urllib3.PoolManager, file: dict[str, Any], folder: Path) -> Path:
    data = http.request("GET", file["url"]).data
    if hashlib.sha256(data).hexdigest() != file["hashes"]["sha256"]:
        raise LookupError(f"{file['filename']} is not the file that upstream's page describes.")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / str(file["filename"])
    part = path.with_suffix(".part")
    part.write_bytes(data)
    return part.rename(path)


def _wheel(path: Path) -> Artifact:
    name, version, _, _ = parse_wheel_filename(path.name)
    with zipfile.ZipFile(path) as archive:
        (metadata,) = (entry for entry in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", entry))
        return Artifact(path.name, path.read_bytes(), name, str(version), "wheel", metadata=archive.read(metadata))
