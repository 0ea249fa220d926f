"""The controller's half of M(wheelfleet_lock): only here is it known which process is the run."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import ansible.module_utils
from ansible.plugins.action import ActionBase

# Controller-side plugins do not get the configured module_utils by themselves; modules do.
ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from ansible.module_utils.wheelfleet.run.lock import RunBusy, take_run_lock


class ActionModule(ActionBase):
    """Let the ansible-playbook process hold the run lock for as long as it lives."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Take the lock; in check mode, which writes nothing, only name the run."""
        super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(
            {"state_dir": {"type": "path", "required": True}, "site_dir": {"type": "str", "default": ""}}
        )
        folders = {
            "state_dir": options["state_dir"],
            "site_dir": options["site_dir"] or str(Path(options["state_dir"]) / "site"),
        }
        state_dir = Path(options["state_dir"])
        missing = not state_dir.is_dir()
        if self._task.check_mode:
            return {"changed": missing, "run": "check", **folders}
        parent = multiprocessing.parent_process()
        try:
            # For all to read, whatever the umask: the web server may serve the site from here.
            if missing:
                state_dir.mkdir(parents=True)
                state_dir.chmod(0o755)
            run = take_run_lock(state_dir, parent.pid if parent else os.getpid())
        except RunBusy as error:
            return {"failed": True, "msg": str(error)}
        except OSError as error:
            return {
                "failed": True,
                "msg": f"The controller's folder {options['state_dir']} cannot be used ({error.strerror}); "
                "set controller_state_dir to a folder you may write to.",
            }
        return {"changed": missing, "run": run, **folders}
