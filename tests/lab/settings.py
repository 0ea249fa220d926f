"""The settings of one lab, from the environment."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

#: The user of every node, with sudo without a password, as on a Pi.
USER = "pi"


@dataclass(frozen=True)
class Settings:
    """One lab. Labs with different names share only the base trees.

    `suite` is Debian's release of new nodes, unless another is named. `net` is the first three bytes of a /24. Several
    labs may have the same, because it exists only in the lab's network namespace. `disk` and `memory` are a new node's,
    with K, M or G. `allow` are host names beside the registries' that nodes may reach on ports 80 and 443.
    """

    home: Path
    name: str
    suite: str = "bookworm"
    net: str = "10.99.0"
    disk: str = "16G"
    memory: str = "2G"
    allow: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls) -> Settings:
        """FLEET_HOME, FLEET_NAME, FLEET_SUITE, FLEET_NET, FLEET_DISK, FLEET_MEM, FLEET_ALLOW (comma separated).

        Without FLEET_NAME the name is derived from the checkout's path, so that two checkouts have two labs.
        """
        get = os.environ.get
        checkout = hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:4]
        return cls(
            home=Path(get("FLEET_HOME", "/var/tmp/wheelfleet-lab")),
            name=get("FLEET_NAME", f"w{checkout}"),
            suite=get("FLEET_SUITE", cls.suite),
            net=get("FLEET_NET", cls.net),
            disk=get("FLEET_DISK", cls.disk),
            memory=get("FLEET_MEM", cls.memory),
            allow=tuple(filter(None, get("FLEET_ALLOW", "").split(","))),
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables that give a child process the same settings."""
        return {
            "FLEET_HOME": str(self.home),
            "FLEET_NAME": self.name,
            "FLEET_SUITE": self.suite,
            "FLEET_NET": self.net,
            "FLEET_DISK": self.disk,
            "FLEET_MEM": self.memory,
            "FLEET_ALLOW": ",".join(self.allow),
        }

    @property
    def cache(self) -> Path:
        """The folder of the base trees and their tarballs, which all labs share and `down` keeps."""
        return self.home / "cache"

    @property
    def state(self) -> Path:
        """The folder of everything else of this lab; `down` removes it."""
        return self.home / "state" / self.name

    @property
    def gateway(self) -> str:
        """The only address that nodes reach beside their own."""
        return f"{self.net}.1"

    @property
    def namespace(self) -> Path:
        """The network namespace of the switch."""
        return Path("/run/netns", self.name)
