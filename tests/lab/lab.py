"""The lab's interface for tests and the command line."""

from __future__ import annotations

import logging
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from tests.lab import emulation
from tests.lab.base import BaseTrees
from tests.lab.hardware import Hardware
from tests.lab.namespaces import in_network
from tests.lab.node import Node
from tests.lab.processes import Helpers, LabError, sh
from tests.lab.settings import USER, Settings
from tests.lab.switch import Switch

Result = TypeVar("Result")

log = logging.getLogger("lab")

_HOLD_APT = """
import fcntl, pathlib, time
files = [open("/var/lib/" + name, "w") for name in ("dpkg/lock-frontend", "dpkg/lock", "apt/lists/lock")]
for file in files:
    fcntl.lockf(file, fcntl.LOCK_EX)
pathlib.Path("/run/fleet-apt").touch()
time.sleep(3600)
"""


class Lab:
    """Several booted hosts in a network of their own.

        lab = Lab()
        lab.up("build1", "arm1:armhf")
        lab.ssh("build1", "hostname")
        lab.kill("build1")
        lab.down()

    All its state is in its state folder, so that one process can continue another's lab. Methods take a node's name,
    and raise LabError if there is no such node.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.from_environment()
        self.state = self.settings.state
        self.ssh_config = self.state / "ssh_config"
        self.inventory = self.state / "inventory.ini"
        self._internet_off = self.state / "internet-off"
        self._helpers = Helpers(self.settings)
        self._switch = Switch(self.settings, self._helpers)

    # ----------------------------------------------------------- up and down

    def up(self, *specs: str) -> None:
        """Boot nodes, new or known, and wait until each accepts an SSH login.

        A spec is NAME[:ARCH[:SUITE[:OPTIONS]]]: Debian's architecture (default amd64), its release (default: the
        settings'), and what `Hardware.having` takes. Of a known node only the name counts.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)
        key = self.state / "id_ed25519"
        if not key.exists():
            sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab-{self.settings.name}", "-f", key)
        nodes = [self._known_or_bought(spec) for spec in specs]
        for arch, suite in dict.fromkeys((node.hardware.arch, node.hardware.suite) for node in nodes):
            BaseTrees(self.settings).tree(arch, suite)
            emulation.register(self.settings.name, arch)
        self._write_lists()
        self._switch.up()
        _in_parallel(Node.start, nodes)
        self._wait_for_logins(nodes)
        self._switch.check()

    def down(self) -> None:
        """Remove everything but the base trees: no process and no file of this lab is left. May be repeated."""
        _in_parallel(lambda node: node.kill(lose_writes=False), self._nodes())
        self._switch.down()
        emulation.unregister(self.settings.name)
        if self.state.exists():
            shutil.rmtree(self.state)

    def fresh(self, *names: str) -> None:
        """Give nodes blank disks and boot them; address and host keys stay."""
        nodes = [self._node(name) for name in names]
        _in_parallel(lambda node: node.kill(lose_writes=False), nodes)
        for node in nodes:
            node.disk.wipe()
        self._boot(nodes)

    def remove(self, *names: str) -> None:
        """Remove nodes with their disks."""
        for node in [self._node(name) for name in names]:
            node.kill(lose_writes=False)
            shutil.rmtree(node.folder)
        self._write_lists()

    def heal(self) -> None:
        """Undo all faults: every node is on, plugged in, fast, without ballast and limits; registries are on."""
        self.internet(True)
        nodes = self._nodes()
        self._boot([node for node in nodes if not node.supervisor])
        _in_parallel(self._heal, nodes)

    def _heal(self, node: Node) -> None:
        self.release_apt(node.name)
        node.link.mend()
        node.link.fast()
        node.disk.unfill(node.powered())
        self.mem(node.name, "max")
        self.cpu(node.name, "max")

    # ----------------------------------------------------------------- power

    def kill(self, name: str) -> None:
        """Cut a node's power: unsynced writes are lost, and peers see time-outs, not resets."""
        self._node(name).kill()

    def start(self, name: str) -> None:
        """Switch a node on again and wait for its SSH login."""
        self._boot([self._node(name)])

    def stop(self, name: str) -> None:
        """Shut a node down in good order."""
        self._node(name).stop()

    def reboot(self, name: str) -> None:
        """Reboot a node in good order and wait for its SSH login."""
        node = self._node(name)
        node.reboot()
        self._wait_for_logins([node])

    # ---------------------------------------------------------------- faults

    def cut(self, name: str) -> None:
        """Unplug a node's network cable."""
        self._node(name).link.cut()

    def mend(self, name: str) -> None:
        """Plug a node's network cable in again."""
        self._node(name).link.mend()

    def slow(self, name: str, rate: str, delay_ms: float = 0, loss_percent: float = 0) -> None:
        """Limit both directions of a node's cable to `rate`, in tc's format (1mbit); "off" ends all limits."""
        link = self._node(name).link
        if rate == "off":
            link.fast()
        else:
            link.slow(rate, delay_ms, loss_percent)

    def fill(self, name: str, leave: int = 0) -> None:
        """Fill a node's disk; `leave` bytes stay free."""
        node = self._node(name)
        node.disk.fill(node.powered(), leave)

    def unfill(self, name: str) -> None:
        """Free the space that `fill` took."""
        node = self._node(name)
        node.disk.unfill(node.powered())

    def mem(self, name: str, limit: str) -> None:
        """Limit the whole node's memory (256M); "max" restores its own limit."""
        node = self._node(name)
        node.groups.limit_memory(node.hardware.memory if limit == "max" else limit)

    def cpu(self, name: str, percent: float | str) -> None:
        """Limit the whole node's processor time, 100 being one core; "max" for no limit."""
        self._node(name).groups.limit_cpu(None if percent == "max" else float(percent))

    def hold_apt(self, name: str) -> None:
        """Hold the locks of apt and dpkg on a node, as unattended upgrades do in the first minutes of a new host."""
        self.ssh(name, f"sudo systemd-run --quiet --collect --unit fleet-apt python3 -c {shlex.quote(_HOLD_APT)}")
        (self._node(name).folder / "apt-held").touch()
        self.ssh(name, "until [ -e /run/fleet-apt ]; do sleep 0.1; done")

    def release_apt(self, name: str) -> None:
        """Release these locks, if they are held."""
        held = self._node(name).folder / "apt-held"
        if held.exists():
            self.ssh(name, "sudo sh -c 'systemctl stop fleet-apt; rm -f /run/fleet-apt'")
            held.unlink()

    def internet(self, on: bool) -> None:
        """Allow or refuse new connections to the registries."""
        if on:
            self._internet_off.unlink(missing_ok=True)
        else:
            self._internet_off.touch()

    # ------------------------------------------------------------- questions

    @property
    def names(self) -> list[str]:
        """The names of the nodes, on or off."""
        return sorted(file.parent.name for file in self.state.glob("*/node.json"))

    @property
    def gateway(self) -> str:
        """The only address that nodes reach beside their own: DNS, and the registries on ports 80 and 443."""
        return self.settings.gateway

    @property
    def listening(self) -> dict[str, Any]:
        """Arguments for a test's server (tests/support/loopback.py) that nodes can reach."""
        return {"address": self.gateway, "namespace": self.settings.namespace}

    def address(self, name: str) -> str:
        """A node's IP address."""
        return self._node(name).hardware.address

    def running(self, name: str) -> bool:
        """Whether a node is switched on."""
        return self._node(name).supervisor is not None

    def pids(self, name: str) -> list[int]:
        """The processes of a node, by their PIDs on this machine."""
        return self._node(name).groups.pids()

    def console(self, name: str) -> str:
        """The node's console output since its first boot."""
        return self._node(name).console.read_text(errors="replace")

    def status(self) -> list[dict[str, Any]]:
        """The facts of each node; `disk_free` in bytes, None while it is off."""
        return [
            {
                "name": node.name,
                "arch": node.hardware.arch,
                "suite": node.hardware.suite,
                "address": node.hardware.address,
                "on": node.supervisor is not None,
                "processes": len(node.groups.pids()),
                "disk_free": node.disk.free(node.supervisor) if node.supervisor else None,
            }
            for node in self._nodes()
        ]

    # ---------------------------------------------------------------- inside

    def enter(self, command: Sequence[str | Path]) -> list[str]:
        """The command line that runs `command` inside the lab's network."""
        return ["nsenter", f"--net={self.settings.namespace}", *map(str, command)]

    def run(
        self, command: Sequence[str | Path], *, check: bool = True, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside the lab's network; its output is captured as text."""
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        done: subprocess.CompletedProcess[str] = subprocess.run(
            self.enter(command), check=check, capture_output=True, text=True, **options
        )
        return done

    def call(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function in a thread inside the lab's network; sockets that it opens stay in that network."""
        return in_network(self.settings.namespace, function, *arguments)

    def ssh(self, name: str, command: str, *, check: bool = True, **options: Any) -> str:
        """Run a shell command on a node as its user; returns its standard output."""
        return self.run(self.ssh_command(name, command), check=check, **options).stdout

    def ssh_command(self, name: str, *command: str) -> list[str]:
        """The ssh command that logs in to a node, from inside the lab's network; host keys are checked."""
        return ["ssh", "-F", str(self.ssh_config), self.address(name), *command]

    # --------------------------------------------------------------- private

    def _node(self, name: str) -> Node:
        return Node.find(self.settings, self._helpers, name)

    def _nodes(self) -> list[Node]:
        return [self._node(name) for name in self.names]

    def _known_or_bought(self, spec: str) -> Node:
        name, arch, suite, options = (*spec.split(":", 3), "", "", "")[:4]
        if not re.fullmatch(r"[a-z][a-z0-9]{0,11}", name):
            raise LabError(f"{name!r} is no name for a node: up to 12 small letters and digits")
        if name in self.names:
            return self._node(name)
        taken = {node.hardware.address for node in self._nodes()}
        free = next(ip for ip in (f"{self.settings.net}.{last}" for last in range(11, 250)) if ip not in taken)
        arch, suite = arch or "amd64", suite or self.settings.suite
        hardware = Hardware(arch, suite, free, self.settings.disk, self.settings.memory).having(options)
        return Node.buy(self.settings, self._helpers, name, hardware)

    def _boot(self, nodes: Sequence[Node]) -> None:
        _in_parallel(Node.start, nodes)
        self._wait_for_logins(nodes)

    def _wait_for_logins(self, nodes: Iterable[Node]) -> None:
        """Wait until each node has booted and accepts a login. Raises LabError."""
        end = time.monotonic() + 300
        for node in nodes:
            begun = time.monotonic()
            booted = "systemctl is-system-running --wait"
            while True:
                answer = self.run([*self.ssh_command(node.name), "-oConnectTimeout=3", booted], check=False)
                if answer.stdout.strip() in ("running", "degraded"):
                    break
                if not node.supervisor:
                    raise LabError(f"{node.name} stopped while booting; {node.last_words()}")
                if time.monotonic() > end:
                    raise LabError(f"{node.name} takes no SSH login: {answer.stdout}{answer.stderr}")
                time.sleep(0.1)
            log.info("%s answers after %.1f s", node.name, time.monotonic() - begun)

    def _write_lists(self) -> None:
        """Write the nodes' names for DNS, an inventory, and ssh's files; host keys are known before the first login."""
        nodes = self._nodes()
        self._switch.tell_names({node.name: node.hardware.address for node in nodes})
        hosts = "".join(f"{node.name} ansible_host={node.hardware.address}\n" for node in nodes)
        self.inventory.write_text(
            f"{hosts}\n[all:vars]\nansible_user={USER}\nansible_python_interpreter=/usr/bin/python3\n"
            f"ansible_ssh_common_args=-F {self.ssh_config}\n"
        )
        self.ssh_config.write_text(
            f"Host *\n  User {USER}\n  IdentityFile {self.state}/id_ed25519\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.state}/known_hosts\n  StrictHostKeyChecking yes\n  BatchMode yes\n"
            "  ConnectTimeout 10\n  ServerAliveInterval 5\n  ServerAliveCountMax 3\n  LogLevel ERROR\n"
        )
        keys = [(node, key) for node in nodes for key in sorted(node.keys.glob("*.pub"))]
        (self.state / "known_hosts").write_text(
            "".join(f"{n.hardware.address},{n.name} {' '.join(key.read_text().split()[:2])}\n" for n, key in keys)
        )


def _in_parallel(function: Callable[[Node], None], nodes: Sequence[Node]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(function, nodes))
