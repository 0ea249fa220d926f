"""The work of M(wheelfleet_retention), on the controller."""

from __future__ import annotations

import sys
import time
from pathlib import Path

# A command such as `ansible controller -m wheelfleet_retention` loads none of our callbacks, which do it for playbooks.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from ansible.module_utils.common.text.formatters import human_to_bytes
from wheelfleet.catalog.database import CatalogError
from wheelfleet.control.operator_name import login_name
from wheelfleet.control.orders import LONGEST_REASON
from wheelfleet.control.retention import Plan, Rules, carry_out, plan, remove_bytes
from wheelfleet.control.rule import BadOrder
from wheelfleet.engine.lock import run_at_work
from wheelfleet.text import human_size, plain
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Remove wheels that are kept no longer."""

    OPTIONS = documented_options("wheelfleet_retention")
    REFUSALS = (Refused, BadOrder, CatalogError)

    def work(self) -> Result:
        """Plan, and without check mode carry the plan out. Raises BadOrder."""
        if not self.catalog_path.is_file():
            raise Refused(f"There is no catalog in {self.state_dir}; run build.yml first.")
        rules = Rules(self.options["newest"], self.options["offered"], self._budget())
        rules.check()
        reason = plain(self.options["reason"], LONGEST_REASON).strip()
        if not (reason or self.check_mode):
            raise BadOrder("Say why, with reason='…': people read on the site why wheels went.")
        now = time.time()
        with self.catalog() as catalog:
            with catalog.writing() as db:
                chosen = plan(db, rules)
                sentence = carry_out(
                    db,
                    chosen,
                    rules,
                    who=self.options["who"] or login_name(),
                    reason=reason,
                    run=run_at_work(self.state_dir) or "",
                    now=now,
                )
            if not self.check_mode:
                remove_bytes(chosen, self.state_dir / "files")
        return self._result(chosen, sentence)

    def _budget(self) -> int:
        given = self.options["budget"]
        try:
            return int(human_to_bytes(given)) if given else 0
        except ValueError:
            raise BadOrder(f"budget is {given}; give bytes, or a number with K, M, G or T, such as 50G.") from None

    def _result(self, chosen: Plan, sentence: str) -> Result:
        lines = [
            f"{each.wheel.project}/{each.wheel.filename} ({human_size(each.wheel.size)}; {each.why})\n"
            for each in chosen.leaving
        ]
        if chosen.over:
            self.warnings.append(
                f"{human_size(chosen.over)} above the budget stay, because the scope asks for all the rest; keep less "
                "in scope (controller_newest, controller_packages), then run build.yml and this again."
            )
        return {
            "changed": bool(chosen.leaving),
            "msg": sentence if not self.check_mode else sentence.replace(" went (", " would go ("),
            "removed": len(chosen.leaving),
            "bytes": chosen.size,
            "kept_bytes": chosen.kept,
            "over_budget": chosen.over,
            "diff": {"before": "".join(lines), "after": ""},
        }
