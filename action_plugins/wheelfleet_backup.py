"""The work of M(wheelfleet_backup), on the controller."""

from __future__ import annotations

import sys
from pathlib import Path

# A command such as `ansible controller -m wheelfleet_backup` loads none of our callbacks, which do it for playbooks.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from wheelfleet.engine.backup import BackupError, back_up
from wheelfleet.text import human_size
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Bring a backup up to date."""

    OPTIONS = documented_options("wheelfleet_backup")
    REFUSALS = (Refused, BackupError)

    def work(self) -> Result:
        """Back up, and say what is in it."""
        target = self.options["target"]
        made = back_up(self.state_dir, target, dry_run=self.check_mode)
        has, came, went = ("would have", "would come", "would go") if self.check_mode else ("has", "came", "went")
        return {
            "changed": bool(made.sent or made.removed),
            "wheels": made.wheels,
            "bytes": made.bytes,
            "logs": made.logs,
            "sent": len(made.sent),
            "removed": len(made.removed),
            "summary": [
                f"{target} {has} the catalog, {made.wheels} wheels ({human_size(made.bytes)}) and {made.logs} logs; "
                f"{len(made.sent)} files {came}, {len(made.removed)} {went}.",
                "Not in it: the signing key, recipes, templates and inventory, which are files of yours; and the site, "
                "which is rendered again.",
            ],
            "diff": {
                "before": "".join(f"{path}\n" for path in made.removed),
                "after": "".join(f"{path}\n" for path in made.sent),
            },
        }
