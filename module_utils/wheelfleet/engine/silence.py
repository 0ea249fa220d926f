"""Who is at what, and since when: the line that a run says when it has said nothing for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..text import human_duration
from .host_status import HostBoard

#: So many hosts are named in one line.
MOST_NAMED = 6


@dataclass(frozen=True)
class Doing:
    """A task going on on a host, since a moment in seconds; `builds`: it is one whose board tells more."""

    task: str
    since: float
    builds: bool = False


def still_at(doing: Mapping[str, Doing], boards: Mapping[str, HostBoard], now: float) -> str:
    """One line on what the hosts do; empty when they do nothing."""
    parts = [_of(host, each, boards.get(host) if each.builds else None, now) for host, each in sorted(doing.items())]
    more = f"; and {len(parts) - MOST_NAMED} more hosts" if len(parts) > MOST_NAMED else ""
    return "; ".join(parts[:MOST_NAMED]) + more


def _of(host: str, doing: Doing, board: HostBoard | None, now: float) -> str:
    if board is not None and board.building:
        builds = ", ".join(f"{b.name} {b.version} ({human_duration(now - b.since)})" for b in board.building)
        return f"{host} still builds {builds}"
    if board is not None and board.note:
        return f"{host} {_state(board)} ({human_duration(now - doing.since)})"
    return f'{host} is still at "{doing.task}" ({human_duration(now - doing.since)})'


def _state(board: HostBoard) -> str:
    """What the board says, as a verb where it is one."""
    return f"waits {board.note}" if board.state == "waiting" else f"is {board.state}: {board.note}"
