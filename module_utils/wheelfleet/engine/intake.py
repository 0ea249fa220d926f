"""Takes results in: fetches each from the builder's outbox and handles it by the kind of its build.

A result is acknowledged only after the catalog has it. If the session is killed before that, the next one finds the
result in the outbox again, and admission drops a known result.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from ..admission.admit import Storage, admit
from ..admission.classify import classify
from ..admission.compare_rebuild import compare_rebuild
from ..admission.result import log_tail, read_result
from ..contract.assignment import Kind
from ..contract.canary import NAME as CANARY_NAME
from ..contract.shape import ContractError
from .context import Context
from .link import Link
from .progress import Progress


class Intake:
    """Fetches results and passes them to admission, the rebuild check or the canary."""

    def __init__(self, context: Context, link: Link, progress: Progress) -> None:
        self.context = context
        self.link = link
        self.progress = progress
        self.storage = Storage(context.options.state_dir / "files", context.options.state_dir / "logs")
        #: Results that the catalog has and the builder may remove.
        self.unacknowledged: list[str] = []
        #: By attempt, the reason why a canary failed; empty if it was built.
        self.canaries: dict[str, str] = {}

    def take(self, attempt: str, planned: Kind | None, files: Mapping[str, int]) -> None:
        """Fetch a result (`files`: sizes in bytes by name) and take it in.

        Its kind is the one that this session `planned`, or for a late result the builder's. Raises LinkLost, and
        OSError if the controller's disk fails.
        """
        staging = self._staging(attempt)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            self.link.fetch(attempt, files, staging)
            kind = planned or kind_of_result(staging, attempt)
            if kind == "canary":
                self.canaries[attempt] = canary_failure(staging, attempt)
            elif kind == "rebuild":
                self._compare(staging, attempt)
            else:
                self._admit(staging, attempt)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self.unacknowledged.append(attempt)

    def _staging(self, attempt: str) -> Path:
        host = re.sub(r"[^A-Za-z0-9.-]", "_", self.context.host)
        return self.context.options.state_dir / "incoming" / f"{host}-{attempt}"

    def _admit(self, staging: Path, attempt: str) -> None:
        options = self.context.options
        admitted = admit(
            self.context.catalog,
            self.storage,
            staging,
            attempt,
            host=self.context.host,
            now=self.context.clock.now(),
            max_attempts=options.max_attempts,
            exclude=options.repair_exclude,
            preinstalled=options.preinstalled,
        )
        self.progress.result(admitted)

    def _compare(self, staging: Path, attempt: str) -> None:
        """Compare a rebuild with its wheel; only a difference is an event."""
        context = self.context
        found = compare_rebuild(
            context.catalog, self.storage.files, staging, attempt, host=context.host, now=context.clock.now()
        )
        if found is None:
            return
        if found.verdict == "differs":
            self.progress.event(f"It built {found.filename} again, and not as {found.builder} did. {found.sentence}")
        elif found.verdict == "agrees":
            self.progress.report_line(f"built {found.filename} again, the same as {found.builder}")
        else:
            self.progress.report_line(f"could not build {found.filename} again ({found.sentence})")


def kind_of_result(staging: Path, attempt: str) -> Kind | None:
    """The kind of build in a fetched result; None if the result is malformed or has none."""
    try:
        return read_result(staging, attempt)["kind"]
    except ContractError:
        return None


def canary_failure(staging: Path, attempt: str) -> str:
    """The reason why a canary failed, from its result; empty if it was built."""
    try:
        result = read_result(staging, attempt)
    except ContractError as error:
        return str(error)
    if result["outcome"] == "built":
        return ""
    why = classify(result, log_tail(staging, "log.gz"), CANARY_NAME)
    return f"{why.failure_class}: {why.sentence}"
