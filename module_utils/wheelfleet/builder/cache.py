"""The fleet's cache of upstream, as a builder uses it: whether it answers, and the URLs of files in it."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from .. import USER_AGENT

#: Bytes of its answer that are read at most.
_LARGEST_ANSWER = 1 << 16


class NoCache(Exception):
    """The cache cannot be used now; the message is one sentence with the reason."""


@dataclass(frozen=True)
class Cache:
    """A cache that answered: its URL, without a final slash, and the origins that it fetches from, the index first."""

    url: str
    origins: tuple[str, ...]

    def through(self, url: str) -> str | None:
        """The URL in the cache for a URL of upstream; None if the cache does not fetch from there."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2].lower()}"
        if origin not in self.origins:
            return None
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        if origin == self.origins[0]:
            return self.url + path
        folder = origin.replace("://", "/").translate({ord(":"): "~", ord("["): None, ord("]"): None})
        return f"{self.url}/-/{folder}{path}"

    def not_fetched_by_cache(self, urls: Iterable[str]) -> list[str]:
        """The hosts among those of `urls` that it does not fetch from."""
        parts = map(urlsplit, urls)
        own = urlsplit(self.url).netloc
        return sorted({each.netloc for each in parts if each.scheme in ("http", "https") and each.netloc != own})

    def crates_index(self, index: str | None) -> str | None:
        """An assignment's crate index, through the cache if that fetches from it."""
        return self.through(index.removeprefix("sparse+")) or index if index else None

    def pip_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """pip's options for upstream, adapted to the cache, which needs no proxy and has another certificate."""
        kept = {key: value for key, value in options.items() if key not in ("cert", "client_cert", "proxy")}
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            return kept
        trusted = kept.get("trusted_host") or []
        return {**kept, "trusted_host": [*([trusted] if isinstance(trusted, str) else trusted), parts.netloc]}


def probe_cache(url: str, index_url: str, *, timeout: float = 5.0) -> Cache:
    """Request the cache at `url`; check that this host may use it and that it serves the upstream `index_url`.

    Waits at most `timeout` seconds. Raises NoCache.
    """
    url = url.rstrip("/")
    request = Request(f"{url}/-/cache.json", headers={"User-Agent": USER_AGENT})
    try:
        with urlopen(request, timeout=timeout) as answer:
            said = json.loads(answer.read(_LARGEST_ANSWER))
        index, origins = said["index"], tuple(map(str, said["origins"]))
    except HTTPError as error:
        error.close()
        if error.code == 403:
            raise NoCache(
                f"The cache {url} does not let it in; run playbooks/provision.yml for the web node, "
                "or name its address in cache_allow."
            ) from error
        raise NoCache(f"The cache {url} answers {error.code}; see its error log on the web node.") from error
    except URLError as error:
        raise NoCache(f"The cache {url} does not answer ({error.reason}).") from error
    except (OSError, http.client.HTTPException) as error:
        raise NoCache(f"The cache {url} does not answer ({error}).") from error
    except (ValueError, TypeError, KeyError) as error:
        raise NoCache(f"What answers at {url} is no cache of wheelfleet's; see builder_cache_url.") from error
    if not origins or str(index).rstrip("/") != index_url.rstrip("/"):
        raise NoCache(f"The cache {url} is one of another upstream; run playbooks/provision.yml for the web node.")
    return Cache(url, origins)


def through_cache(cache: Cache, assignment: Mapping[str, Any], index_url: str) -> dict[str, Any]:
    """The assignment with indexes and sdist through the cache; other URLs are unchanged."""
    sdist = assignment["sdist"]
    return {
        **assignment,
        "index_url": cache.through(index_url) or index_url,
        "crates_index": cache.crates_index(assignment["crates_index"]),
        "pip_options": cache.pip_options(assignment["pip_options"]),
        "sdist": {**sdist, "url": cache.through(sdist["url"]) or sdist["url"]},
    }
