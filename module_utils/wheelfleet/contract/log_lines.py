"""The beginnings of lines that a builder itself adds to a build's log.

A build can write the same lines, so no decision depends on them.
"""

from __future__ import annotations

import time

OURS = "::wheelfleet "
#: Begins a phase; its name follows, then the builder's time (UTC, ISO 8601, whole seconds). Older builders wrote none.
PHASE = f"{OURS}phase "
#: The form of that time. `builder/hooks` imports nothing of this package, so it has its own copy of both.
PHASE_TIME = "%Y-%m-%dT%H:%M:%SZ"
#: Begins the lines of a failed step's own log; its name follows.
OWN_LOG = f"{OURS}from "


def phase_line(phase: str) -> str:
    """The line that begins a phase now."""
    return f"{PHASE}{phase} {time.strftime(PHASE_TIME, time.gmtime())}"
