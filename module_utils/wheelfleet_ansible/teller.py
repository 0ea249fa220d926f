"""Has operators told how a run ended."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import ansible.context as context
from ansible.errors import AnsibleError
from ansible.template import Templar
from wheelfleet.engine.run_end import RunEnd, describe, run_ended

from .current_run import CurrentRun
from .outcome import Outcome

#: The roles whose tasks on web nodes bring the site.
WEBNODE_ROLES = ("webnode", "cache")
#: Playbooks that are told of although they were refused before they took the lock.
UNATTENDED = "build.yml"


class Teller:
    """Collects what failed in a run, but for the builders' tasks, which Outcome counts."""

    def __init__(self) -> None:
        self._playbook = ""
        self._play: Any = None
        #: By host, the message of its first failure.
        self._failures: dict[str, str] = {}
        #: By web node, the message of a failure, or None once it has the site.
        self._webnodes: dict[str, str | None] = {}
        self._told = False

    def playbook_begins(self, playbook: Any) -> None:
        """Note the playbook."""
        self._playbook = Path(playbook._file_name).name

    def play_begins(self, play: Any) -> None:
        """Note the play, which knows the inventory."""
        self._play = play

    def succeeded(self, result: Any) -> None:
        """Note a web node that has the site."""
        if result.task.action == "wheelfleet_mirror":
            self._webnodes[result.host.get_name()] = None

    def failed(self, result: Any) -> None:
        """Note a failure of a task that is not a builder's."""
        role = getattr(result.task, "_role", None)
        host, message = result.host.get_name(), str(result.result.get("msg", ""))
        if role is not None and role.get_name() in WEBNODE_ROLES:
            self._webnodes[host] = message
        else:
            self._failures.setdefault(host, message)

    def ended(self, run: CurrentRun | None, outcome: Outcome, failed: Collection[str]) -> None:
        """Have told how the run ended; `failed` are the hosts with a failure that was not rescued."""
        failures = {host: message for host, message in self._failures.items() if host in failed}
        lost = outcome.lost.intersection(failed)
        if failures or (lost and not outcome.builders - lost):
            problem: str | None = describe(failures, lost, outcome.builders)
        else:
            problem = "" if outcome.finished else None
        self._tell(run, problem, built=outcome.built, webnodes=self._webnodes)

    def broke_off(self, run: CurrentRun, problem: str) -> None:
        """Have told why the run ended in its middle."""
        self._tell(run, problem)

    def _tell(self, run: CurrentRun | None, problem: str | None, **more: Any) -> None:
        check = context.CLIARGS.get("check") or context.CLIARGS.get("syntax")
        if self._told or check or (run is None and self._playbook != UNATTENDED):
            return
        self._told = True
        state_dir = run.state_dir if run else self._state_dir()
        if state_dir is not None:
            run_ended(state_dir, RunEnd(run.run if run else "refused", problem, **more))

    def _state_dir(self) -> Path | None:
        """The controller's folder, for a run that was refused before it had one; None if nobody knows."""
        with contextlib.suppress(AnsibleError, AttributeError, KeyError, TypeError, ValueError):
            manager = self._play.get_variable_manager()
            hosts = manager._inventory.groups["controller"].get_hosts()
            variables = manager.get_vars(play=self._play, host=hosts[0])
            given = variables.get("controller_state_dir")
            if given is None:
                return Path(variables["playbook_dir"]).parent / "var"
            return Path(Templar(self._play.get_loader(), variables=variables).template(given))
        return None
