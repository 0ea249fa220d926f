"""The work of M(wheelfleet_cache): it finds origins in upstream and the catalog."""

from __future__ import annotations

from typing import Any

from wheelfleet.credentials import with_credentials
from wheelfleet.network import network
from wheelfleet.upstream.cache_origins import NotCacheable, check_cacheable, learn_crates, learn_origins
from wheelfleet.upstream.client import Upstream, UpstreamUnreachable
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Return the origins that a cache has to fetch from."""

    OPTIONS = documented_options("wheelfleet_cache")
    REFUSALS = (Refused, NotCacheable, UpstreamUnreachable)

    def work(self) -> Result:
        p = self.options
        check_cacheable(p["index_url"], p["pip_options"])
        url = with_credentials(p["index_url"], p["credentials"])
        with Upstream.from_pip(url, p["pip_options"], timeout=p["timeout"]) as upstream:
            origins = learn_origins(upstream, self.catalog_path)
            index = upstream.index_url
        crates: dict[str, Any] = {"index": "", "origins": []}
        if p["crates_index"]:
            crates = learn_crates(p["crates_index"], origins, network())
        return {"changed": False, "index": index, "origins": [*origins, *crates["origins"]], "crates": crates}
