"""Bounds of what a builder's result may hold: the builder keeps to them, the controller relies on nothing above."""

from __future__ import annotations

#: Modules, and declared requirements, that a result names of an sdist.
MOST_SDIST_NAMES = 500
