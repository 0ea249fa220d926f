"""The work of M(wheelfleet_mirror): rsync runs on the controller, by the settings of the node's connection."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from wheelfleet.site.mirror import (
    Abandoned,
    Mirrored,
    MirrorError,
    NodeLost,
    bring_up_to_date,
)
from wheelfleet_ansible.controller_action import Refused, Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction, Pauses

#: Seconds between two tries after a lost connection: first, and at most.
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0
#: Tries with a node that answers but loses every transfer.
MOST_TRIES = 5


class ActionModule(NodeAction):
    """Make the site's folder on the node equal to the controller's."""

    OPTIONS = documented_options("wheelfleet_mirror")
    REFUSALS = (Refused, MirrorError)

    def work(self) -> Result:
        """Mirror, and repeat after a lost connection; the host is unreachable if it does not answer."""
        site, root = Path(self.options["site_dir"]), self.options["root"].rstrip("/")
        transport = self._connection.transport
        if transport == "local" and (not Path(root).exists() or Path(root).resolve() == site.resolve()):
            return self._report(Mirrored())
        if transport not in ("ssh", "local"):
            raise Refused(
                f"{self.host} is connected by {transport}, but the site comes to web nodes by rsync over OpenSSH; "
                "set ansible_connection to ssh for it."
            )
        try:
            return self._report(self._with_patience(site, ConnectedNode(self, root)))
        except NodeLost as error:
            return {
                "unreachable": True,
                "msg": f"{self.host} does not answer ({error}); it keeps the site it has, and the next run of "
                "build.yml brings it up to date.",
            }
        except Abandoned:
            self.leave()

    def _with_patience(self, site: Path, node: ConnectedNode) -> Mirrored:
        pauses = Pauses(FIRST_WAIT, LONGEST_WAIT)
        for tries_left in reversed(range(MOST_TRIES)):
            try:
                return bring_up_to_date(
                    site,
                    node,
                    full=self.options["full"],
                    dry_run=self.check_mode,
                    timeout=self.options["timeout"],
                    go_on=self.run_lives,
                )
            except NodeLost as error:
                if not tries_left or not node.answered_within(self.options["patience"]):
                    raise
                self.wait_for_link(error, pauses.next())
                self.repeat(
                    lambda: node.run("true"),
                    lost=(NodeLost,),
                    patience=self.options["patience"],
                    pauses=pauses,
                    since=node.answered_at,
                )
        raise AssertionError("the last try returns or raises")

    @staticmethod
    def _report(mirrored: Mirrored) -> Result:
        return {
            "changed": bool(mirrored.sent or mirrored.removed),
            "compared": mirrored.compared,
            "sent": len(mirrored.sent),
            "removed": len(mirrored.removed),
            "diff": {"before": _lines(mirrored.removed), "after": _lines(mirrored.sent)},
        }


class ConnectedNode:
    """A web node, reached by Ansible's connection (the Node of site/mirror.py)."""

    def __init__(self, action: NodeAction, root: str) -> None:
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


def _lines(paths: Iterable[str]) -> str:
    return "".join(f"{path}\n" for path in paths)
