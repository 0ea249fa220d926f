"""The run that this process is, as M(wheelfleet_lock) gave it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from wheelfleet.engine.host_status import HostState, HostStatus, post_status, read_statuses, status_folder


@dataclasses.dataclass(frozen=True)
class CurrentRun:
    """A run by its id, with the controller's folder and the published site."""

    run: str
    state_dir: Path
    site: Path

    @property
    def catalog_path(self) -> Path:
        """The catalog's file."""
        return self.state_dir / "catalog.sqlite"

    def statuses(self) -> list[HostStatus]:
        """What the hosts of the run do."""
        return read_statuses(status_folder(self.state_dir), self.run)

    def end_host(self, host: str, state: HostState, note: str) -> None:
        """Have the host's status say that it does nothing more in this run."""
        status = next((each for each in self.statuses() if each.host == host), HostStatus(host, self.run))
        if not status.final:
            final = dataclasses.replace(status, state=state, note=note, building=[], final=True)
            post_status(status_folder(self.state_dir), final)
