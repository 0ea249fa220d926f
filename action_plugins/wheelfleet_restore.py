"""The work of M(wheelfleet_restore), on the controller."""

from __future__ import annotations

from wheelfleet.engine.backup import BackupError
from wheelfleet.engine.restore import restore
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Put a backup back."""

    OPTIONS = documented_options("wheelfleet_restore")
    REFUSALS = (Refused, BackupError)

    def work(self) -> Result:
        """Restore, and warn of wheels that did not come back."""
        restored = restore(self.state_dir, self.options["target"], dry_run=self.check_mode)
        self.warnings += restored.damaged
        return {
            "changed": True,
            "summary": restored.summary(self.options["target"], dry_run=self.check_mode),
            "made_at": restored.made_at,
            "wheels": restored.wheels,
            "fetched": len(restored.fetched),
            "damaged": restored.damaged,
            "diff": {"before": "", "after": "".join(f"{path}\n" for path in restored.fetched)},
        }
