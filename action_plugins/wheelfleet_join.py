"""The work of M(wheelfleet_join): it plans for one more builder."""

from __future__ import annotations

import dataclasses

from wheelfleet.catalog.database import Catalog, CatalogError
from wheelfleet.credentials import with_credentials
from wheelfleet.planner.delta import Options, run_delta
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.planner.scope import BadScope
from wheelfleet.upstream.client import Upstream, UpstreamUnreachable
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Plan for the builder, with the scope and policy of the run."""

    OPTIONS = documented_options("wheelfleet_join")
    REFUSALS = (Refused, BadScope, CatalogError, UpstreamUnreachable)

    def work(self) -> Result:
        p = self.options
        if self.check_mode:
            return {"changed": False, "resolve": []}
        upstream = Upstream.from_pip(
            with_credentials(p["index_url"], p["credentials"]), p["pip_options"], timeout=p["timeout"]
        )
        with Catalog(self.catalog_path) as catalog:
            inputs = PlanInputs.remembered(catalog.db)
            if inputs is None:
                raise Refused("No run has planned anything yet; a builder joins by build.yml.")
            delta = run_delta(
                catalog,
                upstream,
                inputs.scope(),
                inputs.as_policy(),
                {p["host"]: p["report"]},
                Options(run=p["run"], resolutions=p["resolutions"], join=True),
            )
        mine = [dataclasses.asdict(each) for each in delta.resolve if each.host == p["host"]]
        return {"changed": delta.anything_changed, "resolve": mine}
