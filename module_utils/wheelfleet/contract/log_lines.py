"""The beginnings of lines that a builder itself adds to a build's log.

A build can write the same lines, so no decision depends on them.
"""

from __future__ import annotations

OURS = "::wheelfleet "
#: Begins a phase; its name follows. `builder/hooks` imports nothing of this package, so it has its own copy.
PHASE = f"{OURS}phase "
#: Begins the lines of a failed step's own log; its name follows.
OWN_LOG = f"{OURS}from "
