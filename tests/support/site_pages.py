"""Reads a published site like its visitors: follows links and checks hashes."""

from __future__ import annotations

import hashlib
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

Attributes = dict[str, "str | None"]


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, Attributes, list[str]]] = []
        self._open: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text: list[str] = []
        self.found.append((tag, dict(attrs), text))
        self._open.append(text)

    def handle_endtag(self, tag: str) -> None:
        if self._open:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for text in self._open[-1:]:
            text.append(data)


def elements(html: str, wanted: str | None = None) -> list[tuple[str, Attributes, str]]:
    """(tag, attributes, own text) of a page's elements, or only of those with the tag `wanted`."""
    parser = _Elements()
    parser.feed(html)
    return [(tag, attributes, "".join(text)) for tag, attributes, text in parser.found if wanted in (None, tag)]


def links(page: Path) -> dict[str, Attributes]:
    """The attributes of a page's anchors by their text."""
    return {text: attributes for _, attributes, text in elements(page.read_text(), "a")}


def listed(site: Path, name: str) -> list[str]:
    """The file names on a project's page; empty without a page. Asserts that HTML and JSON agree."""
    folder = site / "simple" / name
    if not folder.exists():
        return []
    names = list(links(folder / "index.html"))
    assert names == [file["filename"] for file in json.loads((folder / "index.json").read_text())["files"]]
    return names


def broken_links(site: Path) -> list[str]:
    """The links and hashes of pages on disk that do not match the files on disk."""
    broken = []
    root = site / "simple" / "index.html"
    if root.exists():
        for name in links(root):
            if not (site / "simple" / name / "index.html").exists():
                broken.append(f"the list of projects names {name}")
    for page in site.glob("simple/*/index.html"):
        for text, attributes in links(page).items():
            url, fragment = urldefrag(attributes["href"] or "")
            metadata = attributes["data-core-metadata"]
            broken += _unkept(page.parent / unquote(url), fragment, text)
            broken += _unkept(page.parent / unquote(f"{url}.metadata"), metadata, text)
    for page in site.glob("simple/*/index.json"):
        for file in json.loads(page.read_text())["files"]:
            broken += _unkept(
                page.parent / unquote(file["url"]), f"sha256={file['hashes']['sha256']}", file["filename"]
            )
    for page in (site / "report" / "index.html", site / "index.html"):
        if page.exists():
            for _, attributes, text in elements(page.read_text(), "a"):
                url, fragment = urldefrag(unquote(attributes["href"] or ""))
                aim = page.parent / url if url else page
                if not aim.exists() or (fragment and f'id="{fragment}"' not in aim.read_text()):
                    broken.append(f"{page.relative_to(site)} links to {url}#{fragment} ({text})")
    return broken


def _unkept(file: Path, promise: str | None, text: str) -> list[str]:
    if not file.exists():
        return [f"{text}: there is no {file.name}"]
    if f"sha256={hashlib.sha256(file.read_bytes()).hexdigest()}" != promise:
        return [f"{text}: {file.name} has another hash"]
    return []


def index_without_times(site: Path) -> dict[str, Any]:
    """The index as two controllers must have it that built the same: its pages by path, and the hashes of its files.

    The times at which wheels were added are left out.
    """
    index: dict[str, Any] = {}
    for path in sorted(site.glob("simple/**/index.html")):
        index[str(path.relative_to(site))] = path.read_text()
    for path in sorted(site.glob("simple/**/index.json")):
        page = json.loads(path.read_text())
        for file in page.get("files", ()):
            file.pop("upload-time", None)
        index[str(path.relative_to(site))] = page
    for path in sorted(site.glob("files/*/*")):
        index[str(path.relative_to(site))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return index
