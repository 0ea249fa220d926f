"""A crate registry on loopback, by cargo's sparse protocol: static files, which a real cargo reads.

Index and crates have two servers, so that access to one is not access to the other.
"""

from __future__ import annotations

import hashlib
import io
import json
import ssl
import subprocess
import tarfile
from email.message import Message
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tests.support.loopback import Answer, LoopbackServer

if TYPE_CHECKING:
    from typing import Self

_MTIME = 1_700_000_000


class _Files(LoopbackServer):
    """Serves `files` by path."""

    def __init__(self, certificate: Path | None) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self._certificate = certificate

    @property
    def url(self) -> str:
        return super().url.replace("http:", "https:" if self._certificate else "http:")

    def start(self) -> None:
        super().start()
        if self._certificate and self._server:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        data = self.files.get(target)
        return Answer(404) if data is None else Answer(200, data)


class CrateRegistry:
    """A registry, for a `with` statement. `url` is the sparse index; `index` and `crates` are its servers.

    With a certificate (see `make_certificate`) both use https.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.index, self.crates = _Files(certificate), _Files(certificate)

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
        """The SHA-256 of a crate, in hexadecimal as in a lock file."""
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


def make_certificate(path: Path) -> Path:
    """Make a file with a key and a certificate for 127.0.0.1, which is its own authority."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=crates", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", *curve, *names, "-days", "2", "-keyout", str(path), "-out", "-"]
    certificate = subprocess.run(command, check=True, capture_output=True).stdout
    with path.open("ab") as file:
        file.write(certificate)
    return path


def index_path(name: str) -> str:
    """The path of a crate in the index, by cargo's rule."""
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
