"""The work of M(wheelfleet_lock): only an action plugin knows the process of the run."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

from wheelfleet.engine import lock
from wheelfleet.engine.lock import RunBusy, take_run_lock
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options


class ActionModule(ControllerAction):
    """Let the ansible-playbook process hold the run lock until it ends."""

    OPTIONS = documented_options("wheelfleet_lock")
    REFUSALS = (Refused, RunBusy)

    def work(self) -> Result:
        """Take the lock; check mode writes nothing and takes none."""
        rest = {
            "follow": self.options["follow"],
            "state_dir": self.options["state_dir"],
            "site_dir": self.options["site_dir"] or str(self.state_dir / "site"),
        }
        missing = not self.state_dir.is_dir()
        if self.check_mode:
            return {"changed": missing, "run": "check", **rest}
        if lock.handover is None:
            raise Refused(
                "The callback plugin wheelfleet_live, which holds the run's lock, is not loaded; name the checkout's "
                "callback_plugins in ansible.cfg, or run a playbook of the checkout."
            )
        try:
            # Readable by all, whatever the umask, because the web server may serve the site from here.
            if missing:
                self.state_dir.mkdir(parents=True)
                self.state_dir.chmod(0o755)
            run, held = take_run_lock(
                self.state_dir,
                os.getppid() if multiprocessing.parent_process() else os.getpid(),
                self.say,
                site=Path(rest["site_dir"]),
            )
            if held is not None:
                lock.handover.give(held)
        except OSError as error:
            raise Refused(
                f"The controller's folder {self.state_dir} cannot be used ({error.strerror}); "
                "set controller_state_dir to a folder you may write to."
            ) from error
        return {"changed": missing, "run": run, **rest}
