"""The run of this process, from the result of M(wheelfleet_lock)."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from wheelfleet.engine.host_status import (
    CONTROLLER,
    HostState,
    HostStatus,
    described,
    post_status,
    read_statuses,
    status_folder,
)


@dataclasses.dataclass(frozen=True)
class CurrentRun:
    """A run: its ID, the controller's state folder, and the published site's folder."""

    run: str
    state_dir: Path
    site: Path

    @property
    def catalog_path(self) -> Path:
        """The catalog's file."""
        return self.state_dir / "catalog.sqlite"

    def statuses(self) -> list[HostStatus]:
        """The status of each of the run's hosts."""
        return read_statuses(status_folder(self.state_dir), self.run)

    def described(self) -> str:
        """What the run does, in one line."""
        statuses = self.statuses()
        builders = [status for status in statuses if status.host != CONTROLLER]
        if not builders:
            return "; ".join(described(status) for status in statuses)
        building, left = sum(len(status.building) for status in builders), max(builders, key=lambda each: each.at).left
        return f"{building} builds go on, {sum(status.built for status in builders)} built, {left} left"

    def end_host(self, host: str, state: HostState, note: str) -> None:
        """Mark the host's status as final: it does nothing more in this run."""
        status = next((each for each in self.statuses() if each.host == host), HostStatus(host, self.run))
        if not status.final:
            final = dataclasses.replace(status, state=state, note=note, building=[], final=True)
            post_status(status_folder(self.state_dir), final)
