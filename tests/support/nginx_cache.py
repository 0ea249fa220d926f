"""The cache of upstream on loopback: the real nginx, configured by the cache role's template."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.nginx import Nginx, rendered

#: Placeholders in the rendered configuration, replaced for each cache of a test.
_LISTEN, _INDEX, _FILES_PORT, _DNS = "127.0.0.1:9", "127.0.0.1:11111", "22222", "127.0.0.1:33333"
_FILES_HOST, _CRATES_PORTS = "fileshost", ("44444", "55555")
_FOLDER, _CACHE, _LOGS = "/etc/nginx/wheelfleet", "/var/cache/wheelfleet", "/var/log/nginx"
#: Seconds for which a cached page is used without revalidation.
PAGE_SECONDS = 1


@cache
def _configuration(scheme: str, crates: bool) -> str:
    origins = [f"{scheme}://{_INDEX}", f"{scheme}://{_FILES_HOST}:{_FILES_PORT}"]
    of_crates = [f"http://127.0.0.1:{port}" for port in _CRATES_PORTS] if crates else []
    return rendered(
        "cache/templates/etc/nginx/sites-available/wheelfleet-cache.j2",
        cache_port=_LISTEN,
        cache_page_seconds=PAGE_SECONDS,
        cache_upstream={
            "index": f"{origins[0]}/simple/",
            "origins": [*origins, *of_crates],
            "credentials": True,
            "crates": {"index": f"{of_crates[0]}/" if crates else "", "origins": of_crates},
        },
        cache_allowed=["127.0.0.1"],
        cache_nameservers=[_DNS],
        cache_authorities=f"{_FOLDER}/authorities.pem",
    )


class NginxCache(Nginx):
    """nginx as the cache of the upstream `index`, which also has files at the origin `files`, a loopback address.

    It serves only 127.0.0.1. `authorities` are the CA certificates that it trusts; it sends the header `authorization`
    only to upstream's index; `dns` is the address and port of a server that knows the index's name. `crates` are the
    addresses of a crate index, at the root of a server on 127.0.0.1, and of its downloads.
    """

    def __init__(
        self,
        index: str,
        files: str | None = None,
        *,
        authorities: Path | None = None,
        authorization: str = "",
        dns: str = "127.0.0.1:1",
        crates: tuple[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.index = index
        # Without a second origin, nothing uses the rules for it.
        self.origins = [_origin(index), files or "http://127.0.0.1:1"]
        self.authorities = authorities
        self.authorization = authorization
        self.dns = dns
        self._crates = crates
        self.origins += map(_origin, crates or ())

    @property
    def index_url(self) -> str:
        """The upstream's index, through the cache."""
        return self.through(self.index)

    def through(self, url: str) -> str:
        """The cache's address for one of upstream's."""
        origin = _origin(url)
        if origin == self.origins[0]:
            return self.url + url.removeprefix(origin)
        return f"{self.url}/-/{origin.replace('://', '/').replace(':', '~')}{url.removeprefix(origin)}"

    def server(self, listen: str) -> str:
        said = {"index": self.index, "origins": self.origins}
        (self.folder / "cache.json").write_text(json.dumps(said))
        header = f'proxy_set_header Authorization "{self.authorization}";\n'
        (self.folder / "upstream-credentials.conf").write_text(header)
        if self.authorities is not None:
            (self.folder / "authorities.pem").write_bytes(self.authorities.read_bytes())
        configuration = _configuration(urlsplit(self.index).scheme, self._crates is not None)
        for common, own in (
            *zip(_CRATES_PORTS, (str(urlsplit(url).port) for url in self._crates or ()), strict=False),
            (_LISTEN, listen),
            (_FOLDER, str(self.folder)),
            (_CACHE, str(self.folder / "cache")),
            (_LOGS, str(self.folder)),
            (_INDEX, urlsplit(self.index).netloc),
            (_FILES_HOST, str(urlsplit(self.origins[1]).hostname)),
            (_FILES_PORT, str(urlsplit(self.origins[1]).port)),
            (_DNS, self.dns),
            # As long as a page, so that a page's revalidation also looks the name up again.
            ("valid=5m", f"valid={PAGE_SECONDS}s"),
        ):
            assert common in configuration
            configuration = configuration.replace(common, own)
        return configuration


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])
