"""A Go module proxy on loopback: static files, which a real go reads (`go help goproxy`)."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from email.message import Message

from tests.support.loopback import Answer, LoopbackServer

_STAMP = (2020, 1, 1, 0, 0, 0)


class GoProxy(LoopbackServer):
    """Serves the modules that were added."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        #: The status of every answer, instead of the file's.
        self.status: int | None = None
        self._sums: list[str] = []

    @property
    def proxy(self) -> str:
        """Its URL for go, which reaches 127.0.0.1 past every proxy, but not another name of it."""
        return self.url.replace("127.0.0.1", "127.1")

    def add(self, module: str, version: str, files: Mapping[str, str]) -> None:
        """Publish a version of a module: its files, without go.mod."""
        gomod = f"module {module}\n\ngo 1.19\n"
        contents = {"go.mod": gomod, **files}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for path, text in sorted(contents.items()):
                archive.writestr(zipfile.ZipInfo(f"{module}@{version}/{path}", _STAMP), text)
        place = f"/{module}/@v"
        self.files |= {
            f"{place}/list": f"{version}\n".encode(),
            f"{place}/{version}.info": json.dumps({"Version": version, "Time": "2020-01-01T00:00:00Z"}).encode(),
            f"{place}/{version}.mod": gomod.encode(),
            f"{place}/{version}.zip": buffer.getvalue(),
        }
        of_all = {f"{module}@{version}/{path}": text for path, text in contents.items()}
        self._sums += [f"{module} {version} {_hash(of_all)}", f"{module} {version}/go.mod {_hash({'go.mod': gomod})}"]

    @property
    def gosum(self) -> bytes:
        """The go.sum of who requires all of them."""
        return "".join(f"{line}\n" for line in self._sums).encode()

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        if self.status is not None:
            return Answer(self.status)
        data = self.files.get(target)
        return Answer(404, b"not found: no such module") if data is None else Answer(200, data)


def _hash(files: Mapping[str, str]) -> str:
    """The hash of files in go.sum, by go's algorithm h1."""
    lines = "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(files.items()))
    return f"h1:{base64.b64encode(hashlib.sha256(lines.encode()).digest()).decode()}"
