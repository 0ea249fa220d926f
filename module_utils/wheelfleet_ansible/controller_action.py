"""What the action plugins have in common whose whole work is done on the controller.

A module sent to a host is packed, unpacked and compiled anew for each task. The controller has the code at hand and
compiled, so its part of a run costs a fraction of that in the process that Ansible starts for the task anyway.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase

#: Warnings that a task gives one by one; of the others it gives the number.
MOST_WARNINGS = 20


class Refused(Exception):
    """The task cannot be done; the message says why and names the cure."""


class ControllerAction(ActionBase):  # type: ignore[misc]
    """A task on the controller: options are checked as a module's are, refusals become the task's failure."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    #: The options, as AnsibleModule takes them.
    OPTIONS: ClassVar[dict[str, dict[str, Any]]] = {}
    #: What a refusal is besides Refused: exceptions whose message says what is wrong and how to mend it.
    REFUSALS: ClassVar[tuple[type[Exception], ...]] = ()

    options: dict[str, Any]
    check_mode: bool
    #: Text that no result may contain.
    secrets: set[str]
    #: Sentences for the operator.
    warnings: list[str]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do the task and return its result."""
        super().run(tmp, task_vars)
        _, self.options = self.validate_argument_spec(self.OPTIONS)
        self.check_mode = self._task.check_mode
        self.secrets, self.warnings = set(), []
        try:
            result = self.work()
        except Exception as error:
            if not isinstance(error, (Refused, *self.REFUSALS)):
                raise
            result = {"failed": True, "msg": str(error)}
        if self.warnings:
            left_out = len(self.warnings) - MOST_WARNINGS
            result["warnings"] = self.warnings[:MOST_WARNINGS] + ([f"… and {left_out} more."] if left_out > 0 else [])
        clean: dict[str, Any] = remove_values(result, self.secrets)
        return clean

    def work(self) -> dict[str, Any]:
        """The task's own part; raises Refused or one of REFUSALS."""
        raise NotImplementedError

    @property
    def state_dir(self) -> Path:
        """The controller's folder."""
        return Path(self.options["state_dir"])

    @property
    def catalog_path(self) -> Path:
        """The catalog's file."""
        return self.state_dir / "catalog.sqlite"
