"""The origins that a cache of upstream fetches from: the index, and the hosts that its pages name for files."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..crate_index import NoIndex, OutOfReach, checked_index, read_index_config
from .client import Upstream, UpstreamUnreachable
from .responses import Page, ProjectRequest

#: Build requirements that nearly every index has; their pages show the hosts of files.
_COMMON = ("setuptools", "wheel", "pip", "packaging", "hatchling", "flit-core")
#: Number of the catalog's newest files whose URLs are read.
_SAMPLE = 50_000
#: An index with more origins is a mistake or an attack.
_MOST_ORIGINS = 8
_ORIGIN = re.compile(r"https?://([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")


class NotCacheable(Exception):
    """This upstream cannot be cached; the message has the reason and the cure."""


def check_cacheable(index_url: str, pip_options: Mapping[str, Any]) -> None:
    """Check that a web server can reach this upstream as pip does. Raises NotCacheable."""
    if not index_url:
        raise NotCacheable(
            "pip on the controller is configured for no index, so there is nothing to cache; "
            "name the upstream in controller_upstream_url, or set cache_enabled to false."
        )
    origin = origin_of(index_url)
    if origin is None:
        raise NotCacheable(f"{index_url} is no address that a web server can ask; set cache_enabled to false.")
    for option, what in (("proxy", "a proxy"), ("client_cert", "a client certificate")):
        if pip_options.get(option):
            raise NotCacheable(
                f"pip on the controller needs {what} to reach {index_url}, which the cache cannot use; "
                "set cache_enabled to false."
            )
    parts = urlsplit(index_url)
    if parts.scheme == "https" and {parts.hostname, parts.netloc} & set(pip_options.get("trusted_host") or ()):
        raise NotCacheable(
            f"pip on the controller trusts {parts.netloc} whatever its certificate says, which the cache does not; "
            "name the authority of its certificate (pip config set global.cert FILE), or set cache_enabled to false."
        )


def learn_origins(upstream: Upstream, catalog: Path) -> list[str]:
    """Scheme, host and port of the index and of the files in its pages and the catalog, the index first.

    An https index leads only to https. Raises NotCacheable when upstream does not answer and the catalog knows no file.
    """
    index = origin_of(upstream.index_url) or ""
    known = Counter(_origins(_urls_in(catalog)))
    try:
        requests = [ProjectRequest(name) for name in _COMMON]
        pages = [answer.page for _, answer in upstream.projects(requests) if isinstance(answer, Page)]
    except UpstreamUnreachable as error:
        if not known:
            raise NotCacheable(f"Where upstream's files are could not be learned. {error}") from error
        pages = []
    known.update(_origins(file.url for page in pages for file in page.files))
    others = [
        origin
        for origin, _ in known.most_common()
        if origin != index and (origin.startswith("https:") or index.startswith("http:"))
    ]
    return [index, *sorted(others[: _MOST_ORIGINS - 1])]


def learn_crates(url: str, origins: Sequence[str], ways: Mapping[str, str]) -> dict[str, Any]:
    """The cache's settings for the sparse crate index at `url`, beside upstream's `origins`, the index first.

    `index` is its URL, `origins` are those that upstream does not have. `ways` are the environment variables for the
    network (see `network`). Raises NotCacheable.
    """
    try:
        index = checked_index(url)
        own = [origin_of(index), origin_of(read_index_config(index, ways))]
    except (NoIndex, OutOfReach) as error:
        raise NotCacheable(str(error)) from error
    if None in own or (index.startswith("https:") and not str(own[1]).startswith("https:")):
        raise NotCacheable(
            f"The crate index {index} names a server for downloads that is not cached; see cache_enabled."
        )
    if index == f"{origins[0]}/":
        raise NotCacheable(f"The crate index {index} cannot be told from the upstream's own pages there.")
    return {"index": index, "origins": [each for each in dict.fromkeys(own) if each not in origins]}


def origin_of(url: str) -> str | None:
    """Scheme, host and port of a URL, without a user; None if it cannot be cached."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
    return origin if _ORIGIN.fullmatch(origin) else None


def _origins(urls: Iterable[str]) -> Iterator[str]:
    return (origin for origin in map(origin_of, urls) if origin is not None)


def _urls_in(catalog: Path) -> list[str]:
    if not catalog.is_file():
        return []
    try:
        # Read-only: only the next run migrates a catalog of an older wheelfleet.
        with closing(sqlite3.connect(f"{catalog.resolve().as_uri()}?mode=ro", uri=True)) as db:
            return [url for (url,) in db.execute("SELECT url FROM upstream_file ORDER BY id DESC LIMIT ?", (_SAMPLE,))]
    except sqlite3.DatabaseError:
        return []
