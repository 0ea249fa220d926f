"""The bytes of the site's pages: HTML from Jinja templates, which an operator may replace one by one, JSON from here.

Sources: PEP 503 (HTML), 592 (yanked), 629 (version), 658 and 714 (metadata), 691 and 700 (JSON). A page is made of
what it is about and nothing else: the same input gives the same bytes, today and tomorrow.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from .filters import FILTERS
from .listing import ListedFile
from .report import Report

#: Raise this when the code here gives other bytes for the same input: the next publication renders every page again.
FORMAT = 1
API_VERSION = "1.4"


class PublishError(Exception):
    """The site cannot be published; the message says why and what to do."""


class Pages:
    """Renders pages from the templates found first in `template_dirs`. Raises PublishError on a bad template."""

    def __init__(self, template_dirs: Sequence[Path | str]) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([str(folder) for folder in template_dirs]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.filters.update(FILTERS)
        self._environment.filters["path_quote"] = quote
        self._environment.globals["api_version"] = API_VERSION
        sources = {name: self._source(name) for name in self._environment.list_templates()}
        #: Says whether the pages on disk were made with the same templates and code.
        self.fingerprint = hashlib.sha256(json.dumps([FORMAT, sources], sort_keys=True).encode()).hexdigest()
        # Inline, and named to the browser by its hash: works from disk too, and nothing else can style or run.
        style = self._source("style.css")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        self._environment.globals["style"] = style
        self._environment.globals["style_source"] = f"'sha256-{digest}'"

    def root_html(self, names: Iterable[str]) -> bytes:
        """The list of projects (PEP 503)."""
        return self._render("simple_root.html.j2", names=names)

    def root_json(self, names: Iterable[str]) -> bytes:
        """The list of projects (PEP 691)."""
        return as_json({"meta": {"api-version": API_VERSION}, "projects": [{"name": name} for name in names]})

    def project_html(self, name: str, files: Sequence[ListedFile]) -> bytes:
        """A project's files (PEP 503)."""
        links = [{"file": file, "href": f"{_url(name, file)}#sha256={file.sha256}"} for file in files]
        return self._render("simple_project.html.j2", name=name, links=links)

    def project_json(self, name: str, files: Sequence[ListedFile]) -> bytes:
        """A project's files (PEP 691, 700). Only `core-metadata`: pip 22.3.1 and 23.0.1 fall over its older name."""
        return as_json(
            {
                "meta": {"api-version": API_VERSION},
                "name": name,
                "versions": list(dict.fromkeys(file.version for file in files)),
                "files": [_file_json(name, file) for file in files],
            }
        )

    def report_html(self, report: Report) -> bytes:
        """What was built, what was not, and why."""
        return self._render("report.html.j2", report=report)

    def report_json(self, report: Report) -> bytes:
        """The same for programs."""
        return (json.dumps(report.as_data(), indent=1, ensure_ascii=False) + "\n").encode()

    def site_index(self) -> bytes:
        """The page at the site's address."""
        return self._render("site_index.html.j2")

    def _source(self, name: str) -> str:
        assert self._environment.loader is not None
        try:
            source, _, _ = self._environment.loader.get_source(self._environment, name)
        except (jinja2.TemplateNotFound, UnicodeDecodeError) as error:
            raise PublishError(
                f"The template {name} cannot be read ({error}); put it into the templates folder."
            ) from error
        return source.replace("\r\n", "\n")

    def _render(self, template: str, **values: Any) -> bytes:
        try:
            return self._environment.get_template(template).render(values).encode()
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
            raise PublishError(
                f"The template {template}{line} cannot be rendered ({error}); correct it, "
                "or remove your own copy to have the shipped one back."
            ) from error


def _url(name: str, file: ListedFile) -> str:
    """From a project's page to its file: relative, so that the site can live anywhere, also on disk."""
    return f"../../files/{name}/{quote(file.filename)}"


def _file_json(name: str, file: ListedFile) -> dict[str, Any]:
    data: dict[str, Any] = {
        "filename": file.filename,
        "url": _url(name, file),
        "hashes": {"sha256": file.sha256},
        "size": file.size,
        "upload-time": file.upload_time,
        "yanked": False if file.yanked is None else file.yanked or True,
        "core-metadata": {"sha256": file.metadata_sha256},
    }
    if file.requires_python:
        data["requires-python"] = file.requires_python
    return data


def as_json(data: Any) -> bytes:
    """Compact JSON in UTF-8 with a line's end."""
    return (json.dumps(data, separators=(",", ":"), ensure_ascii=False) + "\n").encode()
