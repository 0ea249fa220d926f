"""The work of M(wheelfleet_missing_packages), on the catalog."""

from __future__ import annotations

import sqlite3
import time

from wheelfleet.apt_packages import Subject
from wheelfleet.catalog import events
from wheelfleet.catalog.database import CatalogError
from wheelfleet.engine.run_rules import set_packages_due
from wheelfleet.planner import missing_packages, retries
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Record the packages that were found and installed; return subjects to look up and packages to install."""

    OPTIONS = documented_options("wheelfleet_missing_packages")
    REFUSALS = (Refused, CatalogError)

    def work(self) -> Result:
        self.now = time.time()
        if not self.check_mode:
            # The sessions that ended for this are the last ones to do so.
            set_packages_due(self.state_dir, self.options["run"], False)
        named = requeued = 0
        with self.catalog() as catalog:
            told = any(self.options[news] for news in ("answers", "installed", "reinstalled"))
            if told or missing_packages.has_new_rules(catalog.db):
                with catalog.writing() as db:
                    missing_packages.forget_by_older_rules(db)
                    named, requeued = self._record(db)
            look_up = missing_packages.subjects_to_look_up(catalog.db, self.now, self.options["lookup_hosts"])
            install = missing_packages.to_install(
                catalog.db, self.options["permissions"], self.now, self.options["budgets"]
            )
        return {
            "changed": bool(named or requeued),
            "look_up": {host: [list(subject) for subject in subjects] for host, subjects in look_up.items()},
            "install": install,
            "requeued": requeued,
            "diff": {"before": "", "after": "".join(f"{h}: {n}\n" for h, names in install.items() for n in names)},
        }

    def _record(self, db: sqlite3.Connection) -> tuple[int, int]:
        """Record answers and installations; returns the number of failures that name a package now, and of builds that
        are queued again."""
        named = requeued = 0
        run, max_attempts = self.options["run"], self.options["max_attempts"]
        for host in self.options["reinstalled"]:
            missing_packages.forget_host(db, host)
        for host, answer in self.options["answers"].items():
            subjects = [Subject(*subject) for subject in self.options["looked_up"].get(host, [])]
            named += missing_packages.record_answers(
                db, host, subjects, answer.get("providers", []), self.now, answer.get("costs")
            )
            requeued += retries.watch(db, missing_packages.without_package(db, host), max_attempts)
            if answer.get("problem"):
                sentence = f"Missing packages cannot be looked up: {answer['problem']}"
                events.note(db, run=run, host=host, sentence=sentence, now=self.now)
        for host, judged in self.options["installed"].items():
            requeued += missing_packages.record_installed(
                db,
                host,
                judged["install"],
                judged["refused"],
                run=run,
                now=self.now,
                max_attempts=max_attempts,
                over_budget=judged.get("over_budget"),
                cost=judged.get("cost"),
                later=judged.get("later"),
            )
        return named, requeued
