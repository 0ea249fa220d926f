"""A release is built first on the target whose wheel serves most others."""

from __future__ import annotations

import random
import re

from wheelfleet.planner.builders import offered_targets, record_builders

from tests.support.catalogs import EPOCH, ControllerState

#: Targets in the order in which they are to be tried; each is told in one more way.
ORDER = {
    "an old system": ("cp313-cp313-linux_armv7l-glibc2.31", "3.13.1", "CPython"),
    "its next Python": ("cp314-cp314-linux_armv7l-glibc2.31", "3.14.0", "CPython"),
    "a newer system": ("cp311-cp311-linux_armv7l-glibc2.36", "3.11.2", "CPython"),
    "ARMv6 of it, for which ARMv7's wheels are too": ("cp311-cp311-linux_armv6l-glibc2.36", "3.11.2", "CPython"),
    "a Python of two digits": ("cp313-cp313-linux_armv7l-glibc2.36", "3.13.1", "CPython"),
    "free-threaded, which serves itself alone": ("cp313-cp313t-linux_armv7l-glibc2.36", "3.13.1", "CPython"),
    "free-threaded, which serves the next": ("cp315-cp315t-linux_armv7l-glibc2.36", "3.15.0", "CPython"),
    "with the lock": ("cp315-cp315-linux_armv7l-glibc2.36", "3.15.0", "CPython"),
    "the newest system": ("cp313-cp313-linux_armv7l-glibc2.41", "3.13.5", "CPython"),
    "musl, whose wheels serve no glibc": ("cp313-cp313-linux_armv7l-musl1.2", "3.13.1", "CPython"),
    "PyPy": ("pp39-pypy39_pp73-linux_armv7l-glibc2.31", "3.9.16", "PyPy"),
}


def test_the_first_target_is_the_one_whose_wheels_serve_most_others(state: ControllerState) -> None:
    """Oldest libc, then oldest Python; the order in which builders came is no matter."""
    offered = list(ORDER.values())
    random.Random(14).shuffle(offered)
    targets = [
        {
            "name": name,
            "implementation": implementation,
            "python_version": python,
            "tags": [name.rpartition("-")[0]],
            "platform": name.split("-")[2],
            "libc": dict(zip(("name", "version"), re.findall(r"[a-z]+|[\d.]+", name.rpartition("-")[2]))),
            "machine": "armv7l",
            "os": {"id": "debian", "version": "12"},
            "cores": 4,
            "memory": 10**9,
            "tools": "/tools/bin/python",
            "interpreter": "/usr/bin/python3",
        }
        for name, python, implementation in offered
    ]
    with state.catalog.writing() as db:
        record_builders(db, {"pi": {"facts": {}, "targets": targets, "packages": []}}, EPOCH)
        assert [target.name for target in offered_targets(db)] == [name for name, _, _ in ORDER.values()]
