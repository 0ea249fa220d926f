"""The controller's half of M(wheelfleet_lock): only here is it known which process is the run."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

from ansible.utils.display import Display
from wheelfleet.engine import lock
from wheelfleet.engine.lock import RunBusy, take_run_lock
from wheelfleet.engine.stdout import is_taken
from wheelfleet_ansible.controller_action import ControllerAction, Refused

display = Display()


class ActionModule(ControllerAction):
    """Let the ansible-playbook process hold the run lock for as long as it lives."""

    OPTIONS = {"state_dir": {"type": "path", "required": True}, "site_dir": {"type": "str", "default": ""}}
    REFUSALS = (RunBusy,)

    def work(self):
        """Take the lock; in check mode, which writes nothing, only name the run."""
        folders = {
            "state_dir": self.options["state_dir"],
            "site_dir": self.options["site_dir"] or str(self.state_dir / "site"),
        }
        missing = not self.state_dir.is_dir()
        if self.check_mode:
            return {"changed": missing, "run": "check", **folders}
        parent = multiprocessing.parent_process()
        if lock.handover is None:
            raise Refused(
                "The callback plugin wheelfleet_live, which holds the run's lock, is not loaded; name the checkout's "
                "callback_plugins in ansible.cfg, or run a playbook of the checkout."
            )
        try:
            # For all to read, whatever the umask: the web server may serve the site from here.
            if missing:
                self.state_dir.mkdir(parents=True)
                self.state_dir.chmod(0o755)
            run, held = take_run_lock(
                self.state_dir, parent.pid if parent else os.getpid(), self._say, site=Path(folders["site_dir"])
            )
            if held is not None:
                lock.handover.give(held)
        except OSError as error:
            raise Refused(
                f"The controller's folder {self.state_dir} cannot be used ({error.strerror}); "
                "set controller_state_dir to a folder you may write to."
            ) from error
        return {"changed": missing, "run": run, **folders}

    def _say(self, sentence):
        display.display(f"{time.strftime('%H:%M:%S')} {sentence}", stderr=is_taken())
