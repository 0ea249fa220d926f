"""The bytes of the pages that installers read, under simple/: HTML from Jinja templates, JSON from here.

Sources: PEP 503 (HTML), 592 (yanked), 629 (version), 658 and 714 (metadata), 691 and 700 (JSON), 740 (provenance), 792
(project status). The same input gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from markupsafe import escape

from .listing import ListedFile, ProjectFiles
from .renderer import API_VERSION, Renderer, as_json

#: A character that a URL must escape.
_ODD = re.compile(r"[^A-Za-z0-9_.-]")
#: Text that HTML need not escape.
_PLAIN = re.compile(r"[A-Za-z0-9_./=#-]*")


def root_html(render: Renderer, names: Sequence[str]) -> bytes:
    """The list of projects (PEP 503)."""
    return render.text("simple_root.html.j2", names=names)


def root_json(names: Sequence[str]) -> bytes:
    """The list of projects (PEP 691)."""
    return as_json({"meta": {"api-version": API_VERSION}, "projects": [{"name": name} for name in names]})


def project_pages(render: Renderer, content: ProjectFiles) -> tuple[bytes, bytes]:
    """A project's files as HTML (PEP 503) and as JSON (PEP 691, 700)."""
    urls = [file.url or _url(content.name, file.filename) for file in content.listed]
    return _html(render, content, urls), _json(content, urls)


def _html(render: Renderer, content: ProjectFiles, urls: Sequence[str]) -> bytes:
    links = [
        (
            _escaped(file.filename),
            _escaped(f"{url}#sha256={file.sha256}" if file.sha256 else url),
            f"sha256={file.metadata_sha256}" if file.metadata_sha256 else file.metadata_sha256 is not None and "true",
            _python(file.requires_python),
            _escaped(file.yanked),
            _escaped(file.provenance),
        )
        for file, url in zip(content.listed, urls)
    ]
    return render.text(
        "simple_project.html.j2",
        name=content.name,
        links=links,
        status=content.status,
        status_reason=content.status_reason,
    )


def _escaped(text: str | None) -> str | None:
    """Escape text for a template that does not. Plain text, which is nearly all, stays a `str`; other text becomes
    Markup, so that a template that escapes gives the same bytes."""
    return text if text is None or _PLAIN.fullmatch(text) else escape(text)


#: Few values of Requires-Python exist, and nearly all need escaping.
_python = lru_cache(maxsize=1024)(_escaped)


def _json(content: ProjectFiles, urls: Sequence[str]) -> bytes:
    """The page of PEP 691, with `core-metadata` only: pip 22.3.1 and 23.0.1 fail on its older name.

    Unknown values are left out, because uv refuses null. An unknown size is 0: PEP 700 requires a number, and no client
    uses it.
    """
    data: dict[str, Any] = {
        "meta": {"api-version": API_VERSION},
        "name": content.name,
        "versions": content.versions,
        "files": [_file_json(file, url) for file, url in zip(content.listed, urls)],
    }
    if content.status:
        data["project-status"] = {"status": content.status}
        if content.status_reason:
            data["project-status"]["reason"] = content.status_reason
    return as_json(data)


def _url(name: str, filename: str) -> str:
    """The address of our file, relative to its project's page, so that the site works anywhere, also on disk."""
    return f"../../files/{name}/{quote(filename) if _ODD.search(filename) else filename}"


def _file_json(file: ListedFile, url: str) -> dict[str, Any]:
    data: dict[str, Any] = {
        "filename": file.filename,
        "url": url,
        "hashes": {"sha256": file.sha256} if file.sha256 else {},
        "size": file.size or 0,
        "yanked": False if file.yanked is None else file.yanked or True,
    }
    if file.upload_time:
        data["upload-time"] = file.upload_time
    if file.metadata_sha256 is not None:
        data["core-metadata"] = {"sha256": file.metadata_sha256} if file.metadata_sha256 else True
    if file.requires_python:
        data["requires-python"] = file.requires_python
    if file.provenance:
        data["provenance"] = file.provenance
    return data
