"""The project by which a builder is tried where nothing else was built for its target before.

Its sdist is made on the builder (builder/canary.py); the controller knows it by its name and version alone.
"""

from __future__ import annotations

NAME, VERSION = "wheelfleet-canary", "1"
