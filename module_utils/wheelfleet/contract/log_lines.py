"""How the lines begin that a builder itself adds to a build's log.

A build can write such lines too, so nothing but what people are shown follows from them.
"""

from __future__ import annotations

OURS = "::wheelfleet "
#: Begins a phase; its name follows. `builder/hooks.py` imports nothing of ours and spells it itself.
PHASE = f"{OURS}phase "
