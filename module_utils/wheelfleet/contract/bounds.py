"""Bounds of a builder's result: the builder keeps to them, and the controller cuts off the excess."""

from __future__ import annotations

#: Most modules, and most declared requirements, of an sdist in a result.
MOST_SDIST_NAMES = 500
