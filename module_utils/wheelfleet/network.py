"""The environment variables by which this machine reaches the network, and the HTTP status codes that may pass."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

#: Proxies and CA certificates: an installation takes nothing else over from the worker, and a build not even these.
NETWORK = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"),
)

#: The file of CA certificates for everybody's, pip's, requests' and curl's; pip is what people set up first.
_BUNDLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

#: HTTP status codes that may be other ones at the next try.
TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}


def chosen(names: Iterable[str], present: Mapping[str, str] | None) -> dict[str, str]:
    """Those of the variables `names` that are set in `present` (by default this process's environment)."""
    source = os.environ if present is None else present
    return {name: source[name] for name in names if name in source}


def network(present: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of proxies and CA certificates that are set, by name."""
    return chosen(NETWORK, present)


def authorities(ways: Mapping[str, str]) -> str | None:
    """The file of CA certificates by which this machine reaches the network, where variables of `network` name one."""
    return next((ways[name] for name in _BUNDLES if name in ways), None)
