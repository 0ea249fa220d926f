"""What one lab is called and may use, from the environment."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

#: The user of every node, with sudo and without a password, as on a Pi.
USER = "pi"


@dataclass(frozen=True)
class Settings:
    """One lab. Two labs with different names share nothing but the base trees.

    `net` are the first three bytes of a /24; as it exists in the lab's own network namespace only, several labs may
    have the same. `disk` and `memory` are what a new node gets, with K, M or G; `allow` are host names, beside
    the registries', that nodes may reach on ports 80 and 443.
    """

    home: Path
    name: str
    net: str = "10.99.0"
    disk: str = "16G"
    memory: str = "2G"
    allow: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls) -> Settings:
        """FLEET_HOME, FLEET_NAME, FLEET_NET, FLEET_DISK, FLEET_MEM, FLEET_ALLOW (comma separated).

        Without FLEET_NAME the name follows from the checkout's path, so that two checkouts do not meet.
        """
        get = os.environ.get
        checkout = hashlib.sha256(str(REPOSITORY).encode()).hexdigest()[:4]
        return cls(
            home=Path(get("FLEET_HOME", "/var/tmp/wheelfleet-lab")),
            name=get("FLEET_NAME", f"w{checkout}"),
            net=get("FLEET_NET", cls.net),
            disk=get("FLEET_DISK", cls.disk),
            memory=get("FLEET_MEM", cls.memory),
            allow=tuple(filter(None, get("FLEET_ALLOW", "").split(","))),
        )

    @property
    def environment(self) -> dict[str, str]:
        """From which a child process reads these same settings."""
        return {
            "FLEET_HOME": str(self.home),
            "FLEET_NAME": self.name,
            "FLEET_NET": self.net,
            "FLEET_DISK": self.disk,
            "FLEET_MEM": self.memory,
            "FLEET_ALLOW": ",".join(self.allow),
        }

    @property
    def cache(self) -> Path:
        """The base trees and their tarballs, kept from one run to the next and shared by all labs."""
        return self.home / "cache"

    @property
    def state(self) -> Path:
        """Everything else of this lab; gone after `down`."""
        return self.home / "state" / self.name

    @property
    def gateway(self) -> str:
        """The one address, beside their own, that nodes reach."""
        return f"{self.net}.1"

    @property
    def namespace(self) -> Path:
        """The network namespace of the switch."""
        return Path("/run/netns", self.name)
