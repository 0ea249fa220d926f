"""What M(wheelfleet_python) does, by one command on the host that needs no module."""

from __future__ import annotations

from wheelfleet_ansible.node_action import NodeAction


class ActionModule(NodeAction):
    """Fail with one sentence where the host's Python is too old."""

    def run(self, tmp=None, task_vars=None):
        """The task's result."""
        result = super().run(tmp, task_vars)
        problem = self.python_problem(task_vars)
        return {**result, "changed": False, **({"failed": True, "msg": problem} if problem else {})}
