"""The work of M(wheelfleet_python), by one command on the host and without a module."""

from __future__ import annotations

from wheelfleet_ansible.controller_action import Refused, Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction


class ActionModule(NodeAction):
    """Fail with one sentence if the host's Python is too old."""

    OPTIONS = documented_options("wheelfleet_python")

    def work(self) -> Result:
        if problem := self.python_problem():
            raise Refused(problem)
        return {"changed": False}
