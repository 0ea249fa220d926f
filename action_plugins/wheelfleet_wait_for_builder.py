"""The work of M(wheelfleet_wait_for_builder)."""

from __future__ import annotations

import time

from ansible.errors import AnsibleConnectionFailure
from wheelfleet.engine.flow import waits_for_work
from wheelfleet.engine.host_status import HostState, HostStatus, post_status, status_folder
from wheelfleet.engine.run_rules import read_rules
from wheelfleet.engine.session import FIRST_RETURN_WAIT, LONGEST_RETURN_WAIT
from wheelfleet_ansible.controller_action import Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction, Pauses, RunGone

NOTE = "It did not answer when the run began, and is called again and again."
#: Seconds between two looks whether the run has ended.
LOOK = 0.5


class ActionModule(NodeAction):
    """Call a builder until it answers."""

    OPTIONS = documented_options("wheelfleet_wait_for_builder")

    def work(self) -> Result:
        """Wait; the builder is unreachable if the run ends first."""
        began, pauses = time.monotonic(), Pauses(FIRST_RETURN_WAIT, LONGEST_RETURN_WAIT)
        status = HostStatus(self.host, self.options["run"], HostState.UNREACHABLE, note=NOTE)
        while not self.check_mode and self._goes_on():
            post_status(status_folder(self.state_dir), status)
            if self._answers():
                self.say(self.host, "answers and joins the run")
                return {"changed": False, "seconds": time.monotonic() - began}
            until = time.monotonic() + pauses.next()
            while time.monotonic() < until and self._goes_on():
                time.sleep(LOOK)
            self.reset_link()
        return {"unreachable": True, "msg": "It did not answer in the whole run."}

    def _goes_on(self) -> bool:
        """Whether the run waits for builders. Raises RunGone."""
        if not self.run_lives():
            raise RunGone
        return waits_for_work(self.state_dir, read_rules(self.state_dir, self.options["run"]), time.time())

    def _answers(self) -> bool:
        try:
            return bool(self._low_level_execute_command("true")["rc"] == 0)
        except AnsibleConnectionFailure:
            return False
