"""A published site that has something for each rule an index has, and requirements that put the rules to the test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from packaging.tags import sys_tags

from tests.support.catalogs import ControllerState

#: The tag of a wheel compiled here; a client takes such a wheel before a pure one of the same version.
HERE = str(next(tag for tag in sys_tags() if tag.platform.startswith("linux_")))

REQUIREMENTS = ("wheel-fleet.DEMO", "app", "limited", "yanked", "pinned==2.0", "tagged", "rebuilt", "quoted")
CHOSEN = {
    "wheel-fleet-demo": "2.0",
    # Its 2.0 wants a library that is not there.
    "app": "1.0",
    "library": "1.0",
    # Its 2.0 is for a Python that is not there.
    "limited": "1.0",
    "yanked": "1.0",
    "pinned": "2.0",
    "tagged": "1.0",
    "rebuilt": "1.0",
    "quoted": "1!2.0+pi.1",
}


@pytest.fixture(scope="package")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControllerState]:
    with ControllerState(tmp_path_factory.mktemp("published") / "var") as state:
        for version in ("1.0", "2.0"):
            state.wheel("Wheel.Fleet_demo", version)
        state.wheel("app", "1.0", requires_dist=["library>=1"])
        state.wheel("app", "2.0", requires_dist=["library>=2"])
        state.wheel("library", "1.0")
        state.wheel("limited", "1.0")
        state.wheel("limited", "2.0", requires_python=">=4")
        for name in ("yanked", "pinned"):
            state.wheel(name, "1.0")
            state.release(name, "2.0", yanked="eats <data>")
            state.wheel(name, "2.0")
        for tag in ("py3-none-any", HERE, "cp311-cp311-linux_armv6l"):
            state.wheel("tagged", "1.0", tag)
        for build in (None, "1", "2", "10"):
            state.wheel("rebuilt", "1.0", HERE, build=build)
        state.wheel("quoted", "1!2.0+pi.1")
        state.publish()
        yield state
