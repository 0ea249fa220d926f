"""The end of a run, for an operator who is not there: what it could not do, and who has to be told.

A run that ends by itself calls `run_ended`. The service calls `service_ended` after each run, for those that could not:
killed, hung, or ended before the playbook began.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..atomic_files import write_atomically
from ..catalog.database import Catalog, CatalogError
from ..planner.queue import progress
from .notices import notify_due
from .notify_config import config_file
from .survey import over, trouble

#: Seconds for which the end of a run, and the service after it, wait for the notifier.
PATIENCE, LAST_PATIENCE = 15.0, 60.0
#: systemd's words for how a service ended (systemd.exec(5)), as predicates.
RESULTS = {
    "watchdog": "made no progress any more, and systemd ended it",
    "timeout": "did not begin or end in time, and systemd ended it",
    "oom-kill": "was killed, because the controller's memory ran out",
    "signal": "was killed",
    "core-dump": "crashed",
    "resources": "could not be started for want of resources",
    "protocol": "ended before it began",
}


@dataclass(frozen=True)
class RunEnd:
    """How a run ended. `problem` is one sentence if it could not work, "" if it could, None if nobody knows.

    `built`: it came to the builds. By web node, `webnodes` has the sentence of a failure, or None for one that has the
    site.
    """

    run: str
    problem: str | None
    built: bool = False
    webnodes: Mapping[str, str | None] = field(default_factory=dict)


def run_ended(state_dir: Path, end: RunEnd, environ: Mapping[str, str] = os.environ) -> None:
    """Note how the run ended, and have told what is due. Nothing happens where nobody is to be told."""
    if not config_file(state_dir).exists():
        return
    with suppress(CatalogError, sqlite3.Error, OSError), Catalog(state_dir / "catalog.sqlite") as catalog:
        now = time.time()
        problem = end.problem
        if problem == "" and end.built:
            problem = _idle(catalog, end.run, now)
        if problem:
            trouble(catalog, "run-failed", "", problem, now)
        elif problem == "" and end.built:
            over(catalog, "run-failed", "", now)
        for host, sentence in end.webnodes.items():
            if sentence is None:
                over(catalog, "webnode-failed", host, now)
            else:
                trouble(catalog, "webnode-failed", host, f"{host} does not take the site. {sentence}", now)
    if invocation := environ.get("INVOCATION_ID"):
        with suppress(OSError):
            write_atomically(_said(state_dir), invocation.encode(), durable=False)
    notify_due(state_dir, end.run, wait=PATIENCE)


def service_ended(state_dir: Path, environ: Mapping[str, str]) -> None:
    """Note a run of the service that could not say itself how it ended, and have told what is due."""
    if not config_file(state_dir).exists():
        return
    result = environ.get("SERVICE_RESULT", "success")
    said = b""
    with suppress(OSError):
        said = _said(state_dir).read_bytes()
    problem = RESULTS.get(result)
    if result == "exit-code" and said.decode() != environ.get("INVOCATION_ID"):
        problem = f"ended with status {environ.get('EXIT_STATUS')} before its first play"
    if problem:
        with suppress(CatalogError, sqlite3.Error, OSError), Catalog(state_dir / "catalog.sqlite") as catalog:
            sentence = f"A run of the service {problem}; see journalctl -u wheelfleet-run.service."
            trouble(catalog, "run-failed", "", sentence, time.time())
    notify_due(state_dir, environ.get("INVOCATION_ID", "service"), wait=LAST_PATIENCE)


def describe(failures: Mapping[str, str], lost: Collection[str], builders: Collection[str]) -> str:
    """The sentence about a run that could not work: by host, the messages of its first failures."""
    for host, message in failures.items():
        return f"A run could not do its work: {host}: {message}"
    if lost and not set(builders) - set(lost):
        return f"A run could not do its work, because no builder answers or works: {', '.join(sorted(lost))}."
    return "A run could not do its work."


def _idle(catalog: Catalog, run: str, now: float) -> str:
    """The sentence about a run in which no build ended though some were to do; "" if all is well."""
    (ended,) = catalog.db.execute("SELECT count(*) FROM attempt WHERE run = ? AND state = 'done'", (run,)).fetchone()
    left = progress(catalog, run, now).left
    if ended or not left:
        return ""
    builds = "1 build is" if left == 1 else f"{left} builds are"
    return f"A run ended without a single build, though {builds} to do."


def _said(state_dir: Path) -> Path:
    """The file with systemd's ID of the last run that said itself how it ended."""
    return state_dir / "run" / "ended"
