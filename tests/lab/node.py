"""One node: a Debian host with its own systemd, sshd, address, disk and control groups, in an nspawn container."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import asdict
from pathlib import Path

from tests.lab.base import INIT, BaseTrees
from tests.lab.cgroups import ControlGroups
from tests.lab.disk import Disk
from tests.lab.emulation import emulated
from tests.lab.first_boot import prepare
from tests.lab.hardware import Hardware
from tests.lab.link import Link
from tests.lab.namespaces import private_mounts
from tests.lab.processes import Helpers, LabError, alive, die_with_parent, lab_command, sh
from tests.lab.settings import Settings

REBOOT_ASKED = 133


class Node:
    """A node by its name. `buy` makes a new one, `find` returns an existing one."""

    def __init__(self, settings: Settings, helpers: Helpers, name: str, hardware: Hardware) -> None:
        self.name = name
        self.hardware = hardware
        self.folder = settings.state / name
        self.keys = self.folder / "keys"
        self.console = self.folder / "console.log"
        self.disk = Disk(self.folder)
        self.link = Link(settings, helpers, name, hardware.address)
        self.groups = ControlGroups(f"fleet-{settings.name}/{name}")
        self._settings = settings
        self._helpers = helpers
        # qemu-user 10 delivers SIGRTMIN+n to the guest as SIGRTMIN+n-4.
        self._signal_shift = 4 if emulated(hardware.arch) else 0

    @classmethod
    def buy(cls, settings: Settings, helpers: Helpers, name: str, hardware: Hardware) -> Node:
        """Make a new node with its host keys, without starting it."""
        node = cls(settings, helpers, name, hardware)
        node.keys.mkdir(parents=True)
        for kind in ("ed25519", "ecdsa"):  # an RSA key costs seconds
            sh("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", node.keys / f"ssh_host_{kind}_key")
        (node.folder / "node.json").write_text(json.dumps(asdict(hardware)))
        return node

    @classmethod
    def find(cls, settings: Settings, helpers: Helpers, name: str) -> Node:
        """The node of that name. Raises LabError if there is none."""
        try:
            hardware = json.loads((settings.state / name / "node.json").read_text())
        except FileNotFoundError:
            raise LabError(f"the lab {settings.name} has no node {name}") from None
        return cls(settings, helpers, name, Hardware(**hardware))

    # ------------------------------------------------------------------ power

    @property
    def supervisor(self) -> int | None:
        """The PID of the process that mounts the node's disk and runs its container; None while it is off."""
        return self._helpers.pid(f"node-{self.name}")

    def powered(self) -> int:
        """The supervisor's PID. Raises LabError while the node is off."""
        pid = self.supervisor
        if pid is None:
            raise LabError(f"{self.name} is off")
        return pid

    def start(self) -> None:
        """Switch the node on; returns before it has booted."""
        if self.supervisor:
            return
        if self.groups.pids():
            self.kill(lose_writes=False)  # processes left by a killed supervisor
        self.disk.wait_until_free()
        self.link.up()
        self._helpers.start(f"node-{self.name}", lab_command("_node", self.name), self.console)

    def supervise(self) -> None:
        """The supervisor's work: mount the disk in a private namespace and run the container, again after a reboot."""
        base = BaseTrees(self._settings).tree(self.hardware.arch, self.hardware.suite)
        private_mounts(self._settings.home, self.link.namespace)
        self.disk.up(base, self.hardware.disk)
        prepare(
            self.disk.root,
            name=self.name,
            hardware=self.hardware,
            dns=self._settings.gateway,
            host_keys=self.keys,
            login_key=(self._settings.state / "id_ed25519.pub").read_text(),
        )
        ended = REBOOT_ASKED
        while ended == REBOOT_ASKED:  # with --keep-unit nspawn does not restart the container
            self.groups.up(self.hardware.memory)
            ended = subprocess.run(
                self._container(),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                preexec_fn=self._enter,
                check=False,
            ).returncode
            print(f"lab: the container of {self.name} ended with {ended}", flush=True)
            self.groups.down()

    def _enter(self) -> None:
        die_with_parent()
        self.groups.enter()

    def _environment(self) -> dict[str, str]:
        if self.hardware.suite in _WITHOUT_V1:
            return {**_ENVIRONMENT, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        return _ENVIRONMENT

    def _container(self) -> list[str]:
        return [
            *("systemd-nspawn", "--quiet", "-D", str(self.disk.root), "-M", self.link.namespace.name),
            *(f"--hostname={self.name}", "--register=no", "--keep-unit", "--console=pipe"),
            f"--network-namespace-path={self.link.namespace}",
            *("--resolv-conf=off", "--timezone=off", "--link-journal=no"),
            f"--kill-signal=SIGRTMIN+{3 + self._signal_shift}",
            # As on a Pi, root may change firewall, routes and sysctls of its network; IPAddressDeny= needs bpf.
            *("--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_BPF,CAP_PERFMON", "--system-call-filter=bpf"),
            INIT,
        ]

    def kill(self, *, lose_writes: bool = True) -> None:
        """Cut the power. The cable comes first, or the last packets of killed processes would reach their peers."""
        self.link.cut()
        self.groups.freeze(True)
        pid = self.supervisor
        if lose_writes and pid:
            self.disk.lose_unsynced_writes(pid)
        self._helpers.kill(f"node-{self.name}")
        end = time.monotonic() + 10
        while left := [pid for pid in self.groups.pids() if alive(pid)]:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.groups.freeze(False)
            if time.monotonic() > end:
                raise LabError(f"processes of {self.name} cannot be killed: {left}")
            time.sleep(0.02)
        self.link.down()
        self.disk.wait_until_free()
        self.groups.down()
        for folder in ("propagate", "unix-export"):  # a killed nspawn leaves these
            with contextlib.suppress(OSError):
                Path("/run/systemd/nspawn", folder, self.link.namespace.name).rmdir()

    def stop(self) -> None:
        """Shut the node down in good order; kill it after a minute."""
        self._ask_systemd(4)
        end = time.monotonic() + 60
        while self.supervisor and time.monotonic() < end:
            time.sleep(0.1)
        self.kill(lose_writes=False)

    def reboot(self) -> None:
        """Reboot the node in good order; returns when it boots again. Raises LabError."""
        before = self._ask_systemd(5)
        end = time.monotonic() + 90
        while self.groups.leader() in (None, before):
            if not self.supervisor or time.monotonic() > end:
                raise LabError(f"{self.name} did not come back from its reboot; {self.last_words()}")
            time.sleep(0.05)

    def _ask_systemd(self, realtime_signal: int) -> int:
        """Send systemd SIGRTMIN+n for power off (4) or reboot (5); returns its PID."""
        leader = self.groups.leader()
        if leader is None:
            raise LabError(f"{self.name} is off")
        os.kill(leader, signal.SIGRTMIN + realtime_signal + self._signal_shift)
        return leader

    def last_words(self) -> str:
        """The end of the node's console output, for an error message."""
        return f"its console ends: {self.console.read_text(errors='replace')[-1500:]}"


#: Releases whose systemd does not start with control groups v1. Such a node has v2 without controllers, as a Pi
#: before its memory controller is on.
_WITHOUT_V1 = ("forky",)
_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "TERM": "dumb",
    "SYSTEMD_NSPAWN_TMPFS_TMP": "0",  # /tmp is on the disk, as on a Pi
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",  # its own /proc/sys/net
}
