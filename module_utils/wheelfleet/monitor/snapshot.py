"""Everything that the monitor shows at one moment, from the controller's files and its catalog."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..engine.host_status import (
    CONTROLLER,
    HostState,
    HostStatus,
    expected_end_seconds,
    latest_count,
    read_statuses,
    status_folder,
)
from ..engine.lock import LastRun, last_run
from .catalog_part import CatalogPart, CatalogReader, OpenAttempt

#: `none`: there was no run yet; `killed`: it did not come to its end.
RunState = Literal["none", "running", "ended", "killed"]
#: States of builders in which an operator may be needed.
TROUBLED = frozenset({"silent", "suspended", "unreachable", "failed", "left alone"})


@dataclass(frozen=True)
class Host:
    """A builder: its state, also where an operator holds it, and its status of this run."""

    name: str
    state: str
    status: HostStatus
    cores: int = 0
    per_hour: int = 0
    #: Why it is in this state, for people.
    note: str = ""

    @property
    def is_troubled(self) -> bool:
        """Whether an operator may be needed."""
        return self.state in TROUBLED or self.status.disk_low


@dataclass(frozen=True)
class RunningBuild:
    """A build that goes on. Times are in epoch seconds; `end` is None and `attempt` empty if they are not known."""

    host: str
    name: str
    version: str
    target: str
    since: float
    end: float | None
    tail: str
    attempt: str


@dataclass(frozen=True)
class Snapshot:
    """The screen's content. `sentence` says what an operator must know of the run; empty if there is nothing."""

    now: float
    run: str = ""
    state: RunState = "none"
    since: float = 0.0
    sentence: str = ""
    hosts: Sequence[Host] = ()
    builds: Sequence[RunningBuild] = ()
    built: int = 0
    failed: int = 0
    left: int | None = None
    end: float | None = None
    catalog: CatalogPart = field(default_factory=CatalogPart)


class Reader:
    """Reads snapshots of the run whose controller has this state folder (`controller_state_dir`)."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self._catalog = CatalogReader(state_dir / "catalog.sqlite")

    def read(self, now: float | None = None, *, at_once: bool = False) -> Snapshot:
        """The snapshot of this moment; `at_once`: the catalog too, whenever it was read last."""
        moment = time.time() if now is None else now
        run = last_run(self.state_dir)
        statuses = read_statuses(status_folder(self.state_dir), run.run) if run else []
        part = self._catalog.read(run.run if run else "", moment, at_once=at_once)
        return snapshot(run, statuses, part, moment, self.state_dir)


def snapshot(
    run: LastRun | None, statuses: Sequence[HostStatus], part: CatalogPart, now: float, state_dir: Path
) -> Snapshot:
    """Put the parts together."""
    builders = [status for status in statuses if status.host != CONTROLLER]
    state = _state(run, statuses)
    working = state == "running"
    seconds = expected_end_seconds(builders, now) if working else None
    hosts = _hosts(builders, part, state)
    newest = latest_count(builders)
    return Snapshot(
        now=now,
        run=run.run if run else "",
        state=state,
        since=run.since if run else 0.0,
        sentence=_sentence(state, run, statuses, now, state_dir),
        hosts=hosts,
        builds=_builds(builders, part.attempts) if working else (),
        built=sum(status.built for status in builders),
        failed=sum(status.failed for status in builders),
        left=newest.left if newest else None,
        end=None if seconds is None else now + seconds,
        catalog=part,
    )


def _state(run: LastRun | None, statuses: Sequence[HostStatus]) -> RunState:
    if run is None:
        return "none"
    if run.lives:
        return "running"
    builders = [status for status in statuses if status.host != CONTROLLER]
    return "killed" if any(not status.final for status in builders) else "ended"


def _sentence(state: RunState, run: LastRun | None, statuses: Sequence[HostStatus], now: float, state_dir: Path) -> str:
    newest = max((status.at for status in statuses), default=run.since if run else 0.0)
    builders = [status for status in statuses if status.host != CONTROLLER]
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(newest))
    if state == "none":
        folders = (state_dir, state_dir / "run")
        # A path below a folder that may not be entered counts as not there, so the upper one is asked first.
        if any(os.access(folder, os.F_OK) and not os.access(folder, os.R_OK | os.X_OK) for folder in folders):
            return f"You may not read {state_dir}; start the monitor as the account that runs build.yml."
        if not os.access(state_dir, os.F_OK):
            return (
                f"There is no folder {state_dir}; name that of the run (make monitor STATE=…), or start one: "
                "ansible-playbook build.yml."
            )
        return (
            f"There was no run with {state_dir} yet. Start one (ansible-playbook build.yml), "
            "or name another folder (STATE=…)."
        )
    if state == "killed":
        return f"The run was killed, its last news is from {at}; ansible-playbook build.yml carries on. Builders go on."
    if state == "ended":
        return (
            f"No run is at work; the last one ended ({at}). Orders are kept for the next: ansible-playbook build.yml."
        )
    if builders and all(status.final for status in builders):
        return "The builders are done; the run publishes."
    if not builders:
        reading = next((status.note for status in statuses if status.host == CONTROLLER and status.note), "")
        if reading.startswith("read "):
            return f"Upstream is being read: {reading}."
        return f"The controller {reading}." if reading else "The run prepares the controller and the builders."
    return ""


def _hosts(builders: Sequence[HostStatus], part: CatalogPart, state: RunState) -> list[Host]:
    hosts = []
    by_name = {status.host: status for status in builders}
    for name in sorted({*by_name, *part.builders}, key=natural):
        status = by_name.get(name) or HostStatus(name, "", state=HostState.IDLE)
        word, note = str(status.state), status.note
        if name not in by_name or (state in ("ended", "none") and status.state is HostState.BUILDING):
            word = "not seen" if state == "running" else "off duty"
        elif state == "killed" and not status.final:
            word = "left alone"
        if name in part.suspended:
            word, note = str(HostState.SUSPENDED), note or part.suspended[name]
        if name in part.held:
            word = part.held[name]
        cores = status.metrics.get("cores") or part.builders.get(name, 0)
        hosts.append(Host(name, word, status, cores, part.per_hour.get(name, 0), note))
    return hosts


def natural(name: str) -> list[tuple[str, int]]:
    """A key by which pi2 comes before pi10."""
    return [(text, int(number or 0)) for text, number in re.findall(r"([^0-9]*)([0-9]{0,9})", name)]


def _builds(builders: Sequence[HostStatus], attempts: Sequence[OpenAttempt]) -> list[RunningBuild]:
    known = {(each.host, each.name, each.version, each.target): each for each in attempts}
    builds = []
    for status in sorted(builders, key=lambda each: natural(each.host)):
        for build in status.building:
            attempt = known.get((status.host, build.name, build.version, build.target))
            builds.append(
                RunningBuild(
                    status.host,
                    build.name,
                    build.version,
                    build.target,
                    build.since,
                    build.since + attempt.seconds if attempt else None,
                    build.tail,
                    attempt.id if attempt else "",
                )
            )
    return builds
