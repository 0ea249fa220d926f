"""The lines of the live view: the builds of each builder, the counts of the run, and its expected end."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..text import human_duration
from .host_status import CONTROLLER, HostStatus, described, expected_end_seconds, latest_count

#: Most hosts that are named, so that the view fits a terminal; the rest is counted.
MOST_HOSTS = 12


def fleet_lines(statuses: Sequence[HostStatus], now: float, width: int) -> list[str]:
    """The view at `now` (epoch seconds), its lines cut to `width` columns; empty before there is any status."""
    # The controller's own status (reading upstream) is of no interest once builders have one.
    builders = [status for status in statuses if status.host != CONTROLLER]
    shown = builders or list(statuses)
    lines = [_head(builders, now)] if builders else []
    for status in shown[:MOST_HOSTS]:
        if not status.building:
            lines.append(f"  {status.host}: {described(status)}")
        lines += [
            f"  {status.host}: {b.name} {b.version} for {b.target}, {human_duration(now - b.since)}"
            for b in status.building
        ]
    if len(shown) > MOST_HOSTS:
        lines.append(f"  and {len(shown) - MOST_HOSTS} more builders")
    return [line[:width] for line in lines]


def _head(builders: list[HostStatus], now: float) -> str:
    newest = latest_count(builders)
    built, failed = sum(b.built for b in builders), sum(b.failed for b in builders)
    head = f"-- {built} built, {failed} failed, {newest.left if newest else 0} left"
    seconds = expected_end_seconds(builders, now)
    if seconds is None:
        return head
    if not seconds:
        return f"{head}, later than predicted"
    end = time.strftime("%H:%M", time.localtime(now + seconds))
    return f"{head}, expected end {end} (in {human_duration(seconds)})"
