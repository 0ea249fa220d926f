"""The controller's half of M(wheelfleet_builder): it has the worker's code, and sends it where there is another one."""

from __future__ import annotations

from pathlib import Path

import ansible.module_utils
from ansible.plugins.action import ActionBase

# Controller-side plugins do not get the configured module_utils by themselves; modules do.
ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from ansible.module_utils.wheelfleet.build import code


class ActionModule(ActionBase):
    """Run the module, and once more with the code if the host lacks it."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """The module's result."""
        result = super().run(tmp, task_vars)
        files = code.worker_code()
        arguments = {**self._task.args, "code_digest": code.digest(files)}
        result |= self._execute_module("wheelfleet_builder", arguments, task_vars=task_vars)
        if result.pop("lacks_code", False):
            arguments["code"] = code.pack(files)
            result |= self._execute_module("wheelfleet_builder", arguments, task_vars=task_vars)
        # The invocation is shown with -vvv; the code is nothing to be read there.
        result.get("invocation", {}).get("module_args", {}).pop("code", None)
        return result
