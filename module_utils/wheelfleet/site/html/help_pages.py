"""The pages that explain the index: the guide, questions and answers, and the page for a missing address.

They depend only on the site's settings, not on the catalog.
"""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from ...client_config import UV_INDEX_NAME, Index
from ..commands import ENVIRONMENT, pip_commands
from ..filters import explain_tag
from ..renderer import Renderer, SiteFacts
from .search import status_words

#: The project that the guide's examples install.
EXAMPLE = "numpy"

#: Tags that the guide explains as examples.
_TAGS = (
    "cp311-cp311-linux_aarch64",
    "cp311-cp311-manylinux_2_36_aarch64",
    "cp39-abi3-linux_armv7l",
    "cp311-cp311-linux_armv6l",
    "py3-none-any",
)


@dataclass(frozen=True)
class Command:
    """The command lines that install with one installer."""

    installer: str
    lines: tuple[str, ...]


def install_commands(site: SiteFacts, project: str) -> list[Command]:
    """The commands by which each installer gets a project from this index, and other projects from their usual index.

    pip compares all indexes. uv takes the first one that knows a name. With the view `own` it needs an option to
    compare them, because newer versions upstream would be hidden; with the view `full` its default is right. Poetry and
    pdm keep the index in the project's files.
    """
    url = site.index_url
    host = untrusted_host(site)
    pdm = f"pypi.{UV_INDEX_NAME}"
    return [
        Command("pip", pip_commands(url, project)),
        Command("uv", uv_commands(site, project)),
        _command(
            "poetry",
            ["poetry", "source", "add", "--priority=explicit", UV_INDEX_NAME, url],
            ["poetry", "add", "--source", UV_INDEX_NAME, project],
        ),
        _command(
            "pdm",
            ["pdm", "config", "--local", f"{pdm}.url", url],
            *([["pdm", "config", "--local", f"{pdm}.verify_ssl", "false"]] if host else []),
            ["pdm", "add", project],
        ),
    ]


def uv_commands(site: SiteFacts, project: str, python: str = "python3") -> tuple[str, ...]:
    """uv's lines; it finds an environment in the working folder by itself."""
    compare = [] if site.index_view == "full" else ["--index-strategy", "unsafe-best-match"]
    choice = [] if python == "python3" else ["--python", python]
    install = ["uv", "pip", "install", "--index", site.index_url, *compare, project]
    return shlex.join(["uv", "venv", *choice]), shlex.join(install)


def untrusted_host(site: SiteFacts) -> str | None:
    """The site's host if its address is plain http; pip and pdm need an option to trust it. None with https."""
    return Index(site.index_url).untrusted_host


def pages(db: sqlite3.Connection, render: Renderer) -> Iterator[tuple[str, bytes]]:
    """The guide, the questions and answers, the page for missing addresses, and robots.txt."""
    site = render.site
    yield (
        "use/index.html",
        render.page(
            "use/index.html",
            "use.html.j2",
            commands=install_commands(site, EXAMPLE),
            example=EXAMPLE,
            index_name=UV_INDEX_NAME,
            untrusted_host=untrusted_host(site),
            environment=ENVIRONMENT,
            address=site.index_url.removesuffix("/simple/"),
            tags=[(tag, explain_tag(tag)) for tag in _TAGS],
        ),
    )
    yield "faq/index.html", render.page("faq/index.html", "faq.html.j2")
    # It is served for any address, so its links cannot be relative.
    base = f"{urlsplit(site.url).path.rstrip('/')}/"
    yield "404.html", render.text("not_found.html.j2", root=base, statuses=status_words(render))
    yield "robots.txt", _robots(site, base)


def _robots(site: SiteFacts, base: str) -> bytes:
    """The bytes of robots.txt. Crawlers have no use for wheels, logs and index pages, and the web node may be a Pi."""
    lines = ["User-agent: *", *(f"Disallow: {base}{folder}/" for folder in ("files", "logs", "provenance", "simple"))]
    if site.url:
        lines += ["", f"Sitemap: {site.url}/sitemap.xml"]
    return ("\n".join(lines) + "\n").encode()


def _command(installer: str, *lines: list[str]) -> Command:
    return Command(installer, tuple(shlex.join(line) for line in lines))
