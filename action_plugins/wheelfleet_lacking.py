"""What M(wheelfleet_lacking) does, on the catalog."""

from __future__ import annotations

import sqlite3
import time

from wheelfleet.apt_packages import Subject
from wheelfleet.catalog.database import CatalogError
from wheelfleet.planner import events, missing_packages
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Take in what was answered and installed; say what to ask and what to install."""

    OPTIONS = documented_options("wheelfleet_lacking")
    REFUSALS = (Refused, CatalogError)

    def work(self) -> Result:
        self.now = time.time()
        named = requeued = 0
        with self.catalog() as catalog:
            if any(self.options[news] for news in ("answers", "judged", "anew")):
                with catalog.writing() as db:
                    named, requeued = self._take_in(db)
            ask = missing_packages.to_ask(catalog.db, self.now, self.options["askable"])
            install = missing_packages.to_install(catalog.db, self.options["permissions"], self.now)
        return {
            "changed": bool(named or requeued),
            "ask": {host: [list(subject) for subject in subjects] for host, subjects in ask.items()},
            "install": install,
            "requeued": requeued,
            "diff": {"before": "", "after": "".join(f"{h}: {n}\n" for h, names in install.items() for n in names)},
        }

    def _take_in(self, db: sqlite3.Connection) -> tuple[int, int]:
        """How many subjects have owners now, and how many builds are in the queue again."""
        named = requeued = 0
        run, tries = self.options["run"], self.options["tries"]
        for host in self.options["anew"]:
            missing_packages.forget_host(db, host)
        for host, answer in self.options["answers"].items():
            asked = [Subject(*subject) for subject in self.options["asked"].get(host, [])]
            named += missing_packages.record_answers(db, host, asked, answer.get("owners", []), self.now)
            if answer.get("problem"):
                sentence = f"What builds lacked cannot be looked up: {answer['problem']}"
                events.note(db, run=run, host=host, sentence=sentence, now=self.now)
        for host, judged in self.options["judged"].items():
            requeued += missing_packages.record_installed(
                db, host, judged["install"], judged["refused"], run=run, now=self.now, tries=tries
            )
        return named, requeued
