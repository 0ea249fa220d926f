"""PyPI's XML-RPC changelog: the projects that changed since a serial. It is only a hint that saves requests.

The call exists for mirrors and may go away. It is used only if the operator names its URL.
"""

from __future__ import annotations

import xmlrpc.client
from dataclasses import dataclass, field
from typing import Any

from ..names import is_project_name, normalize
from .client import Upstream
from .files import shown
from .pages import read_serial
from .pip_config import split_credentials
from .transport import NoAnswer

_LARGEST_ANSWER = 256 << 20
#: PyPI's fault code for more than 50,000 rows.
_TOO_MANY = -32500


@dataclass(frozen=True)
class Changes:
    """The highest serial of each changed project, by normalised name; or the `problem`, in a sentence."""

    serials: dict[str, int] = field(default_factory=dict)
    problem: str | None = None


def changes_since(upstream: Upstream, url: str, serial: int) -> Changes:
    """The changes after `serial`, from the changelog at `url`. Raises nothing, because it is only a hint."""
    if serial > xmlrpc.client.MAXINT:
        return _no_hint(url, f"cannot be asked for what came after {serial}: XML-RPC has no such number")
    call = xmlrpc.client.dumps((serial,), "changelog_since_serial").encode()
    headers = {"Content-Type": "text/xml", "Accept-Encoding": "gzip"}
    try:
        response = upstream.transport.request("POST", url, headers, _LARGEST_ANSWER, call)
    except NoAnswer as error:
        return _no_hint(url, str(error))
    if response.status != 200:
        return _no_hint(url, f"answered with the HTTP status {response.status}")
    try:
        (rows,), _ = xmlrpc.client.loads(response.body)
        return Changes(_highest_serials(rows))
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == _TOO_MANY:
            return _no_hint(url, "has more to tell than it gives at once")
        fault_text = shown(fault.faultString) if isinstance(fault.faultString, str) else "without a word"
        return _no_hint(url, f"answered with a fault ({fault_text})")
    except Exception:  # xmlrpc raises a dozen kinds of errors for malformed answers: ExpatError, IndexError, …
        return _no_hint(url, "answered with something that is not a changelog")


def _highest_serials(rows: Any) -> dict[str, int]:
    """The highest serials in rows of (name, version, time, action, serial), whose names are not normalised."""
    serials: dict[str, int] = {}
    for name, _, _, _, stated in rows:
        serial = read_serial(stated)
        if serial is not None and isinstance(name, str) and is_project_name(name):
            key = normalize(name)
            serials[key] = max(serial, serials.get(key, 0))
    return serials


def _no_hint(url: str, reason: str) -> Changes:
    return Changes(problem=f"The changelog {split_credentials(url)[0]} {reason}; the run goes on without it.")
