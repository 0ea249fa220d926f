"""The controller's half of M(wheelfleet_downloads): it records a web node's sums in the catalog."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from contextlib import closing

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from wheelfleet.catalog.database import Catalog, CatalogError
from wheelfleet.downloads.log_rotation import Position
from wheelfleet.downloads.record_sums import (
    Answer,
    BadAnswer,
    Overtaken,
    Sums,
    add_up,
    counted_positions,
    read_answer,
    record_answer,
)
from wheelfleet_ansible.controller_action import Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction, RunGone


class NotCounted(Exception):
    """The log was not counted; the message has cause and cure, as the end of a sentence without its full stop."""


class ActionModule(NodeAction):
    """Request sums from the node until there are no more, and record each answer."""

    OPTIONS = documented_options("wheelfleet_downloads")

    def work(self) -> Result:
        """Count the log; a log that cannot be counted gives a warning."""
        self.result: Result = {"changed": False, "unreadable": False, "more": False}
        self.result |= dict.fromkeys(("downloads", "lookups", "visits", "lines", "garbage"), 0)
        # The default inventory's web node is a folder without a web server.
        if self._connection.transport == "local" and not os.path.lexists(self.options["log"]):
            return self.result
        try:
            self._rehearse() if self.check_mode else self._count()
        except (NotCounted, BadAnswer) as error:
            self.warnings.append(f"Downloads from {self.host} are not counted: {error}.")
        except (AnsibleError, CatalogError) as error:
            reason = " ".join(str(error).split()).rstrip(".")
            cure = "the next run does it"
            if self._connection.become is not None and not isinstance(error, AnsibleConnectionFailure | CatalogError):
                cure = f"{self.options['log']} needs root there (ansible_become), or a user in the log's group (adm)"
            self.warnings.append(f"Downloads from {self.host} are not counted ({reason}); {cure}.")
        return self.result

    def _count(self) -> None:
        with Catalog(self.catalog_path) as catalog:
            self._repeat(
                lambda: counted_positions(catalog.db, self.host),
                lambda counted, answer: record_answer(catalog, self.host, counted, answer, time.time()),
            )

    def _rehearse(self) -> None:
        """Count with the catalog read-only; without a catalog there is nothing to count."""
        path = self.catalog_path
        if not path.is_file():
            return
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            try:
                positions = counted_positions(db, self.host)
            except sqlite3.OperationalError:
                return  # a catalog with an older schema
            self._repeat(lambda: positions, lambda _counted, answer: self._pretend(db, positions, answer))

    @staticmethod
    def _pretend(db: sqlite3.Connection, positions: list[Position], answer: Answer) -> Sums:
        positions[:] = [*answer.positions, *answer.lost]
        return add_up(db, answer)

    def _repeat(
        self, positions: Callable[[], list[Position]], record: Callable[[list[Position], Answer], Sums]
    ) -> None:
        until = time.monotonic() + self.options["seconds"]
        while True:
            if not self.run_lives():
                raise RunGone  # the next run counts
            counted = positions()
            answer = self._count_on_node(counted)
            if answer is None:
                return
            try:
                sums = record(counted, answer)
            except Overtaken:
                self.result["more"] = True
            else:
                self.result["more"] = answer.more
                self.result["changed"] |= bool(sums.projects)
                for name, number in (
                    ("downloads", sums.downloads),
                    ("lookups", sums.lookups),
                    ("visits", sum(sums.visits.values())),
                    ("lines", answer.lines),
                    ("garbage", answer.garbage),
                ):
                    self.result[name] += number
            if not self.result["more"] or time.monotonic() > until:
                return

    def _count_on_node(self, counted: Iterable[Position]) -> Answer | None:
        """One visit; None where the log may not be read and the next task tries as root."""
        answer = self._execute_module(
            module_name="wheelfleet_downloads",
            module_args={**self._task.args, "counted": [list(position) for position in counted]},
            task_vars=self.task_vars,
        )
        if answer.get("failed") or answer.get("unreachable"):
            raise AnsibleError(answer.get("module_stderr") or answer.get("msg") or "it says nothing")
        if answer.get("unreadable"):
            if self._connection.become is None:
                self.result["unreadable"] = True
                return None
            raise NotCounted(
                f"{answer['unreadable']} may not be read there; let Ansible become root (ansible_become), or put the "
                "user it connects as into the log's group (adm)"
            )
        if answer.get("there") is False and self._connection.transport != "local":
            raise NotCounted(
                f"there is no {self.options['log']}; playbooks/provision.yml has nginx write it, or set "
                "webnode_access_log to the file it writes"
            )
        return read_answer(answer, time.time())
