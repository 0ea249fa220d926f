"""The work of M(wheelfleet_delta): read upstream, and plan."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path

from wheelfleet.catalog import events
from wheelfleet.catalog.database import CatalogError
from wheelfleet.control import orders
from wheelfleet.engine.builder_orders import said_of
from wheelfleet.engine.host_status import CONTROLLER, HostState, HostStatus, post_status, status_folder
from wheelfleet.engine.plan_again import upstream_of
from wheelfleet.engine.survey import upstream_is_asked
from wheelfleet.planner.delta import Options, run_delta
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.planner.preview import MOST_PREVIEWED
from wheelfleet.planner.recipes import BadRecipe, Recipe, read_recipes
from wheelfleet.planner.requirements_reader import read_requirements_files
from wheelfleet.planner.scope import BadScope
from wheelfleet.upstream.client import Upstream, UpstreamUnreachable
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Bring the catalog up to date with upstream, and the queue with the catalog."""

    OPTIONS = documented_options("wheelfleet_delta")
    REFUSALS = (Refused, BadRecipe, BadScope, CatalogError, UpstreamUnreachable)

    def work(self) -> Result:
        p = self.options
        upstream = self._upstream()
        if not p["builders"] and not p["coming"]:
            raise Refused(
                "No builder is ready; the inventory's group builders needs at least one host that can be prepared."
            )
        recipes = read_recipes(Path(p["recipes_dir"])) if p["recipes_dir"] else {}
        inputs = self._inputs(recipes)
        policy, scope = inputs.as_policy(), inputs.scope()
        with self.catalog() as catalog, upstream_is_asked(catalog):
            delta = run_delta(
                catalog,
                upstream,
                scope,
                policy,
                p["builders"],
                Options(
                    run=p["run"],
                    changelog_url=p["changelog_url"] or None,
                    retry=tuple(p["retry"]),
                    recipes=recipes,
                    read_seconds=p["read_minutes"] * 60 or None,
                    resolutions=p["resolutions"],
                    rehearsal=self.check_mode,
                    inventory=None if p["inventory"] is None else tuple(p["inventory"]),
                    coming=tuple(p["coming"]),
                    silent=tuple(p["left_out"]),
                    show=self._show,
                    files=self.state_dir / "files",
                    most_previewed=None if self._task.diff else MOST_PREVIEWED,
                ),
            )
            with catalog.writing() as db:
                inputs.remember(db)
                told = {host: self._why_left_out(db, host, why) for host, why in p["left_out"].items()}
                for host, builds in delta.taken_back.items():
                    why = told.get(host, "It takes no part in this run.")
                    went = "1 build that it had" if builds == 1 else f"{builds} builds that it had"
                    told[host] = f"{why} {went} went back to the queue."
                for host, sentence in told.items():
                    if events.note(db, run=p["run"], host=host, sentence=sentence, now=time.time()):
                        self.say(host, sentence)
        self.warnings += [
            f"{line.where}: {line.text} plays no part, because {line.why}."
            for file in inputs.requirements
            for line in file.ignored
            if line.why and p["resolutions"] is None
        ]
        if delta.unread:
            self.say(
                CONTROLLER, f"{delta.unread:,} projects of upstream are still to be read; building begins meanwhile."
            )
        # Check mode provisions nothing, so the targets of these builders are unknown.
        unknown = [f"What {host} would build is known when it is provisioned." for host in p["coming"]]
        self.warnings += [f"{name}: {sentence}" for name, sentence in sorted(delta.troubles.items())]
        return {
            "changed": delta.anything_changed,
            "returned": delta.returned,
            "max_attempts": policy.max_attempts,
            "asked": delta.asked,
            "unread": delta.unread,
            "queue": {"builds": delta.queue.left, "seconds": delta.queue.seconds_left},
            "would_build": [*(unknown if self.check_mode else ()), *delta.preview.lines],
            "resolve": [dataclasses.asdict(r) for r in delta.resolve],
            "troubles": delta.troubles,
            "absent": delta.absent,
            "unconsidered": [each.as_data() for each in delta.unconsidered],
            "diff": {"before": "", "after": "".join(f"build {line}\n" for line in delta.preview.builds)},
        }

    @staticmethod
    def _why_left_out(db: sqlite3.Connection, host: str, why: str) -> str:
        """The reason with the order that holds the builder, because it may be switched off then."""
        hold = orders.hold_on(db, host)
        return why if hold is None else f"{why} It was {hold.verb.rstrip('e')}ed {said_of(hold)}."

    def _upstream(self) -> Upstream:
        p = self.options
        if not p["index_url"]:
            raise Refused(
                "pip on the controller is configured for no index; name the upstream in controller_upstream_url."
            )
        return upstream_of(p)

    def _inputs(self, recipes: Mapping[str, Recipe]) -> PlanInputs:
        p = self.options
        skipped = [entry for recipe in recipes.values() for entry in recipe.skips()]
        return PlanInputs(
            packages=p["packages"],
            requirements=read_requirements_files(p["requirements"]),
            everything=p["everything"],
            newest=p["newest"],
            policy={**p["policy"], "skip": [*(p["policy"].get("skip") or ()), *skipped]},
        )

    def _show(self, done: int, total: int) -> None:
        if not self.check_mode:
            post_status(
                status_folder(self.state_dir),
                HostStatus(CONTROLLER, self.options["run"], HostState.READING, note=f"read {done} of {total} projects"),
            )
