"""The controller's half of M(wheelfleet_builder): it sends the worker's code to hosts that have other code."""

from __future__ import annotations

from ansible.errors import AnsibleError
from wheelfleet.builder import worker_code
from wheelfleet.engine.tool_lock import policies_apart
from wheelfleet_ansible.controller_action import Refused, Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction


class ActionModule(NodeAction):
    """Run the module, and once more with the code if the host has other code."""

    OPTIONS = documented_options("wheelfleet_builder")

    def work(self) -> Result:
        """Run the module; returns its result. Raises Refused if it fails because the host's Python is too old."""
        try:
            result = self._installed()
        except AnsibleError as error:
            if problem := self.python_problem():
                raise Refused(problem) from error
            raise
        if result.get("failed") and (problem := self.python_problem()):
            raise Refused(problem)
        return result

    def _installed(self) -> Result:
        files = worker_code.worker_code()
        arguments = {**self._task.args, "code_digest": worker_code.digest(files)}
        result: Result = self._execute_module("wheelfleet_builder", arguments, task_vars=self.task_vars)
        if result.pop("lacks_code", False):
            arguments["code"] = worker_code.pack(files)
            result |= self._execute_module("wheelfleet_builder", arguments, task_vars=self.task_vars)
        apart = policies_apart(result.get("facts", {}).get("interpreters", {}))
        self.warnings += [apart] if apart else []
        # -vvv prints the invocation, which is unreadable with the code in it.
        result.get("invocation", {}).get("module_args", {}).pop("code", None)
        return result
