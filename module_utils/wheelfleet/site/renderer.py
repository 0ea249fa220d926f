"""Bytes from Jinja templates, which an operator may replace one by one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from .. import __version__
from ..text import printable
from .filters import FILTERS

#: Raise this when the code gives other bytes for the same catalog: the next publication renders every page again.
FORMAT = 7
API_VERSION = "1.4"
#: Below the templates, and below the site: what pages load. An asset is no template, its bytes go out as they are.
ASSETS = "assets"


class PublishError(Exception):
    """The site cannot be published; the message says why and what to do."""


@dataclass(frozen=True)
class SiteFacts:
    """The operator's settings of the site."""

    #: Its address without a slash at the end; empty: not known.
    url: str = ""
    title: str = "wheelfleet"
    #: "own": pages list the fleet's wheels; "full": upstream's files of the same projects, too.
    index_view: str = "own"
    #: The public key that provenance is signed with, as OpenSSH writes it; empty: it is not signed.
    signing_key: str = ""

    @property
    def index_url(self) -> str:
        """The address pip is given; with a word to replace where the site's own is not known."""
        return f"{self.url or 'https://WHEELS.EXAMPLE'}/simple/"


class Renderer:
    """Renders the templates found first in `template_dirs`. Raises PublishError on a bad one.

    Every page knows `root`, the relative way to the top of the site (`../../`), so that the site can live under any
    address and on disk, `site` (SiteFacts) and `wheelfleet_version`.
    """

    def __init__(self, template_dirs: Sequence[Path | str], site: SiteFacts | None = None) -> None:
        self.site = site or SiteFacts()
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([str(folder) for folder in template_dirs]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
        )
        self._environment.filters.update(FILTERS)
        self._environment.filters["path_quote"] = quote
        self._environment.filters["printable"] = printable
        self._environment.globals["api_version"] = API_VERSION
        self._environment.globals["site"] = self.site
        self._environment.globals["wheelfleet_version"] = __version__
        names = self._environment.list_templates()
        sources = {name: self._source(name) for name in names if not name.startswith(f"{ASSETS}/")}
        #: Says whether the pages on disk were made with the same templates, code and settings.
        self.fingerprint = hashlib.sha256(
            json.dumps([FORMAT, __version__, sources, vars(self.site)], sort_keys=True).encode()
        ).hexdigest()
        #: The assets by path, as they go out.
        self.assets = {name: self._source(name).encode() for name in names if name.startswith(f"{ASSETS}/")}

    def page(self, path: str, template: str, **values: Any) -> bytes:
        """The page at `path` below the site."""
        return self.text(template, root="../" * path.count("/"), **values)

    def text(self, template: str, **values: Any) -> bytes:
        """A template's bytes."""
        try:
            return self._environment.get_template(template).render(values).encode()
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
            raise PublishError(
                f"The template {template}{line} cannot be rendered ({error}); correct it, "
                "or remove your own copy to have the shipped one back."
            ) from error

    def _source(self, name: str) -> str:
        assert self._environment.loader is not None
        try:
            source, _, _ = self._environment.loader.get_source(self._environment, name)
        except (jinja2.TemplateNotFound, UnicodeDecodeError) as error:
            raise PublishError(
                f"The template {name} cannot be read ({error}); put it into the templates folder."
            ) from error
        return source.replace("\r\n", "\n")


def as_json(data: Any) -> bytes:
    """Compact JSON in UTF-8 with a line's end."""
    return (json.dumps(data, separators=(",", ":"), ensure_ascii=False) + "\n").encode()
