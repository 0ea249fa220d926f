"""The line that a run prints after a while without output: each host's task, and for how long it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..text import human_duration
from .host_status import HELD, HostState, HostStatus

#: Most hosts in one line.
MOST_NAMED = 6


@dataclass(frozen=True)
class OngoingTask:
    """A task that goes on on a host since a time in seconds; `builds`: the host's status file has details."""

    task: str
    since: float
    builds: bool = False


def still_working(doing: Mapping[str, OngoingTask], statuses: Mapping[str, HostStatus], now: float) -> str:
    """The line about the tasks of the hosts; empty if there are none."""
    parts = [_of(host, each, statuses.get(host) if each.builds else None, now) for host, each in sorted(doing.items())]
    more = f"; and {len(parts) - MOST_NAMED} more hosts" if len(parts) > MOST_NAMED else ""
    return "; ".join(parts[:MOST_NAMED]) + more


def _of(host: str, doing: OngoingTask, status: HostStatus | None, now: float) -> str:
    if status is not None and status.building:
        builds = ", ".join(f"{b.name} {b.version} ({human_duration(now - b.since)})" for b in status.building)
        return f"{host} still builds {builds}"
    if status is not None and status.note:
        return f"{host} {_state(status)} ({human_duration(now - max(doing.since, status.since))})"
    return f'{host} is still at "{doing.task}" ({human_duration(now - doing.since)})'


def _state(status: HostStatus) -> str:
    """The host's state and note, as the predicate of a sentence."""
    if status.state is HostState.WAITING:
        return f"waits {status.note}"
    return f"is {status.state}{'' if status.state in HELD else ':'} {status.note}"
