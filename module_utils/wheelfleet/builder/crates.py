"""Fetches the crates of a package's Rust code before the build, which has no network.

In this phase the network is the crate index and its server for downloads, through the proxy. No code of the package
runs in it (see `cargo`). The crates are stored in the build's own CARGO_HOME.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..contract.reasons import Failed, Reason
from ..crate_index import NoIndex, OutOfReach, checked_index, read_index_config, replacing
from ..network import network
from . import cargo
from .attempt import Attempt, as_clause
from .env_cache import remember, remembered
from .fetched import Fetched, run_inside
from .sandbox import PROXY_PORT

#: The assignment's value for "the index that cargo is configured for".
AUTO = "auto"
#: The first cargo with sparse indexes; before, an index was a git repository.
_SPARSE_SINCE = (1, 68)
#: If one of these is set, the operator provides crates in another way.
_OPERATORS = ("CARGO_HOME", "CARGO_NET_OFFLINE")


class _Index(NamedTuple):
    url: str
    downloads: str


def fetch_crates(attempt: Attempt, source: str, manifests: Sequence[str]) -> Fetched:
    """Fetch the missing crates of the manifests, which are paths below `source`, a folder inside.

    Without cargo, an index or a sandbox it does nothing. Crates that cannot be had are no failure yet, because a build
    may work without its Rust code: see `blamed`. Raises Failed when a server is unreachable, because a build without
    crates would then differ from the next one.
    """
    work_dir, assignment = attempt.work_dir, attempt.assignment
    asked = assignment["crates_index"]
    if not manifests or not asked or not attempt.sandboxed or any(map(assignment["environment"].get, _OPERATORS)):
        return Fetched()
    attempt.enter("crates")
    manifests = [f"{source}/{manifest}" for manifest in manifests]
    answer = _run_cargo(attempt, "missing", manifests, {}, writable=[work_dir.source])
    missing = [manifest for manifest in manifests if manifest in _listed(answer.get("missing"))]
    version = answer.get("version")
    if not isinstance(version, str) or not missing:
        return Fetched()
    shown = missing[0][len(source) + 1 :]
    if numbers(version) < _SPARSE_SINCE:
        return _without(
            attempt,
            f"The crates of {shown} cannot be fetched, because Cargo {version} on this builder is older than 1.68; "
            "install a newer one (cargo-web on Debian 12; else by rustup, as docs/how-to/crates.md says).",
            "cargo-too-old",
        )
    index = _find_index(attempt, asked, version)
    work_dir.cargo.mkdir()
    variables = {"CARGO_HOME": attempt.place(work_dir.cargo)}
    if asked == AUTO:
        variables.update(cargo.SPARSE)
    else:
        (work_dir.cargo / "config.toml").write_text(replacing(index.url), encoding="utf-8")
    answer = _run_cargo(attempt, "fetch", missing, variables, writable=[work_dir.source, work_dir.cargo], reach=index)
    crates = Fetched({**variables, "CARGO_NET_OFFLINE": "true"}, (work_dir.cargo,))
    if not answer:
        return crates
    failed, said = str(answer.get("manifest"))[len(source) + 1 :], as_clause(answer.get("said"))
    if answer.get("kind") == "transient":
        raise Failed(f"The crates of {failed} could not be downloaded: {said}.", "crates-unreachable")
    refused = answer.get("kind") == "refused"
    why = "a server refuses them, or they are not in the index" if refused else "Cargo stops"
    reason: Reason = "crates-refused" if refused else "crates-unusable"
    without = _without(attempt, f"The crates of {failed} cannot be had, {why}: {said}.", reason, said)
    return crates._replace(missing=without.missing)


def numbers(version: str) -> tuple[int, ...]:
    """The first two numbers of `version`."""
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version)[:2])


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _without(attempt: Attempt, sentence: str, reason: Reason, about: str | None = None) -> Fetched:
    attempt.log_line(f"{sentence} The build goes on without them.")
    return Fetched(missing=(("crates", Failed(sentence, reason, about)),))


def _find_index(attempt: Attempt, asked: str, version: str) -> _Index:
    """The index and its server for downloads, remembered for some minutes, else from cargo. Raises Failed."""
    question = json.dumps(["crates", asked, version, attempt.assignment["environment"].get("PATH")])
    name = hashlib.sha256(question.encode()).hexdigest()
    known = remembered(attempt.home, name)
    if known is not None:
        return _Index(*json.loads(known))
    try:
        url = checked_index(asked) if asked != AUTO else _own_index(attempt)
        index = _Index(url, read_index_config(url, network()))
    except NoIndex as error:
        raise Failed(str(error), "crates-misconfigured") from error
    except OutOfReach as error:
        raise Failed(str(error), "crates-unreachable") from error
    remember(attempt.home, name, json.dumps(index))
    return index


def _own_index(attempt: Attempt) -> str:
    """The index that this builder's cargo asks by itself, which knows it and need not be told by us."""
    url = _run_cargo(attempt, "index", [], {}).get("index")
    if not isinstance(url, str):
        raise NoIndex("This builder's Cargo does not say which crate index it asks; name it in builder_crates_index.")
    return checked_index(url)


def _run_cargo(
    attempt: Attempt,
    step: str,
    manifests: Sequence[str],
    variables: Mapping[str, str],
    *,
    writable: Iterable[Path] = (),
    reach: Iterable[str] = (),
) -> dict[str, Any]:
    """Run a step of `cargo` inside; returns its answer. Raises Failed."""
    control, reach = attempt.place(attempt.work_dir.control), list(reach)
    # Before the build has a CARGO_HOME, use a temporary one: the package's own programs may run here.
    settings = {"CARGO_HOME": f"{control}/home", **variables}
    if reach:
        settings["CARGO_HTTP_PROXY"] = f"http://127.0.0.1:{PROXY_PORT}"
    return run_inside(
        attempt,
        "cargo",
        cargo.ANSWER,
        [step, control, *manifests],
        settings,
        bundle_variable="CARGO_HTTP_CAINFO",
        writable=writable,
        reach=reach,
    )
