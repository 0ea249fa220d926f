"""The pages of a simple index: JSON (PEP 691, 700, 792) and HTML (PEP 503, 592, 629, 714)."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from packaging.utils import canonicalize_name

from tests.support.artifacts import Artifact

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
PLAIN_HTML_TYPE = "text/html"


#: Links that servers' templates add to a page.
_NAVIGATION = (
    '<nav><a href="/">Home</a> <a href="../">All projects</a> <a href="https://docs.example.org/">Help</a></nav>'
)
_FOOT = (
    '<footer><a href="https://example.org/server-2.0">Served by server 2.0</a> <a href="?C=M;O=A">sorted</a></footer>'
)


@dataclass(frozen=True)
class PublishedFile:
    """A file on a project's page. Its bytes are made when they are first needed."""

    make: Callable[[], Artifact]
    upload_time: str
    yanked: str | None = None

    @cached_property
    def artifact(self) -> Artifact:
        return self.make()


@dataclass(frozen=True)
class Project:
    """A project's state after the change with `serial`; `exists` is false after its deletion."""

    name: str
    serial: int
    files: tuple[PublishedFile, ...] = ()
    status: str = "active"
    reason: str | None = None
    exists: bool = True

    @property
    def listed(self) -> tuple[PublishedFile, ...]:
        return () if self.status == "quarantined" else self.files


@dataclass(frozen=True)
class PageOptions:
    """The switches for this upstream's pages (see Upstream); `base` is the files' address."""

    serials: bool
    serial_as_string: bool
    hashes: bool
    core_metadata: bool
    upload_times: bool
    odd_links: bool
    base: str
    one_serial: int | None = None


def file_path(artifact: Artifact) -> str:
    return f"/files/{canonicalize_name(artifact.name)}/{artifact.filename}"


def root_json(projects: Iterable[Project], serial: int, options: PageOptions) -> bytes:
    rows = [{**_serial(project.serial, options), "name": project.name} for project in projects]
    meta = {**_serial(serial, options), "api-version": "1.4"}
    return json.dumps({"meta": meta, "projects": rows}).encode()


def root_html(projects: Iterable[Project], serial: int, options: PageOptions) -> bytes:
    anchors = (
        f'<a href="/simple/{canonicalize_name(project.name)}/">{html.escape(project.name)}</a><br/>'
        for project in projects
    )
    around = (_NAVIGATION, _FOOT) if options.odd_links else ("", "")
    return _document("Simple index", [around[0], *anchors, around[1]], serial, options)


def project_json(project: Project, options: PageOptions) -> bytes:
    status = {"status": project.status, **({"reason": project.reason} if project.reason else {})}
    page = {
        "meta": {**_serial(project.serial, options), "api-version": "1.4"},
        "name": canonicalize_name(project.name),
        "project-status": status,
        "versions": sorted({file.artifact.version for file in project.listed}),
        "files": [*(_file_row(file, options) for file in project.listed), *_odd_rows(project, options)],
    }
    return json.dumps(page).encode()


def _odd_rows(project: Project, options: PageOptions) -> list[dict[str, Any]]:
    """Files of old projects that no installer uses."""
    name = canonicalize_name(project.name).replace("-", "_")
    odd = (f"{name}-0.0.1-py2.7.egg", f"{name}-0.0.1.win32-py2.7.exe", f"{name}-0.0.1-1.noarch.rpm")
    return [
        {"filename": each, "url": f"{options.base}/files/{each}", "hashes": {}, "yanked": False}
        for each in odd
        if options.odd_links and project.listed
    ]


def _file_row(file: PublishedFile, options: PageOptions) -> dict[str, Any]:
    artifact = file.artifact
    row: dict[str, Any] = {
        "filename": artifact.filename,
        "url": options.base + file_path(artifact),
        "hashes": {"sha256": artifact.announced_sha256 or artifact.sha256} if options.hashes else {},
        "size": artifact.size if artifact.announced_size is None else artifact.announced_size,
        "requires-python": artifact.requires_python,
        "yanked": False if file.yanked is None else file.yanked or True,
    }
    if options.upload_times:
        row["upload-time"] = file.upload_time
    if options.core_metadata and artifact.metadata is not None:
        row["core-metadata"] = {"sha256": artifact.metadata_sha256}
    return row


def project_html(project: Project, options: PageOptions) -> bytes:
    metas = [f'<meta name="pypi:project-status" content="{project.status}">']
    if project.reason:
        metas.append(f'<meta name="pypi:project-status-reason" content="{html.escape(project.reason)}">')
    anchors = [_anchor(file, options) for file in project.listed]
    if options.odd_links:
        odd = (f'<a href="{row["url"]}">{row["filename"]}</a>' for row in _odd_rows(project, options))
        anchors = [_NAVIGATION, *anchors, *odd, _FOOT]
    return _document(f"Links for {canonicalize_name(project.name)}", anchors, project.serial, options, metas)


def _anchor(file: PublishedFile, options: PageOptions) -> str:
    artifact = file.artifact
    href = options.base + file_path(artifact)
    if options.hashes:
        href += f"#sha256={artifact.announced_sha256 or artifact.sha256}"
    attributes = {"href": href}
    if artifact.requires_python is not None:
        attributes["data-requires-python"] = artifact.requires_python
    if options.core_metadata and artifact.metadata is not None:
        attributes["data-core-metadata"] = f"sha256={artifact.metadata_sha256}"
        attributes["data-dist-info-metadata"] = f"sha256={artifact.metadata_sha256}"
    if file.yanked is not None:
        attributes["data-yanked"] = file.yanked
    text = " ".join(f'{name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a {text}>{html.escape(artifact.filename)}</a><br/>"


def _document(
    title: str, anchors: Iterable[str], serial: int, options: PageOptions, metas: Iterable[str] = ()
) -> bytes:
    head = ['<meta name="pypi:repository-version" content="1.4">', *metas, f"<title>{title}</title>"]
    end = "".join(f"<!--SERIAL {stated}-->\n" for stated in _serial(serial, options).values())
    lines = ["<!DOCTYPE html>", "<html><head>", *head, "</head><body>", f"<h1>{title}</h1>", *anchors]
    return ("\n".join(lines) + f"\n</body></html>\n{end}").encode()


def _serial(serial: int, options: PageOptions) -> dict[str, int | str]:
    if not options.serials:
        return {}
    serial = serial if options.one_serial is None else options.one_serial
    return {"_last-serial": str(serial) if options.serial_as_string else serial}


def negotiate(accept: str, *, json_offered: bool, html_offered: bool) -> str | None:
    """The content type of the answer; None if the client accepts none of them (406).

    An index with one format sends it to all clients, as real servers do.
    """
    if not json_offered:
        return PLAIN_HTML_TYPE
    if not html_offered:
        return JSON_TYPE
    accepted: dict[str, float] = {}
    for part in (accept or "*/*").split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((float(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
        accepted[media.lower().replace(".latest+", ".v1+")] = quality
    offers = {
        PLAIN_HTML_TYPE: max(accepted.get(media, 0) for media in (PLAIN_HTML_TYPE, "text/*", "*/*")),
        JSON_TYPE: max(accepted.get(media, 0) for media in (JSON_TYPE, "application/*")),
        HTML_TYPE: accepted.get(HTML_TYPE, 0),
    }
    best = max(offers, key=lambda media: offers[media])
    return best if offers[best] > 0 else None
