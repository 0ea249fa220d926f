"""The canary for targets for which nothing was built before.

Its sdist is made on the builder (builder/canary); the controller knows only its name and version.
"""

from __future__ import annotations

NAME, VERSION = "wheelfleet-canary", "1"
