"""The environment variables by which this machine reaches the network, and the transient HTTP statuses."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

#: Proxies and CA certificates. Installations inherit only these from the worker, and builds not even these.
NETWORK = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"),
)

#: The variables with a file of CA certificates, by precedence: the common one, pip's, requests', curl's.
_BUNDLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")

#: HTTP statuses that the next try may not meet.
TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}


def chosen(names: Iterable[str], present: Mapping[str, str] | None) -> dict[str, str]:
    """Those of the variables `names` that are set in `present` (by default this process's environment)."""
    source = os.environ if present is None else present
    return {name: source[name] for name in names if name in source}


def network(present: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of proxies and CA certificates that are set, by name."""
    return chosen(NETWORK, present)


def authorities(ways: Mapping[str, str]) -> str | None:
    """The first file of CA certificates among the variables `ways` (see `network`); None without one.

    A file that cannot be read does not count: uv and cargo would then trust nobody, not even the system's authorities.
    """
    return next((ways[name] for name in _BUNDLES if os.access(ways.get(name, ""), os.R_OK)), None)
