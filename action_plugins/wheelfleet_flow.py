"""The work of M(wheelfleet_flow): the rules of the run, and the process of its flow."""

from __future__ import annotations

import time
from pathlib import Path

from wheelfleet.control.operator_name import login_name
from wheelfleet.engine.lock import began, run_at_work
from wheelfleet.engine.run_rules import RunRules, end_run, read_rules, write_rules
from wheelfleet.engine.start_flow import log_file, start_flow, stop_flow
from wheelfleet.text import human_duration
from wheelfleet_ansible.controller_action import ControllerAction, Refused, Result
from wheelfleet_ansible.documented_options import documented_options

#: The part of a limited run that is kept for its publication, and the most of it in seconds.
SHARE_TO_PUBLISH, LONGEST_TO_PUBLISH = 0.05, 300.0


class ActionModule(ControllerAction):
    """Start or stop the flow of a run, or have the run end."""

    OPTIONS = documented_options("wheelfleet_flow")

    def work(self) -> Result:
        state = self.options["state"]
        try:
            if state == "ended":
                return self._end()
            if self.check_mode:
                return {"changed": False}
            return self._start() if state == "started" else self._stop()
        except OSError as error:
            raise Refused(
                f"The controller's folder {self.state_dir} cannot be used ({error}); "
                "set controller_state_dir to a folder you may write to."
            ) from error

    def _start(self) -> Result:
        p = self.options
        for needed in ("run", "site" if p["publishes"] else "run"):
            if not p[needed]:
                raise Refused(f"The option {needed} is missing.")
        write_rules(self.state_dir, self._rules())
        watch = [str(Path(path).absolute()) for path in p["watch"]]
        if start_flow(self.state_dir, {**p, "state_dir": str(self.state_dir.absolute()), "watch": watch}) is None:
            trouble = (
                "The flow of another run is still at work, so that nothing is published before the end of this one."
            )
            if p["follow"]:
                raise Refused(f"{trouble} End that process, then start this run again.")
            self.warnings.append(trouble)
            return {"changed": False}
        return {"changed": False, "log": str(log_file(self.state_dir))}

    def _rules(self) -> RunRules:
        p = self.options
        end_at, why = None, ""
        if p["minutes"] > 0:
            seconds = p["minutes"] * 60
            end_at = began(p["run"]) + seconds - min(seconds * SHARE_TO_PUBLISH, LONGEST_TO_PUBLISH)
            why = f"It was given {human_duration(seconds)} (controller_run_minutes)."
        return RunRules(p["run"], follow=p["follow"], min_free=p["min_free"], end_at=end_at, why=why)

    def _stop(self) -> Result:
        run = run_at_work(self.state_dir) or ""
        if not stop_flow(self.state_dir) and read_rules(self.state_dir, run).follow:
            self.warnings.append(
                f"The process that follows upstream ended before its run did; {log_file(self.state_dir)} says more."
            )
        return {"changed": False}

    def _end(self) -> Result:
        run = run_at_work(self.state_dir)
        if run is None:
            return {"changed": False, "run": "", "msg": "No run of build.yml is at work here."}
        now = time.time()
        changed = not read_rules(self.state_dir, run).is_over(now)
        if changed and not self.check_mode:
            end_run(self.state_dir, run, now, f"{login_name()} told it to (playbooks/end.yml).")
        return {"changed": changed, "run": run}
