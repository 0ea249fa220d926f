"""Renders Jinja templates, which an operator may replace one by one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any
from urllib.parse import quote

import jinja2
from jinja2.bccache import Bucket
from markupsafe import escape

from .. import __version__
from ..text import percent, printable
from .contact import Contact
from .filters import FILTERS
from .glossary import UPSTREAM_NAME, for_readers, states

#: Raise this when the code makes other bytes of the same catalog: then the next publication renders every page again.
FORMAT = 13
API_VERSION = "1.4"
#: Below the templates and below the site: the style and scripts that pages load, published as they are.
ASSETS = "assets"


class PublishError(Exception):
    """The site cannot be published; the message has the cause and the cure."""


@dataclass(frozen=True)
class SiteFacts:
    """The operator's settings of the site."""

    #: The site's address without a slash at the end; empty: not known.
    url: str = ""
    title: str = "wheelfleet"
    #: "own": pages list the fleet's wheels; "full": upstream's files of the same projects, too.
    index_view: str = "own"
    #: The public key of the signatures on provenance, as OpenSSH writes it; empty: it is not signed.
    signing_key: str = ""
    #: What readers call upstream.
    upstream_name: str = UPSTREAM_NAME
    #: Who runs it.
    contact: Contact = field(default_factory=Contact)
    #: What all readers shall know now; empty: nothing. Only pages about many projects show it, because these are made
    #: in each publication: to announce something renders no project again.
    announcement: str = ""
    #: The address of the folder `files` on another host, without a slash at the end; empty: it is on this site.
    files_url: str = ""

    def files(self, top: str) -> str:
        """Where the folder `files` is, from a page from which `top` leads to the top of the site."""
        return self.files_url or f"{top}files"

    def report(self, about: Mapping[str, str | None]) -> str:
        """Where a reader reports a failed build (`Contact.report`); `log` and `page` are paths below the site."""
        places = {key: f"{self.url}/{about[key]}" for key in ("log", "page") if about.get(key)}
        return self.contact.report({**about, **places})

    @property
    def index_url(self) -> str:
        """The index's address for pip; if the site's address is not known, with a host to replace."""
        return f"{self.url or 'https://WHEELS.EXAMPLE'}/simple/"


class _CompiledTemplates(jinja2.BytecodeCache):
    """The templates that this process and those it was forked from have compiled, by their sources: compiling takes
    most of a small publication's time."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType | None] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._known[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _CompiledTemplates()

#: A character that HTML must escape.
_SPECIAL = re.compile("[&<>\"']").search


def _escape(value: Any) -> Any:
    """Escape a value. Text without anything to escape, which is nearly all, stays as it is: pages are put together from
    hundreds of thousands of values, and to wrap each one as Markup takes three times as long."""
    return value if type(value) is str and not _SPECIAL(value) else escape(value)


class _Template(jinja2.Template):
    """A template that escapes by `_escape`."""

    @classmethod
    def from_code(cls, *args: Any, **values: Any) -> jinja2.Template:
        template = super().from_code(*args, **values)
        # By this name compiled templates escape each value that they print.
        template.root_render_func.__globals__["escape"] = _escape
        return template


class Renderer:
    """Renders templates; each comes from the first of `template_dirs` that has it. Raises PublishError on a bad one.

    Every page knows `site` (SiteFacts), `wheelfleet_version`, `root`, the relative path to the top of the site
    (`../../`), and `page_path`, its own path below the site: so the site works under any address and on disk.
    """

    def __init__(self, template_dirs: Sequence[Path | str], site: SiteFacts | None = None) -> None:
        self.site = site or SiteFacts()
        self._folders = [Path(folder) for folder in template_dirs]
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([str(folder) for folder in template_dirs]),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
            bytecode_cache=_COMPILED,
        )
        self._environment.template_class = _Template
        self._environment.filters.update(FILTERS)
        self._environment.filters["path_quote"] = quote
        self._environment.filters["printable"] = printable
        self._environment.filters["for_readers"] = self.for_readers
        self._environment.filters["percent"] = percent
        #: The words of the statuses.
        self.states = states(self.site.upstream_name)
        self._environment.globals["states"] = self.states
        self._environment.globals["api_version"] = API_VERSION
        self._environment.globals["site"] = self.site
        self._environment.globals["wheelfleet_version"] = __version__
        self._environment.globals["asset"] = self.asset
        names = self._environment.list_templates()
        sources = {name: self._source(name) for name in names if not name.startswith(f"{ASSETS}/")}
        plain = {name: self._bytes(name) for name in names if name.startswith(f"{ASSETS}/")}
        #: The paths under which pages load style and scripts, by the paths of their files: with a hash of the bytes, so
        #: that browsers keep them for as long as they like.
        self.hashed = {name: _hashed(name, data) for name, data in plain.items() if name.endswith((".css", ".js"))}
        settings = asdict(self.site)
        del settings["announcement"]
        #: A hash of templates, code version and the settings that all pages show.
        self.fingerprint = hashlib.sha256(
            json.dumps([FORMAT, __version__, sources, settings, self.hashed], sort_keys=True).encode()
        ).hexdigest()
        #: The bytes of the assets by path. Those with a hash in their names also have their plain ones, for an
        #: operator's own templates and for pages of an older version that a browser shows.
        self.assets = plain | {hashed: plain[name] for name, hashed in self.hashed.items()}

    def page(self, path: str, template: str, **values: Any) -> bytes:
        """The bytes of the page at `path` below the site."""
        return self.text(template, root="../" * path.count("/"), page_path=path, **values)

    def asset(self, name: str) -> str:
        """The path below the site of a style or script, by its name in the folder of assets."""
        path = f"{ASSETS}/{name}"
        return self.hashed.get(path, path)

    def for_readers(self, sentence: str) -> str:
        """A sentence of ours as a page has it (glossary.py)."""
        return for_readers(sentence, self.site.upstream_name)

    def text(self, template: str, **values: Any) -> bytes:
        """The bytes of a template."""
        try:
            return self._environment.get_template(template).render(values).encode()
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            line = f", line {error.lineno}" if isinstance(error, jinja2.TemplateSyntaxError) else ""
            raise PublishError(
                f"The template {template}{line} cannot be rendered ({error}); correct it, "
                "or remove your own copy to have the shipped one back."
            ) from error

    def _bytes(self, name: str) -> bytes:
        """The bytes of an asset; of a text with plain line ends."""
        if name.endswith(".png"):
            return next((folder / name).read_bytes() for folder in self._folders if (folder / name).is_file())
        return self._source(name).encode()

    def _source(self, name: str) -> str:
        assert self._environment.loader is not None
        try:
            source, _, _ = self._environment.loader.get_source(self._environment, name)
        except (jinja2.TemplateNotFound, UnicodeDecodeError) as error:
            raise PublishError(
                f"The template {name} cannot be read ({error}); put it into the templates folder."
            ) from error
        return source.replace("\r\n", "\n")


def _hashed(path: str, data: bytes) -> str:
    name, dot, kind = path.rpartition(".")
    return f"{name}.{hashlib.sha256(data).hexdigest()[:12]}{dot}{kind}"


def as_json(data: Any) -> bytes:
    """Compact JSON in UTF-8 with a newline at the end."""
    return (json.dumps(data, separators=(",", ":"), ensure_ascii=False) + "\n").encode()
