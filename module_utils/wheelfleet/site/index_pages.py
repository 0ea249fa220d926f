"""The bytes of the pages that installers read, under simple/: HTML from Jinja templates, JSON from here.

Sources: PEP 503 (HTML), 592 (yanked), 629 (version), 658 and 714 (metadata), 691 and 700 (JSON), 740 (provenance), 792
(project status). The same input gives the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from json.encoder import encode_basestring as _quoted
from typing import Optional
from urllib.parse import quote

from markupsafe import escape

from .listing import ListedFile, ProjectFiles
from .renderer import API_VERSION, Renderer, as_json

#: A file of ours and its hash, of signs that neither a URL nor HTML nor JSON need escape; so are nearly all.
_PLAIN_FILE = re.compile(r"[a-z0-9-]+/[A-Za-z0-9_.-]+#sha256=[0-9a-f]+")
#: So are addresses of the folder of files (site_files_url is checked).
_PLAIN_FOLDER = re.compile(r"[A-Za-z0-9_./:~-]+")
#: Text that HTML need not escape.
_PLAIN = re.compile(r"[A-Za-z0-9_./=#-]*")
_json_of = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def root_html(render: Renderer, names: Sequence[str]) -> bytes:
    """The list of projects (PEP 503)."""
    return render.text("simple_root.html.j2", names=names)


def root_json(names: Sequence[str]) -> bytes:
    """The list of projects (PEP 691)."""
    return as_json({"meta": {"api-version": API_VERSION}, "projects": [{"name": name} for name in names]})


def project_pages(render: Renderer, content: ProjectFiles) -> tuple[bytes, bytes]:
    """A project's files as HTML (PEP 503) and as JSON (PEP 691, 700).

    The JSON is put together here, because an encoder would need three times as long for a few hundred thousand files.
    """
    # Relative to the project's page, so that the site works anywhere, also on disk; or on another host. Metadata is
    # beside each file there (PEP 658).
    folder = f"{render.site.files('../../')}/{content.name}/"
    is_plain_folder = _PLAIN_FOLDER.fullmatch(folder) is not None
    links: list[_Link] = []
    entries: list[str] = []
    for file in content.listed:
        filename = file.filename
        url = file.url or f"{folder}{filename}"
        href = f"{url}#sha256={file.sha256}" if file.sha256 else url
        if (
            is_plain_folder
            and file.url is None
            and _PLAIN_FILE.fullmatch(f"{content.name}/{filename}#sha256={file.sha256}")
        ):
            quoted = f'"filename":"{filename}","url":"{url}"'
        else:
            url = file.url or f"{folder}{quote(filename)}"
            href = _escaped(f"{url}#sha256={file.sha256}" if file.sha256 else url)
            quoted = f'"filename":{_quoted(filename)},"url":{_quoted(url)}'
            filename = _escaped(filename)
        metadata = f"sha256={file.metadata_sha256}" if file.metadata_sha256 else "true"
        links.append(
            (
                filename,
                href,
                None if file.metadata_sha256 is None else metadata,
                None if file.requires_python is None else _python(file.requires_python),
                None if file.yanked is None else _escaped(file.yanked),
                None if file.provenance is None else _escaped(file.provenance),
            )
        )
        entries.append(f"{{{quoted},{_facts_json(file)}}}")
    as_html = render.text(
        "simple_project.html.j2",
        name=content.name,
        links=links,
        status=content.status,
        status_reason=content.status_reason,
    )
    return as_html, _json(content, entries)


#: A file as the template gets it: file name, address, and the values of the attributes; without a value no attribute.
_Link = tuple[str, str, Optional[str], Optional[str], Optional[str], Optional[str]]


def _escaped(text: str) -> str:
    """Escape text for a template that does not. Plain text, which is nearly all, stays a `str`; other text becomes
    Markup, so that a template that escapes gives the same bytes."""
    return text if _PLAIN.fullmatch(text) else escape(text)


#: Few values of Requires-Python exist, and nearly all need escaping.
_python = lru_cache(maxsize=1024)(_escaped)
_python_json = lru_cache(maxsize=1024)(_quoted)


def _json(content: ProjectFiles, entries: Sequence[str]) -> bytes:
    """The page of PEP 691, of the entries of its files."""
    status = ""
    if content.status:
        said = {"status": content.status, **({"reason": content.status_reason} if content.status_reason else {})}
        status = f',"project-status":{_json_of(said)}'
    return (
        f'{{"meta":{{"api-version":"{API_VERSION}"}},"name":{_quoted(content.name)},"versions":{_json_of(content.versions)},'
        f'"files":[{",".join(entries)}]{status}}}\n'
    ).encode()


def _facts_json(file: ListedFile) -> str:
    """The keys of a file after its name and address, with `core-metadata` only: pip 22.3.1 and 23.0.1 fail on its older
    name.

    Unknown values are left out, because uv refuses null. An unknown size is 0: PEP 700 requires a number, and no client
    uses it.
    """
    hashes = f'"sha256":{_quoted(file.sha256)}' if file.sha256 else ""
    yanked = "false" if file.yanked is None else _quoted(file.yanked) if file.yanked else "true"
    text = f'"hashes":{{{hashes}}},"size":{file.size or 0:d},"yanked":{yanked}'
    if file.upload_time:
        text += f',"upload-time":{_quoted(file.upload_time)}'
    if file.metadata_sha256:
        text += f',"core-metadata":{{"sha256":{_quoted(file.metadata_sha256)}}}'
    elif file.metadata_sha256 is not None:
        text += ',"core-metadata":true'
    if file.requires_python:
        text += f',"requires-python":{_python_json(file.requires_python)}'
    if file.provenance:
        text += f',"provenance":{_quoted(file.provenance)}'
    return text
