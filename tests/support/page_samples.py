"""Sample pages of a project foo and sample root lists, and their parsed results."""

from __future__ import annotations

import json
from typing import Any

from wheelfleet.upstream.pages import JSON_TYPE, ProjectPage, read_project_page

URL = "https://index.example/simple/foo/"
SHA256 = "a1" * 32
SDIST = {
    "filename": "Foo-1.0.tar.gz",
    "url": f"https://files.example/a/Foo-1.0.tar.gz#sha256={SHA256}",
    "hashes": {"sha256": SHA256},
    "size": 1234,
    "upload-time": "2024-05-06T07:08:09.123456Z",
    "requires-python": ">=3.8,<4",
    "yanked": False,
}
MARK = '<meta name="pypi:repository-version" content="1.4">'


def json_page(*files: Any, meta: Any = None, status: Any = None) -> bytes:
    meta = {"api-version": "1.4", "_last-serial": 7} if meta is None else meta
    return json.dumps({"meta": meta, "name": "foo", "project-status": status, "files": files}).encode()


def read_json(
    *files: Any, url: str = URL, serial: str | None = None, meta: Any = None, status: Any = None
) -> ProjectPage:
    body = json_page(*files, meta=meta, status=status)
    return read_project_page(body, JSON_TYPE, project="foo", url=url, serial=serial)


def read_html(body: str, url: str = URL, serial: str | None = None) -> ProjectPage:
    return read_project_page(body.encode(), "text/html; charset=utf-8", project="foo", url=url, serial=serial)


def root_json(*projects: Any, meta: Any = None) -> bytes:
    meta = {"api-version": "1.1", "_last-serial": "90"} if meta is None else meta
    return json.dumps({"meta": meta, "projects": projects}).encode()
