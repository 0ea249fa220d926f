"""A node's network cable: a veth pair between its network namespace and the switch's bridge."""

from __future__ import annotations

from pathlib import Path

from tests.lab.processes import Helpers, lab_command, sh
from tests.lab.settings import Settings

BRIDGE = "br0"


class Link:
    """A node's cable. It is made before the node boots, so that the node's interface is configured already."""

    def __init__(self, settings: Settings, helpers: Helpers, node: str, address: str) -> None:
        self._switch = settings.name
        self._log = settings.state / "relay.log"
        self._helpers = helpers
        self._node = node
        self._address = address
        self._plug = f"v-{node}"  # a device's name has 15 bytes at most
        self._relay = f"relay-{node}"
        self.namespace = Path("/run/netns", f"{settings.name}-{node}")

    def up(self) -> None:
        """Make the namespace with its address, and plug the cable in."""
        if self.namespace.exists():
            return
        mac = "02:00:" + ":".join(f"{int(byte):02x}" for byte in self._address.split("."))
        inside = self.namespace.name
        sh("ip", "netns", "add", inside)
        pair = ["host0", "netns", inside, "address", mac, "type", "veth", "peer", "name", self._plug]
        sh("ip", "link", "add", *pair, "netns", self._switch)
        self._ip(f"link set {self._plug} master {BRIDGE} up")
        for command in ("link set lo up", f"addr add {self._address}/24 dev host0", "link set host0 up"):
            sh("ip", "-n", inside, *command.split())

    def down(self) -> None:
        """Remove cable and namespace: a namespace that stays up would still answer pings."""
        self._helpers.kill(self._relay)
        for device in (self._plug, f"b-{self._node}"):
            self._ip(f"link del {device}", check=False)
        sh("ip", "netns", "del", self.namespace.name, check=False)

    def cut(self) -> None:
        """Unplug the cable."""
        self._ip(f"link set {self._plug} down", check=False)

    def mend(self) -> None:
        """Plug the cable in again."""
        self._ip(f"link set {self._plug} up")

    def slow(self, rate: str, delay_ms: float, loss_percent: float) -> None:
        """Limit both directions to `rate` (in tc's format), delay every frame, and drop some."""
        self.fast()
        for network, device in ((self._switch, self._plug), (self.namespace.name, "host0")):
            sh("tc", "-n", network, *f"qdisc add dev {device} root tbf rate {rate} burst 64k latency 800ms".split())
        if delay_ms or loss_percent:
            ours, theirs = f"r-{self._node}", f"b-{self._node}"
            self._ip(f"link add {ours} type veth peer name {theirs}")
            self._ip(f"link set {self._plug} nomaster")
            for device in (self._plug, ours):  # without IPv6 addresses the relay's ends send no packets of their own
                self._ip(f"link set {device} addrgenmode none")
            self._ip(f"link set {ours} up")
            self._ip(f"link set {theirs} master {BRIDGE} up")
            relay = lab_command("_relay", self._plug, ours, str(delay_ms / 1000), str(loss_percent / 100))
            self._helpers.start(self._relay, relay, self._log)

    def fast(self) -> None:
        """Remove all limits."""
        self._helpers.kill(self._relay)
        self._ip(f"link del b-{self._node}", check=False)
        for network, device in ((self._switch, self._plug), (self.namespace.name, "host0")):
            sh("tc", "-n", network, "qdisc", "del", "dev", device, "root", check=False)
        self._ip(f"link set {self._plug} master {BRIDGE}")

    def _ip(self, command: str, check: bool = True) -> None:
        sh("ip", "-n", self._switch, *command.split(), check=check)
