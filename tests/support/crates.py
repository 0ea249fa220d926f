"""A crate registry on loopback, by cargo's sparse protocol: static files, which a real cargo reads.

Index and crates are served by two servers, so that whoever reaches the one has not yet reached the other.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from email.message import Message
from types import TracebackType
from typing import TYPE_CHECKING

from tests.support.loopback import Answer, LoopbackServer

if TYPE_CHECKING:
    from typing import Self

_MTIME = 1_700_000_000


class _Files(LoopbackServer):
    """Serves what is in `files` by path."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        data = self.files.get(target)
        return Answer(404) if data is None else Answer(200, data)


class CrateRegistry:
    """Use it in a `with` statement. `url` is the sparse index, `index` and `crates` are its servers."""

    def __init__(self) -> None:
        self.index, self.crates = _Files(), _Files()

    @property
    def url(self) -> str:
        return f"{self.index.url}/"

    def add(self, name: str, version: str, source: str, *, yanked: bool = False, served: bool = True) -> None:
        """Publish a crate without dependencies whose library is `source`."""
        data = crate(name, version, source)
        line = {
            "name": name,
            "vers": version,
            "deps": [],
            "cksum": hashlib.sha256(data).hexdigest(),
            "features": {},
            "yanked": yanked,
        }
        path = f"/{index_path(name)}"
        self.index.files[path] = self.index.files.get(path, b"") + json.dumps(line).encode() + b"\n"
        if served:
            self.crates.files[f"/crates/{name}/{version}/download"] = data

    def checksum(self, name: str, version: str) -> str:
        """The SHA-256 of a crate, as a lock file states it."""
        return hashlib.sha256(self.crates.files[f"/crates/{name}/{version}/download"]).hexdigest()

    def __enter__(self) -> Self:
        self.index.__enter__()
        self.crates.__enter__()
        self.index.files["/config.json"] = json.dumps({"dl": f"{self.crates.url}/crates"}).encode()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.crates.__exit__(kind, error, trace)
        self.index.__exit__(kind, error, trace)


def index_path(name: str) -> str:
    """Where the index has a crate: cargo's own rule."""
    if len(name) < 3:
        return f"{len(name)}/{name}"
    return f"3/{name[0]}/{name}" if len(name) == 3 else f"{name[:2]}/{name[2:4]}/{name}"


def manifest(name: str, version: str, more: str = "") -> bytes:
    return f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2018"\n\n{more}'.encode()


def crate(name: str, version: str, source: str) -> bytes:
    """A `.crate` file: a gzipped tar with one folder."""
    buffer = io.BytesIO()
    files = {"Cargo.toml": manifest(name, version), "src/lib.rs": source.encode()}
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(f"{name}-{version}/{path}")
            member.size, member.mtime = len(data), _MTIME
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
