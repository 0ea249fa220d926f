"""The status file and the metrics file on the site, written by the main process of a run."""

from __future__ import annotations

import contextlib
import os
import threading
import time

from wheelfleet.engine.metrics import MetricsText, write_metrics
from wheelfleet.engine.status import (
    Lately,
    StatusDocument,
    is_worth_writing,
    read_catalog,
    status_document,
    write_status,
)

from .current_run import CurrentRun

#: Seconds to wait for the lock, which a fork of the main process holds.
PATIENCE = 2.0


class StatusFile:
    """Writes `status.json` and `metrics.prom`. Create it before the main process forks."""

    def __init__(self) -> None:
        #: Whether this run has written the file.
        self.in_use = False
        self._shown: StatusDocument | None = None
        self._metrics = MetricsText()
        # The main process forks while a thread of it reads the catalog: a fork inside SQLite would leave the child with
        # locks that nobody opens.
        self._reading = threading.Lock()
        os.register_at_fork(
            before=self._reading.acquire, after_in_parent=self._reading.release, after_in_child=self._reading.release
        )

    def write(self, run: CurrentRun, *, ended: bool) -> None:
        """Bring the files up to date. If they cannot be written, the run continues without them."""
        self.in_use = True
        with contextlib.suppress(OSError, ValueError):
            now = time.time()
            lately, metrics = Lately(), None
            # Not for ever: a signal may have ended the run between lock and fork.
            may_read = self._reading.acquire(timeout=PATIENCE)
            try:
                if may_read:
                    lately = read_catalog(run.catalog_path, run.run, now)
                document = status_document(run.statuses(), run=run.run, now=now, ended=ended, lately=lately)
                if may_read:
                    metrics = self._metrics.if_due(run.state_dir, document, always=ended)
            finally:
                if may_read:
                    self._reading.release()
            if is_worth_writing(document, self._shown) and write_status(run.site, document):
                self._shown = document
            if metrics is not None:
                write_metrics(run.site, metrics)
