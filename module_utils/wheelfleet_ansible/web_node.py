"""A web node as the mirror sees it: rsync and commands use the settings of Ansible's connection."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from wheelfleet.site.mirror import NodeLost

from .controller_action import Refused
from .node_action import NodeAction


def is_served_here(action: NodeAction, root: str, site: Path) -> bool:
    """Whether the site itself is what this web node serves: over a local connection, without a folder of its own."""
    return action._connection.transport == "local" and (
        not Path(root).exists() or Path(root).resolve() == site.resolve()
    )


class ConnectedNode:
    """A web node, reached by Ansible's connection (the Node of site/mirror.py)."""

    def __init__(self, action: NodeAction, root: str) -> None:
        """Raises Refused for a connection that rsync cannot use."""
        transport = action._connection.transport
        if transport not in ("ssh", "local"):
            raise Refused(
                f"{action.host} is connected by {transport}, but the site comes to web nodes by rsync over OpenSSH; "
                "set ansible_connection to ssh for it."
            )
        self.name = action.host
        self.root = root
        #: Monotonic time of the last answer.
        self.answered_at: float | None = None
        self._action = action
        self._connection = action._connection

    @property
    def destination(self) -> str:
        """The site's folder for rsync, with an IPv6 address in brackets."""
        if self._connection.transport == "local":
            return self.root
        host = self._option("host")
        return f"[{host}]:{self.root}" if ":" in host else f"{host}:{self.root}"

    @property
    def remote_shell(self) -> Sequence[str] | None:
        """The ssh command that Ansible would use, from the connection's public options; None for a local one."""
        if self._connection.transport == "local":
            return None
        words = [self._option("ssh_executable"), *shlex.split(self._option("ssh_args") or "")]
        if self._option("host_key_checking") is False:
            words += ["-o", "StrictHostKeyChecking=no"]
        for option, keyword in (("port", "Port"), ("remote_user", "User"), ("timeout", "ConnectTimeout")):
            if self._option(option):
                words += ["-o", f"{keyword}={self._option(option)}"]
        if self._option("private_key_file"):
            words += ["-o", f'IdentityFile="{Path(self._option("private_key_file")).expanduser()}"']
        words += shlex.split(self._option("ssh_common_args") or "") + shlex.split(self._option("ssh_extra_args") or "")
        # Ansible's open connection, if any, saves each rsync a login and the password.
        if self._connection.control_path:
            folder = Path(self._option("control_path_dir")).expanduser()
            words += ["-o", f'ControlPath="{self._connection.control_path % {"directory": folder}}"']
        # Without a terminal no prompt can be answered.
        return [*words, "-o", "BatchMode=yes"]

    def run(self, command: str) -> tuple[int, str]:
        """Run a shell command on the node as Ansible's login user; returns exit status and output. Raises NodeLost."""
        try:
            answer = self._action._low_level_execute_command(command, sudoable=False)
        except AnsibleConnectionFailure as error:
            raise NodeLost(" ".join(str(error).split())) from error
        self.answered_at = time.monotonic()
        return answer["rc"], answer["stdout"]

    def answered_within(self, seconds: float) -> bool:
        """Whether the node answered within the last `seconds`; false if it never did."""
        return self.answered_at is not None and time.monotonic() - self.answered_at < seconds

    def _option(self, name: str) -> Any:
        return self._connection.get_option(name)
