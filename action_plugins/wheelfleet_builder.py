"""The controller's half of M(wheelfleet_builder): the work is done by the code that a host has, where it is ours; to
other hosts it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ansible.errors import AnsibleError
from wheelfleet.builder import worker_code
from wheelfleet.engine import installed_code
from wheelfleet.engine.tool_lock import LockError, lock_tools, policies_apart
from wheelfleet_ansible.controller_action import Refused, Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction

#: The options that the work is made of.
MADE_OF = ("home", "pythons", "tool_requirements", "parallel", "memory", "sandbox")


class ActionModule(NodeAction):
    """Have the host do the work, by the code that it has or is sent."""

    OPTIONS = documented_options("wheelfleet_builder")
    REFUSALS = (Refused, LockError)

    def work(self) -> Result:
        """Do the work; returns the module's result. Raises Refused if it fails because the host's Python is too old."""
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
        digest = worker_code.digest(files)
        tools, made = self._tools()
        result = self._by_installed_code(digest, tools)
        if result is None:
            result = self._by_module(files, digest, tools)
        if made and "diff" in result:
            result["changed"] = True
            result["diff"]["after"] = f"{made}\n{result['diff']['after']}"
        apart = policies_apart(result.get("facts", {}).get("interpreters", {}))
        self.warnings += [apart] if apart else []
        return result

    def _tools(self) -> tuple[Sequence[str], Path | None]:
        """The exact versions of the tools, and the lock's file if this made it. Raises LockError."""
        if self.options["tool_versions"] is not None:
            return self.options["tool_versions"], None
        path, lock, before = lock_tools(self.state_dir, self.options["tool_requirements"], check=self.check_mode)
        return lock.versions, path if lock != before else None

    def _by_installed_code(self, digest: str, tool_versions: Sequence[str]) -> Result | None:
        """The result of the code that the host has; None if it has another, or none that works."""
        options = {**{name: self.options[name] for name in MADE_OF}, "tool_versions": tool_versions}
        done = self._low_level_execute_command(
            installed_code.command(self.interpreters(), digest, options, check=self.check_mode)
        )
        return installed_code.answer(str(done.get("stdout", ""))) if done.get("rc") == 0 else None

    def _by_module(self, files: Mapping[str, bytes], digest: str, tool_versions: Sequence[str]) -> Result:
        arguments = {**self._task.args, "code_digest": digest, "tool_versions": list(tool_versions)}
        result: Result = self._execute_module("wheelfleet_builder", arguments, task_vars=self.task_vars)
        if result.pop("lacks_code", False):
            arguments["code"] = worker_code.pack(files)
            result |= self._execute_module("wheelfleet_builder", arguments, task_vars=self.task_vars)
        # -vvv prints the invocation, which is unreadable with the code in it.
        result.get("invocation", {}).get("module_args", {}).pop("code", None)
        return result
