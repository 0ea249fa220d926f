"""Reads pip's configuration on this machine by running pip, so that no default is repeated here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

#: `pip config list` shows neither the built-in default nor which of several files wins, and `--help` hides passwords.
#: pip's own option parser decides all of that and has been in this module since pip 19.3. Creating the command itself
#: would import all of pip.
_ASK_PIP = """
import json, os
from pip._internal.cli import cmdoptions
from pip._internal.cli.parser import ConfigOptionParser
parser = ConfigOptionParser(usage="", prog="pip install", name="install", isolated=False, add_help_option=False)
for group in (cmdoptions.general_group, cmdoptions.index_group):
    parser.add_option_group(cmdoptions.make_option_group(group, parser))
options = parser.get_default_values()
print(json.dumps({
    "index_url": None if options.no_index else options.index_url,
    "extra_index_urls": options.extra_index_urls,
    "cert": options.cert or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE"),
    "client_cert": options.client_cert,
    "proxy": options.proxy,
    "trusted_hosts": options.trusted_hosts,
    "timeout": options.timeout,
    "keyring": getattr(options, "keyring_provider", None),
}))
"""


#: Likewise the credentials that pip would send to an index whose URL has no password: from .netrc, or from a keyring if
#: `keyring-provider` names one; it never prompts. The URL comes by standard input, because it may hold a token.
_ASK_PIP_CREDENTIALS = """
import json, sys
from pip._internal.cli import cmdoptions
from pip._internal.cli.parser import ConfigOptionParser
from pip._internal.network.auth import MultiDomainBasicAuth
parser = ConfigOptionParser(usage="", prog="pip install", name="install", isolated=False, add_help_option=False)
parser.add_option_group(cmdoptions.make_option_group(cmdoptions.general_group, parser))
provider = getattr(parser.get_default_values(), "keyring_provider", None)
url = sys.stdin.read()
auth = MultiDomainBasicAuth(prompting=False, index_urls=[url])
if provider:
    auth.keyring_provider = provider
keyring = bool(provider and provider not in ("auto", "disabled"))
print(json.dumps(auth._get_new_credentials(url, allow_netrc=True, allow_keyring=keyring)))
"""


class PipConfigError(Exception):
    """pip's configuration cannot be read; the message has the reason and the cure."""


@dataclass(frozen=True)
class PipSettings:
    """The settings of `pip install` on this machine. URLs may hold credentials: never show them unchanged.

    `index_url` is pip's built-in default if nothing else is configured, and None under `no-index`. `timeout` is in
    seconds. pip also installs from `extra_index_urls`, but they are not upstream: Raspberry Pi OS lists piwheels there.
    """

    index_url: str | None
    extra_index_urls: tuple[str, ...]
    cert: str | None
    client_cert: str | None
    proxy: str | None
    trusted_hosts: tuple[str, ...]
    timeout: float
    #: Whether pip may ask a keyring without a prompt.
    keyring: bool


def pip_settings(python: str = sys.executable) -> PipSettings:
    """The settings of an interpreter's pip (tested with 22 to 26): environment over `[install]` over `[global]`.

    Raises PipConfigError.
    """
    settings = _run_in_pip(python, _ASK_PIP)
    return PipSettings(
        index_url=settings["index_url"],
        extra_index_urls=tuple(settings["extra_index_urls"]),
        cert=settings["cert"],
        client_cert=settings["client_cert"],
        proxy=settings["proxy"] or None,
        trusted_hosts=tuple(settings["trusted_hosts"]),
        timeout=float(settings["timeout"]),
        keyring=settings["keyring"] not in (None, "auto", "disabled"),
    )


def pip_credentials(url: str, python: str = sys.executable, *, keyring: bool = True) -> str:
    """The credentials that pip sends to an http(s) index, as `user:password`, percent-encoded; "" for none.

    The URL's own have precedence over those of .netrc (or the file in NETRC), and these over a keyring's. `keyring` is
    that of the settings; without it, and without such a file, pip need not be asked, which takes it a third of a
    second. Raises PipConfigError.
    """
    _, own = split_userinfo(url)
    if ":" in own or not url.startswith(("http://", "https://")) or not (keyring or _has_netrc()):
        return own
    user, password = _run_in_pip(python, _ASK_PIP_CREDENTIALS, url)
    return own if not user or password is None else f"{quote(user, safe='')}:{quote(password, safe='')}"


def _has_netrc() -> bool:
    """Whether there is a file in which pip (by its library requests) looks for passwords."""
    named = os.environ.get("NETRC")
    # pathlib's way raises where nobody has a home.
    names = map(os.path.expanduser, [named] if named else ["~/.netrc", "~/_netrc"])
    return any(Path(name).exists() for name in names)


def _run_in_pip(python: str, script: str, given: str = "") -> Any:
    try:
        # From "/", so that a folder named pip in the current one is not imported.
        done = subprocess.run(
            [python, "-c", script], cwd="/", input=given, capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PipConfigError(f"{python} could not be run to ask its pip what it is configured for: {error}.") from None
    if done.returncode != 0:
        complaint = (done.stderr or done.stdout).strip().splitlines()
        reason = redacted(complaint[-1]) if complaint else f"exit status {done.returncode}"
        raise PipConfigError(
            f"The pip of {python} cannot say what it is configured for ({reason}); "
            f"put that right until `{python} -m pip config list` works."
        )
    return json.loads(done.stdout.splitlines()[-1])


def split_credentials(url: str) -> tuple[str, tuple[str, str] | None]:
    """Split `user:password@` off a URL: the URL without it, and the two, decoded; None if there are none.

    A user alone (a token, with many private indexes) gets an empty password.
    """
    shown, userinfo = split_userinfo(url)
    if not userinfo:
        return shown, None
    user, _, password = userinfo.partition(":")
    return shown, (unquote(user), unquote(password))


def split_userinfo(url: str) -> tuple[str, str]:
    """As `split_credentials`, but the credentials stay percent-encoded; "" if there are none."""
    scheme, separator, rest = url.partition("://")
    authority, *path = re.split(r"(?=[/?#])", rest, maxsplit=1)
    userinfo, at, host = authority.rpartition("@")
    if not separator or not at:
        return url, ""
    return f"{scheme}://{host}{''.join(path)}", userinfo


def redacted(text: str) -> str:
    """The text without the credentials of the URLs in it."""
    return re.sub(r"(?<=://)[^/\s]*@", "", text)
