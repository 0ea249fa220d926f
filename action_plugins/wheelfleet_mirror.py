"""The controller's half of M(wheelfleet_mirror): rsync runs here, over the node's own connection settings."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shlex
import time
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from wheelfleet.engine.lock import parent_is_alive
from wheelfleet.site.mirror import (
    MIRROR_OPTIONS,
    Abandoned,
    Mirrored,
    MirrorError,
    NodeLost,
    bring_up_to_date,
)

#: Seconds between two tries after a lost link: first, and at most.
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0
#: A node that answers every time, and loses every transfer, is given up after so many.
MOST_TRIES = 5

display = Display()


class ActionModule(ActionBase):
    """Make the site's folder on the node equal to the controller's."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Mirror, again over a new link where the old one breaks off; unreachable where the node does not answer."""
        super().run(tmp, task_vars)
        _, self.options = self.validate_argument_spec(MIRROR_OPTIONS)
        self.parent = multiprocessing.parent_process()
        name = task_vars["inventory_hostname"]
        site, root = Path(self.options["site_dir"]), self.options["root"].rstrip("/")
        transport = self._connection.transport
        if transport == "local" and (not Path(root).exists() or Path(root).resolve() == site.resolve()):
            return self._report(Mirrored())
        if transport not in ("ssh", "local"):
            return {
                "failed": True,
                "msg": f"{name} is connected by {transport}, but the site comes to web nodes by rsync over OpenSSH; "
                "set ansible_connection to ssh for it.",
            }
        try:
            return self._report(self._with_patience(site, ConnectedNode(self, name, root)))
        except NodeLost as error:
            return {
                "unreachable": True,
                "msg": f"{name} does not answer ({error}); it keeps the site it has, and the next run of build.yml "
                "brings it up to date.",
            }
        except MirrorError as error:
            return {"failed": True, "msg": str(error)}
        except Abandoned:
            os._exit(0)

    def _with_patience(self, site, node):
        wait, tried = FIRST_WAIT, 0
        while True:
            try:
                return bring_up_to_date(
                    site,
                    node,
                    full=self.options["everything"],
                    dry_run=self._task.check_mode,
                    timeout=self.options["timeout"],
                    run_lives=self.run_lives,
                )
            except NodeLost as error:
                tried += 1
                if tried == MOST_TRIES or not self._answers_again(node, error, wait):
                    raise
                wait = min(wait * 2, LONGEST_WAIT)

    def _answers_again(self, node, error, wait):
        """Wait for a node that was there; one that never answered is not waited for."""
        while node.answered_at is not None and time.monotonic() - node.answered_at < self.options["patience"]:
            if not self.run_lives():
                raise Abandoned
            display.vv(f"{node.name}: link lost ({error}), trying again in {wait:.0f} s")
            time.sleep(wait)
            with contextlib.suppress(AnsibleError, AttributeError):
                self._connection.reset()
            with contextlib.suppress(NodeLost):
                node.run("true")
                return True
        return False

    def run_lives(self):
        """Whether the ansible-playbook that forked this process still does."""
        return self.parent is None or parent_is_alive(self.parent.pid)

    @staticmethod
    def _report(mirrored):
        return {
            "changed": bool(mirrored.sent or mirrored.removed),
            "compared": mirrored.compared,
            "sent": len(mirrored.sent),
            "removed": len(mirrored.removed),
            "diff": {"before": _lines(mirrored.removed), "after": _lines(mirrored.sent)},
        }


class ConnectedNode:
    """A web node as Ansible's connection to it shows it (the Node of site/mirror.py)."""

    def __init__(self, action, name, root):
        self.name = name
        self.root = root
        self.answered_at = None
        self._action = action
        self._connection = action._connection

    @property
    def destination(self):
        """As rsync writes it: an IPv6 address in brackets."""
        if self._connection.transport == "local":
            return self.root
        host = self._option("host")
        return f"[{host}]:{self.root}" if ":" in host else f"{host}:{self.root}"

    @property
    def remote_shell(self):
        """The ssh command Ansible itself would use, from the connection's public options."""
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
        # The connection Ansible keeps open, if any, saves every rsync a login, and needs no password.
        if self._connection.control_path:
            folder = Path(self._option("control_path_dir")).expanduser()
            words += ["-o", f'ControlPath="{self._connection.control_path % {"directory": folder}}"']
        # Nobody could answer a question.
        return [*words, "-o", "BatchMode=yes"]

    def run(self, command):
        """A shell command on the node, as the user Ansible connects as."""
        try:
            answer = self._action._low_level_execute_command(command, sudoable=False)
        except AnsibleConnectionFailure as error:
            raise NodeLost(" ".join(str(error).split())) from error
        self.answered_at = time.monotonic()
        return answer["rc"], answer["stdout"]

    def _option(self, name):
        return self._connection.get_option(name)


def _lines(paths):
    return "".join(f"{path}\n" for path in paths)
