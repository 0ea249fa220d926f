"""The centre of a lab: a network namespace with the bridge of all cables, the DNS server and the gateway."""

from __future__ import annotations

import contextlib
import os
import signal

from tests.lab.link import BRIDGE
from tests.lab.processes import Helpers, LabError, lab_command, sh
from tests.lab.registries import registry_hosts
from tests.lab.settings import Settings


class Switch:
    """The lab's switch. It has no route and no NAT to outside, so the machine's routes, firewall and sysctls stay
    untouched."""

    def __init__(self, settings: Settings, helpers: Helpers) -> None:
        self._settings = settings
        self._helpers = helpers
        self._names = settings.state / "hosts"

    @property
    def hosts(self) -> list[str]:
        """The host names that nodes may reach."""
        return sorted({*registry_hosts(), *self._settings.allow})

    def up(self) -> None:
        """Make its missing parts."""
        name, gateway, state = self._settings.name, self._settings.gateway, self._settings.state
        if not self._settings.namespace.exists():
            sh("ip", "netns", "add", name)
            for command in (
                "link set lo up",
                f"link add {BRIDGE} type bridge forward_delay 0 stp_state 0",
                f"addr add {gateway}/24 dev {BRIDGE}",
                f"link set {BRIDGE} up",
            ):
                sh("ip", "-n", name, *command.split())
        if not self._helpers.pid("dns"):
            server = [
                *("nsenter", f"--net={self._settings.namespace}", "dnsmasq", "--keep-in-foreground"),
                *("--conf-file=/dev/null", "--user=root", "--pid-file=", "--no-resolv", "--local=/#/", "--no-hosts"),
                *(f"--addn-hosts={self._names}", "--bind-interfaces", f"--listen-address={gateway}", "--cache-size=0"),
                *(f"--host-record={host},{gateway}" for host in self.hosts),
            ]
            # It is told of new names by SIGHUP, which would end it until it handles that signal.
            self._helpers.start("dns", server, state / "dns.log", ignored=signal.SIGHUP)
        if not self._helpers.pid("gateway"):
            self._helpers.start("gateway", lab_command("_gateway"), state / "gateway.log")

    def down(self) -> None:
        """Remove it, and kill the processes inside: persistent SSH connections, the playbook of a killed test."""
        for helper in ("gateway", "dns"):
            self._helpers.kill(helper)
        if self._settings.namespace.exists():
            for pid in sh("ip", "netns", "pids", self._settings.name).split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            # Another mount namespace may keep a copy of the name and so the network; therefore the bridge goes first.
            sh("ip", "-n", self._settings.name, "link", "del", BRIDGE, check=False)
            sh("ip", "netns", "del", self._settings.name)

    def tell_names(self, addresses: dict[str, str]) -> None:
        """Let DNS resolve these names, and `controller` to the gateway. Call it before the first `up`, and later at any
        time."""
        known = {**addresses, "controller": self._settings.gateway}
        self._names.write_text("".join(f"{address} {name} {name}.lan\n" for name, address in known.items()))
        self._helpers.signal("dns", signal.SIGHUP)

    def check(self) -> None:
        """Raise LabError if one of its servers has ended."""
        for helper in ("dns", "gateway"):
            if not self._helpers.pid(helper):
                log = self._settings.state / f"{helper}.log"
                raise LabError(f"the lab's {helper} server has ended: {log.read_text()[-2000:]}")
