"""The work of M(wheelfleet_join): it plans for one more builder."""

from __future__ import annotations

import dataclasses

from wheelfleet.catalog.database import Catalog, CatalogError
from wheelfleet.engine.plan_again import NothingPlanned, plan_again, upstream_of
from wheelfleet.planner.delta import Options
from wheelfleet.planner.scope import BadScope
from wheelfleet.upstream.client import UpstreamUnreachable
from wheelfleet_ansible.controller_action import ControllerAction, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Plan for the builder, with the scope and policy of the run."""

    OPTIONS = documented_options("wheelfleet_join")
    REFUSALS = (BadScope, CatalogError, NothingPlanned, UpstreamUnreachable)

    def work(self) -> Result:
        p = self.options
        if self.check_mode:
            return {"changed": False, "resolve": []}
        options = Options(run=p["run"], resolutions=p["resolutions"], join=True)
        with Catalog(self.catalog_path) as catalog, upstream_of(p) as upstream:
            delta = plan_again(catalog, upstream, options, {p["host"]: p["report"]})
        mine = [dataclasses.asdict(each) for each in delta.resolve if each.host == p["host"]]
        return {"changed": delta.anything_changed, "resolve": mine}
