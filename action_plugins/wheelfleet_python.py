"""What M(wheelfleet_python) does, by one command on the host that needs no module."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils

# Controller-side plugins do not get the configured module_utils by themselves; modules do.
ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from ansible.module_utils.wheelfleet.engine.host_action import HostAction


class ActionModule(HostAction):
    """Fail with one sentence where the host's Python is too old."""

    def run(self, tmp=None, task_vars=None):
        """The task's result."""
        result = super().run(tmp, task_vars)
        problem = self.python_problem(task_vars)
        return {**result, "changed": False, **({"failed": True, "msg": problem} if problem else {})}
