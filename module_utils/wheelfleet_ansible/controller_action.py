"""The base class of our action plugins: options, refusals, warnings and secrets.

Ansible packs, unpacks and compiles a module for each task. An action plugin costs a fraction of that: its code is
compiled already and runs in the process that Ansible forks for the task.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from ansible.module_utils.common.validation import check_type_bool, check_type_float, check_type_int
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from wheelfleet.catalog.database import Catalog, rehearsal
from wheelfleet.credentials import secrets_of
from wheelfleet.engine.terminal import terminal

from .documented_options import Options
from .hidden import without

#: Warnings in a task's result; further ones are only counted.
MOST_WARNINGS = 20

#: The state folder where nothing names another, as in the role's defaults.
DEFAULT_STATE_DIR = Path(__file__).resolve().parents[2] / "var"

Result = dict[str, Any]

#: For types that people often get wrong: what raises TypeError for another type, and what to give.
CHECKS: dict[str, tuple[Callable[[object], object], str]] = {
    "int": (check_type_int, "a whole number"),
    "float": (check_type_float, "a number"),
    "bool": (check_type_bool, "true or false"),
}

display = Display()


class Refused(Exception):
    """The task cannot be done; the message has the cause and the cure."""


class ControllerAction(ActionBase):  # type: ignore[misc]  # Ansible is not typed
    """A task on the controller: options are checked like a module's, and exceptions of REFUSALS fail the task."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    OPTIONS: ClassVar[Options] = {}
    #: Exceptions that fail the task with their message, which has the cause and the cure.
    REFUSALS: ClassVar[tuple[type[Exception], ...]] = (Refused,)

    options: dict[str, Any]
    check_mode: bool
    #: The variables of the host, untemplated.
    task_vars: dict[str, Any]
    #: Texts that are removed from the result, at first those of the option `credentials`.
    secrets: set[str]
    #: Sentences for the operator.
    warnings: list[str]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> Result:
        """Do the task and return its result."""
        super().run(tmp, task_vars)
        self.task_vars = task_vars or {}
        self.check_mode = self._task.check_mode
        self.secrets, self.warnings = set(), []
        try:
            self.check_options(self._task.args)
            _, self.options = self.validate_argument_spec(self.OPTIONS)
            self.secrets = secrets_of(self.options.get("credentials") or "")
            result = self.work()
        except self.REFUSALS as error:
            result = {"failed": True, "msg": str(error)}
        if self.warnings:
            left_out = len(self.warnings) - MOST_WARNINGS
            result["warnings"] = self.warnings[:MOST_WARNINGS] + ([f"… and {left_out} more."] if left_out > 0 else [])
        clean: Result = without(result, self.secrets)
        return clean

    def check_options(self, given: Mapping[str, Any]) -> None:
        """Refuse values of another type, in words for people. Raises Refused."""
        for name, value in given.items():
            kind = str(self.OPTIONS.get(name, {}).get("type", "str"))
            if kind in CHECKS:
                check, wanted = CHECKS[kind]
                try:
                    check(value)
                except (TypeError, ValueError):
                    raise Refused(f"{name} is {value}; give {wanted}.") from None

    def work(self) -> Result:
        """Do the task and return its result. Raises one of REFUSALS."""
        raise NotImplementedError

    @property
    def state_dir(self) -> Path:
        """The controller's state folder: the option, else the inventory's variable, else the role's default."""
        given = self.options.get("state_dir") or self._templar.template(self.task_vars.get("controller_state_dir"))
        return Path(given or DEFAULT_STATE_DIR)

    @property
    def catalog_path(self) -> Path:
        """The catalog's file."""
        return self.state_dir / "catalog.sqlite"

    def catalog(self) -> AbstractContextManager[Catalog]:
        """The catalog; in check mode a temporary copy."""
        return rehearsal(self.catalog_path) if self.check_mode else Catalog(self.catalog_path)

    def say(self, *words: str) -> None:
        """Print a line with the time of day."""
        display.display(" ".join([time.strftime("%H:%M:%S"), *words]), stderr=terminal.stdout_is_taken)
