"""Reads user agents: installer, Python, machine and system.

pip and uv append a JSON object to their name and version; poetry and pdm name Python and kernel in words. The text is
untrusted: every value is short, of a small set of characters, or empty.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

#: Longer user agents are ignored. pip's have about 500 characters.
LONGEST_AGENT = 2048

#: Installers known by name. Clients that are no browser and no bot are "other": wget, scripts, other package managers.
INSTALLERS = ("pip", "uv", "poetry", "pdm")
OTHER = "other"

_WORDS = re.compile(r"[A-Za-z0-9._+-]+/[^\s/]+ \w+/(?P<python>[0-9.]+)\S* (?P<system>\w+)/")
_PYTHON = re.compile(r"[0-9]{1,2}\.[0-9]{1,3}(?![0-9])")
_MACHINE = re.compile(r"[A-Za-z0-9_]{1,16}")
_SYSTEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./_+-]{0,39}")
_SYSTEM_VERSION = re.compile(r"[0-9]{1,8}(\.[0-9]{1,4})?(?![0-9])")
_BROWSERS = r"mozilla/|opera/"
_BOTS = r"bot\b|bot/|crawl|spider|slurp|archive|monitor|scan|preview|https?:"
_MIRRORS = r"bandersnatch|devpi|artifactory|nexus|pulp|mirror"
#: They install nothing.
_NOT_INSTALLING = re.compile(f"{_BROWSERS}|{_BOTS}|{_MIRRORS}", re.IGNORECASE)
_BROWSER = re.compile(f"(?:{_BROWSERS})(?!.*(?:{_BOTS}))", re.IGNORECASE)


class Client(NamedTuple):
    """The kind of a client. Missing and implausible values are empty."""

    installer: str
    python: str = ""
    machine: str = ""
    system: str = ""


@lru_cache(maxsize=1024)
def read_agent(agent: str) -> Client | None:
    """The client of a user agent; None for browsers, bots, mirrors and clients without a name."""
    if len(agent) > LONGEST_AGENT:
        return None
    name = agent.partition("/")[0].lower()
    if name in ("pip", "uv"):
        return _from_details(name, agent.partition(" ")[2])
    if name in INSTALLERS:
        words = _WORDS.match(agent)
        return Client(name, _python(words["python"]), "", _system(words["system"])) if words else Client(name)
    if not agent.strip("- ") or _NOT_INSTALLING.search(agent):
        return None
    return Client(OTHER)


@lru_cache(maxsize=1024)
def is_browser(agent: str) -> bool:
    """Whether somebody reads with it: a browser, and no bot that calls itself one."""
    return len(agent) <= LONGEST_AGENT and _BROWSER.match(agent) is not None


def _from_details(installer: str, text: str) -> Client:
    try:
        details = json.loads(text)
    except (ValueError, RecursionError):
        return Client(installer)
    if not isinstance(details, dict):
        return Client(installer)
    distribution, kernel = _object(details.get("distro")), _object(details.get("system"))
    system = _system(distribution.get("name"), distribution.get("version"))
    if not system and kernel.get("name") != "Linux":
        # The release names a Windows version; of Linux it is only the kernel's.
        system = _system(kernel.get("name"), kernel.get("release"))
    return Client(
        installer, _python(details.get("python")), _machine(details.get("cpu")), system or _system(kernel.get("name"))
    )


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _python(version: Any) -> str:
    """Major and minor version: `3.11.2` is `3.11`."""
    found = _PYTHON.match(version) if isinstance(version, str) else None
    return found[0] if found else ""


def _machine(machine: Any) -> str:
    return machine.lower() if isinstance(machine, str) and _MACHINE.fullmatch(machine) else ""


def _system(name: Any, version: Any = None) -> str:
    """Name and version (at most two numbers): `Debian GNU/Linux 12`, `macOS 14.6`, `Arch Linux`."""
    if not isinstance(name, str) or not _SYSTEM.fullmatch(name):
        return ""
    found = _SYSTEM_VERSION.match(version) if isinstance(version, str) else None
    return f"{name.strip()} {found[0]}" if found else name.strip()
