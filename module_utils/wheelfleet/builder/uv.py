"""uv's command and environment for an assignment: pip's options under uv's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ..contract.assignment import Assignment
from ..network import authorities, network
from .env_vars import PATH, listed
from .folders import BuilderHome

#: pip's options that have another name in uv; lists are joined by the character.
_OPTIONS = {
    "cert": ("SSL_CERT_FILE", " "),
    "client-cert": ("SSL_CLIENT_CERT", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
    "retries": ("UV_HTTP_RETRIES", " "),
    "no-index": ("UV_NO_INDEX", " "),
}
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")


def uv_command(assignment: Assignment) -> str:
    """The path of uv in the tool environment."""
    return str(Path(assignment["tools"]).with_name("uv"))


def dated_options(assignment: Assignment, undated: Sequence[str]) -> list[str]:
    """uv's options that except projects from UV_EXCLUDE_NEWER, for which it reads no variable."""
    if assignment["uploaded_before"] is None:
        return []
    return [word for name in undated for word in ("--exclude-newer-package", f"{name}=false")]


def uv_environment(
    home: BuilderHome, assignment: Assignment, tmp: Path, present: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of a uv that runs no package code, so it may use the builder's cache.

    All indexes have the same rank, as in pip; among equal versions the fleet's own comes first.
    """
    options = {name.replace("_", "-"): value for name, value in assignment["pip_options"].items()}
    ways = network(present)
    variables = {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "HOME": str(tmp),
        "TMPDIR": str(tmp),
        "UV_CACHE_DIR": str(home.cache / "uv"),
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PYTHON_PREFERENCE": "only-system",
        "UV_KEYRING_PROVIDER": "disabled",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": assignment["index_url"],
        # As in pip, the system's certificates are trusted.
        "UV_SYSTEM_CERTS": "1",
        **ways,
    }
    bundle = authorities(ways)
    variables.pop("SSL_CERT_FILE", None)
    if bundle is not None:
        variables["SSL_CERT_FILE"] = bundle
    more = [*listed(assignment["own_index_url"]), *listed(options.get("extra-index-url"))]
    if more:
        variables["UV_INDEX"] = " ".join(more)
    for name, (variable, separator) in _OPTIONS.items():
        if name in options:
            variables[variable] = separator.join(listed(options[name]))
    if "proxy" in options:
        variables.update(dict.fromkeys(_PROXIES, str(options["proxy"])))
    if assignment["uploaded_before"] is not None:
        variables["UV_EXCLUDE_NEWER"] = assignment["uploaded_before"]
    return variables
