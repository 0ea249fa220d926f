"""What action plugins have in common that talk to a node."""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase

from .host_python import question, too_old


class NodeAction(ActionBase):  # type: ignore[misc]
    """A task that talks to a node, and can say that the host's Python is too old."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def python_problem(self, task_vars: dict[str, Any]) -> str | None:
        """One sentence, if the Python that Ansible uses on the host is too old; None if it is not, or does not say."""
        given = self._templar.template(task_vars.get("ansible_python_interpreter") or "")
        if not given or str(given).startswith("auto"):
            given = (task_vars.get("ansible_facts") or {}).get("discovered_interpreter_python")
        fallback = constants.config.get_config_value("INTERPRETER_PYTHON_FALLBACK", variables=task_vars)
        answer = self._low_level_execute_command(question([str(given)] if given else fallback))
        return too_old(str(answer.get("stdout", "")))
