"""The controller's half of M(wheelfleet_builder): it has the worker's code, and sends it where there is another one."""

from __future__ import annotations

from ansible.errors import AnsibleError
from wheelfleet.builder import worker_code
from wheelfleet_ansible.node_action import NodeAction


class ActionModule(NodeAction):
    """Run the module, and once more with the code if the host lacks it."""

    def run(self, tmp=None, task_vars=None):
        """The module's result; where it fails because the host's Python is too old, one sentence says so."""
        result = super().run(tmp, task_vars)
        try:
            result = self._installed(result, task_vars)
        except AnsibleError:
            problem = self.python_problem(task_vars)
            if problem is None:
                raise
            return {**result, "failed": True, "msg": problem}
        if result.get("failed") and (problem := self.python_problem(task_vars)):
            result = {"changed": False, "failed": True, "msg": problem}
        return result

    def _installed(self, result, task_vars):
        files = worker_code.worker_code()
        arguments = {**self._task.args, "code_digest": worker_code.digest(files)}
        result |= self._execute_module("wheelfleet_builder", arguments, task_vars=task_vars)
        if result.pop("lacks_code", False):
            arguments["code"] = worker_code.pack(files)
            result |= self._execute_module("wheelfleet_builder", arguments, task_vars=task_vars)
        # The invocation is shown with -vvv; the code is nothing to be read there.
        result.get("invocation", {}).get("module_args", {}).pop("code", None)
        return result
