"""The base class of the modules by which operators give orders: one module for each noun."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from wheelfleet.catalog import controls
from wheelfleet.catalog.database import Catalog, CatalogError
from wheelfleet.control.operator_name import login_name
from wheelfleet.control.orders import Order, expand, order
from wheelfleet.control.rule import BadOrder
from wheelfleet.engine.lock import run_at_work
from wheelfleet.planner.carry_out import carry_out

from .controller_action import ControllerAction, Refused, Result


class OrderAction(ControllerAction):
    """Orders `action` for each of `what`. All are looked at first: if one makes no sense, none is given."""

    REFUSALS: ClassVar[tuple[type[Exception], ...]] = (Refused, BadOrder, CatalogError)
    #: The noun of wheelfleet.control.orders.
    NOUN: ClassVar[str]
    #: What makes the order visible while no run is at work, after a semicolon.
    NEXT: ClassVar[str] = "the next run of build.yml obeys."

    def check_options(self, given: Mapping[str, Any]) -> None:
        """Refuse an order without a verb or an object, with the words that are missing. Raises Refused."""
        verbs = self.OPTIONS["action"]["choices"]
        action = str(given.get("action") or "")
        if not action:
            raise Refused(f"Say what to order, such as action={verbs[0]}; the orders are {', '.join(verbs)}.")
        if action not in verbs:
            raise Refused(f"{action} is no order about {self.NOUN}s; the orders are {', '.join(verbs)}.")
        if not given.get("what"):
            raise Refused(f"Say what to {action}, with what=….")
        super().check_options(given)
        if float(given.get("hours") or 0) < 0:
            raise Refused(f"hours is {given['hours']}; give how long the order is in force, or leave it out.")

    def work(self) -> Result:
        """Give the orders. Raises BadOrder."""
        if not self.catalog_path.is_file():
            raise Refused(
                f"There is no catalog in {self.state_dir}; run build.yml first, or name the fleet's folder in "
                "controller_state_dir."
            )
        with self.catalog() as catalog:
            subjects = self.subjects(catalog)
            for subject in subjects:
                self.order(catalog, subject, dry_run=True)
            before = in_force(catalog, subjects)
            orders = [self.order(catalog, subject) for subject in subjects]
            self.carry_out(catalog, orders)
            after = in_force(catalog, subjects)
        if before == after:
            # An order that is done at once leaves nothing in force.
            after = [f"{each.verb} {each.subject}" for each in orders if each.changed]
        diff = {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}
        return {**self.result(orders), "diff": diff}

    def subjects(self, catalog: Catalog) -> list[str]:
        """What `what` names, one by one. Raises BadOrder."""
        found: dict[str, None] = {}
        for word in self.options["what"]:
            found |= dict.fromkeys(
                expand(
                    catalog,
                    verb=self.options["action"],
                    noun=self.NOUN,
                    word=word,
                    target=self.options.get("target") or "",
                    inventory=self.inventory,
                )
            )
        return list(found)

    def order(self, catalog: Catalog, subject: str, *, dry_run: bool = False) -> Order:
        """Give one order."""
        hours = self.options.get("hours") or 0.0
        return order(
            catalog,
            who=self.options.get("who") or login_name(),
            verb=self.options["action"],
            noun=self.NOUN,
            subject=subject,
            reason=self.options["reason"],
            target=self.options.get("target") or "",
            until=time.time() + hours * 3600 if hours else None,
            run=run_at_work(self.state_dir) or "",
            inventory=self.inventory,
            dry_run=dry_run,
        )

    def carry_out(self, catalog: Catalog, orders: Sequence[Order]) -> None:
        """Do at once what concerns the plan alone; the rest a run at work does within seconds, else the next one."""
        carry_out(catalog, time.time())

    def result(self, orders: Sequence[Order]) -> Result:
        """The task's result; each order is also said in the terminal."""
        lines = [f"{each.host}: {each.sentence}" for each in orders]
        for each, line in zip(orders, lines):
            said = line if each.changed else f"{line} It was ordered before."
            self.say(f"(check mode: nothing is ordered) {said}" if self.check_mode else said)
        if not self.check_mode and self.NEXT and run_at_work(self.state_dir) is None:
            self.say(f"controller: No run is at work; {self.NEXT}")
        return {
            "changed": any(each.changed for each in orders),
            "msg": "\n".join(lines),
            "orders": [
                {"verb": e.verb, "subject": e.subject, "target": e.target, "changed": e.changed, "sentence": e.sentence}
                for e in orders
            ],
        }

    @property
    def inventory(self) -> list[str]:
        """The builders of the inventory."""
        return list((self.task_vars.get("groups") or {}).get("builders") or [])


def in_force(catalog: Catalog, subjects: Sequence[str]) -> list[str]:
    """A line for each order in force about one of the subjects."""
    return [
        f"{each.verb} {each.subject}{f' on {each.target}' if each.target else ''} ({each.who}: {each.reason})"
        for subject in subjects
        for each in controls.in_force_about(catalog.db, subject)
    ]
