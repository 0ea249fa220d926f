"""The work of M(wheelfleet_tools)."""

from __future__ import annotations

from wheelfleet.engine.tool_lock import LockError, lock_tools
from wheelfleet_ansible.controller_action import ControllerAction, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Lock the tools, or renew their lock."""

    OPTIONS = documented_options("wheelfleet_tools")
    REFUSALS = (LockError,)

    def work(self) -> Result:
        p = self.options
        path, lock, before = lock_tools(self.state_dir, p["requirements"], renew=p["renew"], check=self.check_mode)
        changed = lock != before
        what = "would be locked in" if changed and self.check_mode else "are locked in"
        news = "" if changed else ", as before"
        return {
            "changed": changed,
            "path": str(path),
            "versions": list(lock.versions),
            "msg": f"The tools of builders {what} {path}{news}.",
            "diff": {"before": before.text if before else "", "after": lock.text},
        }
