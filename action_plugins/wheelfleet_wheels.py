"""The work of M(wheelfleet_wheels), on the controller."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

# A command such as `ansible controller -m wheelfleet_wheels` loads none of our callbacks, which do it for playbooks.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from wheelfleet.admission.admit import Storage
from wheelfleet.admission.import_wheel import Imported, Terms, check_terms, import_wheel, wheels_in
from wheelfleet.catalog.database import Catalog
from wheelfleet.control.operator_name import login_name
from wheelfleet.control.orders import Order
from wheelfleet.control.published import file_states, project_of, read_words
from wheelfleet.engine.lock import run_at_work
from wheelfleet.planner.rejudge import judge_changed
from wheelfleet_ansible.controller_action import Refused, Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.order_action import OrderAction


class ActionModule(OrderAction):
    """Order something about published wheels, or import wheels."""

    OPTIONS = documented_options("wheelfleet_wheels")
    REFUSALS = (*OrderAction.REFUSALS, OSError)
    NOUN = "wheel"
    NEXT = "the next run of build.yml shows it on the site, with --tags publish without building."

    #: The files that the orders are about, each with its state.
    before: list[str]
    after: list[str]

    def work(self) -> Result:
        if self.options["action"] == "import":
            return self.import_all()
        result = super().work()
        result["diff"] = {key: "".join(f"{line}\n" for line in getattr(self, key)) for key in ("before", "after")}
        return result

    def subjects(self, catalog: Catalog) -> list[str]:
        subjects = super().subjects(catalog)
        self.before = self.states(catalog, subjects)
        return subjects

    def carry_out(self, catalog: Catalog, orders: Sequence[Order]) -> None:
        subjects = [order.subject for order in orders]
        names = {project_of(catalog.db, read_words(subject)) for subject in subjects}
        judge_changed(catalog, sorted(names), time.time())
        self.after = self.states(catalog, subjects)

    def states(self, catalog: Catalog, subjects: Sequence[str]) -> list[str]:
        """A line for each file that the subjects mean."""
        return sorted({line for subject in subjects for line in file_states(catalog.db, read_words(subject))})

    def import_all(self) -> Result:
        """Import all wheels, after a look at each. Raises BadOrder."""
        p = self.options
        if not self.catalog_path.is_file():
            raise Refused(f"There is no catalog in {self.state_dir}; run build.yml first.")
        terms = Terms(
            who=p["who"] or login_name(),
            reason=p["reason"],
            now=time.time(),
            run=run_at_work(self.state_dir) or "",
            beside_upstream=p["beside_upstream"],
            without_target=p["without_target"],
            exclude=p["exclude"],
        )
        check_terms(terms, p["target"])
        paths = wheels_in([Path(each).expanduser() for each in p["what"]])
        storage = Storage(self.state_dir / "files", self.state_dir / "logs")
        with self.catalog() as catalog:
            done = [import_wheel(catalog, storage, path, terms, dry_run=True) for path in paths]
            if not self.check_mode:
                done = [import_wheel(catalog, storage, path, terms) for path in paths]
        return self.import_result(done)

    def import_result(self, done: Sequence[Imported]) -> Result:
        """The task's result; each import is also said in the terminal."""
        for each in done:
            self.say(f"controller: {each.sentence}")
        return {
            "changed": any(each.changed for each in done),
            "msg": "\n".join(each.sentence for each in done),
            "orders": [
                {
                    "verb": "import",
                    "subject": each.filename,
                    "target": "",
                    "changed": each.changed,
                    "sentence": each.sentence,
                }
                for each in done
            ],
            "diff": {"before": "", "after": "".join(f"{each.filename}: listed\n" for each in done if each.changed)},
        }
