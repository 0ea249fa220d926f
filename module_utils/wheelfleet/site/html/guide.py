"""The pages that explain the index: how to use it, questions and answers, and the page for a missing address.

They say the same whatever the catalog holds, and change with the site's address and its view alone.
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

#: What the guide's examples install.
EXAMPLE = "numpy"

#: Ends of wheels' file names that between them show what such names say.
_TAGS = (
    "cp311-cp311-linux_aarch64",
    "cp311-cp311-manylinux_2_36_aarch64",
    "cp39-abi3-linux_armv7l",
    "cp311-cp311-linux_armv6l",
    "py3-none-any",
)


@dataclass(frozen=True)
class Command:
    """What to type to install with one installer."""

    installer: str
    lines: tuple[str, ...]


def install_commands(site: SiteFacts, project: str) -> list[Command]:
    """How each installer gets a project from this index, and everything else from where it always did.

    pip compares all indexes. uv takes the first one that knows a name: where our pages list the fleet's wheels alone it
    has to be told to compare too, or newer versions upstream would be hidden; where they list upstream's files besides,
    what it does by itself is right. Poetry and pdm keep the index in the project's files.
    """
    url = site.index_url
    host = untrusted_host(site)
    compare = [] if site.index_view == "full" else ["--index-strategy", "unsafe-best-match"]
    pdm = f"pypi.{UV_INDEX_NAME}"
    return [
        Command("pip", pip_commands(url, project)),
        _command("uv", ["uv", "venv"], ["uv", "pip", "install", "--index", url, *compare, project]),
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


def untrusted_host(site: SiteFacts) -> str | None:
    """The site's host if it is reached by plain http, where pip and pdm want to be told that it is to be trusted."""
    return Index(site.index_url).untrusted_host


def pages(db: sqlite3.Connection, render: Renderer) -> Iterator[tuple[str, bytes]]:
    """The guide, the questions and answers, the page for what is not there, and what robots are asked to leave."""
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
    # Served for any address, so its links are not relative to one.
    base = f"{urlsplit(site.url).path.rstrip('/')}/"
    yield "404.html", render.text("not_found.html.j2", root=base)
    yield "robots.txt", _robots(site, base)


def _robots(site: SiteFacts, base: str) -> bytes:
    """Crawlers have no use for wheels, logs and what only installers read, and the web node may be a Pi."""
    lines = ["User-agent: *", *(f"Disallow: {base}{folder}/" for folder in ("files", "logs", "provenance", "simple"))]
    if site.url:
        lines += ["", f"Sitemap: {site.url}/sitemap.xml"]
    return ("\n".join(lines) + "\n").encode()


def _command(installer: str, *lines: list[str]) -> Command:
    return Command(installer, tuple(shlex.join(line) for line in lines))
