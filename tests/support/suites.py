"""Which Debian the hosts of the fleet tests run: 12 and 13 by turns, or one for all by the variable FLEET_SUITE."""

from __future__ import annotations

import os

#: By turns. Builders that work together are of one release, because each release is a target of its own; a client
#: that installs what they built is of theirs. The controller is of the other one than its builders.
BY_TURNS = {
    **dict.fromkeys(("build1", "build2", "build3", "client1", "web2"), "trixie"),
    **dict.fromkeys(("build4", "web1", "web3", "ctl", "arm1"), "bookworm"),
}
#: The Python of each release, as the tag of its wheels says it.
PYTHONS = {"bookworm": "cp311", "trixie": "cp313"}


def suite(name: str) -> str:
    """The release of a host, by its name in the lab."""
    return os.environ.get("FLEET_SUITE") or BY_TURNS[name]


def spec(name: str, arch: str = "amd64") -> str:
    """What `Lab.up` takes to boot that host."""
    return f"{name}:{arch}:{suite(name)}"


def python_tag(name: str) -> str:
    """The tag of the host's python3, as in a wheel's name."""
    return PYTHONS[suite(name)]
