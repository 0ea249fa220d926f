"""The work of M(wheelfleet_fetch_wheels): rsync runs on the controller, by the settings of the node's connection."""

from __future__ import annotations

from pathlib import Path

from wheelfleet.site.mirror import MirrorError, NodeLost, fetch_wheels
from wheelfleet_ansible.controller_action import Refused, Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction
from wheelfleet_ansible.web_node import ConnectedNode, is_served_here


class ActionModule(NodeAction):
    """Fetch the wheels that the node has and the controller does not."""

    OPTIONS = documented_options("wheelfleet_fetch_wheels")
    REFUSALS = (Refused, MirrorError)

    def work(self) -> Result:
        """Fetch; the host is unreachable if it does not answer."""
        root = self.options["root"].rstrip("/")
        fetched: list[str] = []
        if not is_served_here(self, root, Path(self.options["site_dir"])):
            try:
                fetched = fetch_wheels(ConnectedNode(self, root), self.state_dir / "files", dry_run=self.check_mode)
            except NodeLost as error:
                return {"unreachable": True, "msg": f"{self.host} does not answer ({error})."}
        return {
            "changed": bool(fetched),
            "fetched": fetched,
            "diff": {"before": "", "after": "".join(f"{path}\n" for path in fetched)},
        }
