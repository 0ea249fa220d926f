"""The operator of a fleet: controller here, builders, web nodes and clients over SSH in the lab."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab import Lab
from tests.support.operator import Operator
from tests.support.waiting import until


@dataclass
class FleetOperator(Operator):
    """Runs ansible-playbook inside the lab's network; it logs in as an ordinary user with sudo, as on a Pi.

    `variables` are set for all hosts, `host_variables` by host. The roles' defaults remain unless a test needs another
    value.
    """

    builders: Sequence[str] = ()
    webnodes: Sequence[str] = ()
    clients: Sequence[str] = ()
    host_variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    lab: Lab = field(kw_only=True)
    #: The folder for sockets of persistent SSH connections; their paths must be short.
    _sockets: Path = field(init=False)

    def __post_init__(self) -> None:
        self._sockets = Path(tempfile.mkdtemp(dir=self.lab.state))

    def inventory(self) -> dict[str, Any]:
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        groups = {"builders": self.builders, "webnodes": self.webnodes, "clients": self.clients}
        return {
            "controller": {"hosts": {"localhost": {**local, **self.host_variables.get("localhost", {})}}},
            **{group: {"hosts": {name: self._host(name) for name in names}} for group, names in groups.items()},
            "all": {
                "vars": {
                    "ansible_user": "pi",
                    "ansible_ssh_common_args": f"-F {self.lab.ssh_config}",
                    "ansible_python_interpreter": "/usr/bin/python3",
                    "controller_state_dir": str(self.state),
                    "controller_cooldown_hours": 0,
                    "controller_timeout": 5,
                    "builder_limit_seconds": 120,
                    # Most tests' wheels need neither, and each build would take seconds longer.
                    "builder_repair": False,
                    "builder_check_imports": False,
                    # The tests' sdists need only these; all packages would take minutes and gigabytes.
                    "builder_apt_packages": ["python3-dev", "python3-venv"],
                    "builder_apt_lookup": False,
                    **self.variables,
                }
            },
        }

    def _host(self, name: str) -> dict[str, Any]:
        return {"ansible_host": self.lab.address(name), **self.host_variables.get(name, {})}

    def command(self, *arguments: str, playbook: str = "build.yml") -> list[str]:
        return self.lab.enter(super().command(*arguments, playbook=playbook))

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self._sockets)}

    def processes(self) -> list[int]:
        """The workers, runners and builds on its builders, by their PIDs on this machine."""
        return [
            pid
            for name in self.builders
            for pid in self.lab.pids(name)
            if b"WHEELFLEET_HOME=" in _read(pid, "environ") or b"wheelfleet.builder." in _read(pid, "cmdline")
        ]

    def clear_builders(self) -> None:
        """Kill the builders' processes, and remove assignments and results; provisioned files stay."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        home = self.variables.get("builder_home", "/var/lib/wheelfleet")
        for name in filter(self.lab.running, self.builders):
            self.lab.ssh(name, f"sudo rm -rf {home}/inbox {home}/work {home}/outbox {home}/status.json")

    def stop_masters(self) -> None:
        """End the persistent SSH connections of earlier runs."""
        for socket in self._sockets.iterdir():
            command = ["ssh", "-F", str(self.lab.ssh_config), f"-oControlPath={socket}", "-Oexit", "any"]
            if subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode:
                # The process that listened there was killed.
                socket.unlink(missing_ok=True)
        # ssh returns before the other process has removed its socket.
        until(lambda: not any(self._sockets.iterdir()), "the connections to end")

    def close(self) -> None:
        """End the connections and remove their folder."""
        self.stop_masters()
        # A connection that ends on its own may remove its socket meanwhile.
        shutil.rmtree(self._sockets, ignore_errors=True)


def _read(pid: int, file: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""
