"""The environment variables of a build: made from nothing, so that no build depends on who started the worker."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from .protocol import ATTEMPT_MARK, HOME_MARK, Assignment, Home, Workshop
from .reproducible import overridden, reproducible

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: How this machine reaches the network: the only thing that a build takes over from the worker.
_NETWORK = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"),
)

#: What the worker itself takes over from whoever starts it.
_WORKER = (*_NETWORK, "PATH", "HOME", "LANG", "LC_ALL", "TZ")


def worker_environment(present: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a worker that is started from one with `present` (by default this process's)."""
    return _taken(_WORKER, present)


def build_environment(
    home: Home, workshop: Workshop, assignment: Assignment, present: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The environment of one build; the assignment's own variables go before all others but the marks."""
    caches = workshop.home / ".cache"
    variables = {
        "PATH": _PATH,
        "LANG": "C.UTF-8",
        "HOME": str(workshop.home),
        "TMPDIR": str(workshop.tmp),
        "XDG_CACHE_HOME": str(caches),
        "XDG_CONFIG_HOME": str(workshop.home / ".config"),
        "XDG_DATA_HOME": str(workshop.home / ".local/share"),
        "XDG_STATE_HOME": str(workshop.home / ".local/state"),
        "XDG_RUNTIME_DIR": str(workshop.tmp),
        "PYTHONUNBUFFERED": "1",
        **_taken(_NETWORK, present),
        **_parallel(assignment["jobs"]),
        **_pip(assignment),
        **reproducible(workshop.path, assignment["sdist"]["upload_time"]),
    }
    variables = overridden(variables, assignment["environment"])
    variables.update({HOME_MARK: str(home.path), ATTEMPT_MARK: workshop.attempt})
    return variables


def _parallel(jobs: int) -> dict[str, str]:
    return {
        "MAKEFLAGS": f"-j{jobs}",
        "CMAKE_BUILD_PARALLEL_LEVEL": str(jobs),
        "CARGO_BUILD_JOBS": str(jobs),
        "NPY_NUM_BUILD_JOBS": str(jobs),
    }


def _pip(assignment: Assignment) -> dict[str, str]:
    """How pip gets the build requirements: a wheel of ours or of upstream before any sdist.

    pip takes no order of indexes; "prefer binary" is what lets a wheel of ours stand before upstream's newer sdist.
    The builder's own pip configuration plays no part: the assignment says it all.
    """
    options = dict(assignment["pip_options"])
    extra = [*_listed(assignment["own_index_url"]), *_listed(options.pop("extra_index_url", None))]
    variables = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": assignment["index_url"],
        "PIP_PREFER_BINARY": "1",
        "PIP_NO_INPUT": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
    }
    if extra:
        variables["PIP_EXTRA_INDEX_URL"] = " ".join(extra)
    for option, value in options.items():
        variables[f"PIP_{option.upper().replace('-', '_')}"] = " ".join(_listed(value))
    return variables


def _listed(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [str(item) for item in value]
    return [str(value)]


def _taken(names: Iterable[str], present: Mapping[str, str] | None) -> dict[str, str]:
    source = os.environ if present is None else present
    return {name: source[name] for name in names if name in source}
