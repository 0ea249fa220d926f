"""The work of M(wheelfleet_mirror): rsync runs on the controller, by the settings of the node's connection."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wheelfleet.site.mirror import (
    Abandoned,
    Mirrored,
    MirrorError,
    NodeLost,
    bring_up_to_date,
)
from wheelfleet_ansible.controller_action import Refused, Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction, Pauses
from wheelfleet_ansible.web_node import ConnectedNode, is_served_here

#: Seconds between two tries after a lost connection: first, and at most.
FIRST_WAIT, LONGEST_WAIT = 1.0, 15.0
#: Tries with a node that answers but loses every transfer.
MOST_TRIES = 5


class ActionModule(NodeAction):
    """Make the site's folder on the node equal to the controller's."""

    OPTIONS = documented_options("wheelfleet_mirror")
    REFUSALS = (Refused, MirrorError)

    def work(self) -> Result:
        """Mirror, and repeat after a lost connection; the host is unreachable if it does not answer."""
        site, root = Path(self.options["site_dir"]), self.options["root"].rstrip("/")
        if is_served_here(self, root, site):
            return self._report(Mirrored())
        try:
            return self._report(self._with_patience(site, ConnectedNode(self, root)))
        except NodeLost as error:
            return {
                "unreachable": True,
                "msg": f"{self.host} does not answer ({error}); it keeps the site it has, and the next run of "
                "build.yml brings it up to date.",
            }
        except Abandoned:
            self.leave()

    def _with_patience(self, site: Path, node: ConnectedNode) -> Mirrored:
        pauses = Pauses(FIRST_WAIT, LONGEST_WAIT)
        for tries_left in reversed(range(MOST_TRIES)):
            try:
                return bring_up_to_date(
                    site,
                    node,
                    full=self.options["full"],
                    dry_run=self.check_mode,
                    timeout=self.options["timeout"],
                    go_on=self.run_lives,
                )
            except NodeLost as error:
                if not tries_left or not node.answered_within(self.options["patience"]):
                    raise
                self.wait_for_link(error, pauses.next())
                self.repeat(
                    lambda: node.run("true"),
                    lost=(NodeLost,),
                    patience=self.options["patience"],
                    pauses=pauses,
                    since=node.answered_at,
                )
        raise AssertionError("the last try returns or raises")

    @staticmethod
    def _report(mirrored: Mirrored) -> Result:
        return {
            "changed": bool(mirrored.sent or mirrored.removed),
            "compared": mirrored.compared,
            "sent": len(mirrored.sent),
            "removed": len(mirrored.removed),
            "diff": {"before": _lines(mirrored.removed), "after": _lines(mirrored.sent)},
        }


def _lines(paths: Iterable[str]) -> str:
    return "".join(f"{path}\n" for path in paths)
