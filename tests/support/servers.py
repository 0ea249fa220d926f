"""A static file server on loopback, or in the lab, for installs with the real pip and the real uv."""

from __future__ import annotations

from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.loopback import Answer, LoopbackServer

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".json": "application/vnd.pypi.simple.v1+json",
    ".metadata": "text/plain; charset=utf-8",
    ".whl": "application/octet-stream",
    ".gz": "application/gzip",
    ".zip": "application/zip",
    ".css": "text/css",
    ".txt": "text/plain; charset=utf-8",
}


class StaticServer(LoopbackServer):
    """Serves a folder: for a subfolder its `index.html`, or by `Accept` its `index.json`."""

    def __init__(self, directory: Path, port: int = 0, **place: Any) -> None:
        super().__init__(port, **place)
        self.directory = directory.resolve()

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        path = unquote(urlsplit(target).path)
        file = (self.directory / path.lstrip("/")).resolve()
        if not file.is_relative_to(self.directory):
            return Answer(404)
        if file.is_dir():
            if not path.endswith("/"):
                return Answer(301, headers={"Location": f"{path}/"})
            file = self._index_file(file, headers.get("Accept", ""))
        if not file.is_file():
            return Answer(404)
        content_type = CONTENT_TYPES.get(file.suffix, "application/octet-stream")
        return Answer(200, file.read_bytes(), {"Content-Type": content_type, "Vary": "Accept"})

    @staticmethod
    def _index_file(folder: Path, accept: str) -> Path:
        page = folder / "index.json"
        wants_json = accept.startswith(CONTENT_TYPES[".json"]) or ("json" in accept and "html" not in accept)
        return page if wants_json and page.exists() else folder / "index.html"


def serve(directory: Path, port: int = 0, **place: Any) -> StaticServer:
    """A server of `directory`, for a `with` statement; `.url` is its address, `.requests` its log."""
    return StaticServer(directory, port, **place)
