"""Fetches the modules of a package's Go code before the build, which has no network.

In this phase the network is one module proxy, through the sandbox's proxy. No code of the package runs in it (see
`go`). Go checks the modules by the package's go.sum, and others by the checksum database that the module proxy passes
on. They are stored in the build's own folder, from which the build gets them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..contract.reasons import Failed, Reason
from . import go
from .attempt import Attempt, as_clause
from .fetched import Fetched, run_inside

#: The assignment's value for "the proxy that go is configured for".
AUTO = "auto"
#: If one of these is set, the operator provides modules in another way.
_OPERATORS = ("GOPROXY", "GOFLAGS", "GOMODCACHE")
#: Paths of the build stay out of what it makes; the files of modules can be removed by who is not root.
_FLAGS = "-modcacherw -trimpath"


def fetch_modules(attempt: Attempt, source: str, manifests: Sequence[str]) -> Fetched:
    """Fetch the modules of the go.mod files, which are paths below `source`, a folder inside.

    Without go, a module proxy or a sandbox it does nothing. Modules that cannot be had are no failure yet, because a
    build may not need them: see `blamed`. Raises Failed when the module proxy is out of reach.
    """
    work_dir, assignment = attempt.work_dir, attempt.assignment
    asked = assignment["go_proxy"]
    if not manifests or not asked or not attempt.sandboxed or any(map(assignment["environment"].get, _OPERATORS)):
        return Fetched()
    attempt.enter("modules")
    answer = _run_go(attempt, "ask", [], {})
    url = answer.get("proxy") if asked == AUTO else asked
    if not isinstance(answer.get("version"), str) or not isinstance(url, str):
        attempt.log_line("Go is not here, or asks no module proxy; the build goes on without modules.")
        return Fetched()
    url = checked_proxy(url)
    folders = [str(Path(source, manifest).parent) for manifest in manifests]
    cache = work_dir.go / "modules"
    cache.mkdir(parents=True)
    place = attempt.place(cache)
    variables = {"GOMODCACHE": place, "GOFLAGS": _FLAGS, "GOTOOLCHAIN": "local"}
    fetching = {**variables, "GOPROXY": url, "GOVCS": "*:off"}
    answer = _run_go(attempt, "fetch", folders, fetching, writable=[work_dir.source, work_dir.go], reach=[url])
    # In the build Go gets modules, also by a version's name, from what was fetched and checked here.
    offline = {**variables, "GOPROXY": f"file://{place}/cache/download", "GOSUMDB": "off"}
    fetched = Fetched(offline, (work_dir.go,))
    if not answer:
        return fetched
    said = as_clause(answer.get("said"))
    shown = str(answer.get("folder"))[len(source) + 1 :] or "the sdist"
    if answer.get("kind") == "transient":
        raise Failed(f"The Go modules of {shown} could not be downloaded: {said}.", "modules-unreachable")
    refused = answer.get("kind") == "refused"
    why = "the module proxy does not give them" if refused else "Go stops"
    reason: Reason = "modules-refused" if refused else "modules-unusable"
    sentence = f"The Go modules of {shown} cannot be had, {why}: {said}."
    attempt.log_line(f"{sentence} The build goes on without them.")
    return fetched._replace(missing=(("modules", Failed(sentence, reason, said)),))


def checked_proxy(url: str) -> str:
    """`url` as the URL of a module proxy. Raises Failed."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise Failed(
            "The Go module proxy that this builder is to ask is no address (https://…); see builder_go_proxy.",
            "modules-misconfigured",
        )
    if "@" in parts.netloc:
        raise Failed(
            "The address of the Go module proxy has a password, which every build could read; see builder_go_proxy.",
            "modules-misconfigured",
        )
    return url.rstrip("/")


def _run_go(
    attempt: Attempt,
    step: str,
    folders: Sequence[str],
    variables: Mapping[str, str],
    *,
    writable: Iterable[Path] = (),
    reach: Iterable[str] = (),
) -> dict[str, Any]:
    """Run a step of `go` inside; returns its answer. Raises Failed."""
    control = attempt.place(attempt.work_dir.control)
    # Go refuses to start without a place for its cache.
    settings = {"GOPATH": f"{control}/gopath", "GOCACHE": f"{control}/gocache", **variables}
    return run_inside(
        attempt,
        "go",
        go.ANSWER,
        [step, control, *folders],
        settings,
        bundle_variable="SSL_CERT_FILE",
        writable=writable,
        reach=reach,
    )
