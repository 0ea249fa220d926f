"""The controller's half of M(wheelfleet_status): brings the status of the run's hosts onto a web node."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shlex
import signal
import time
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from wheelfleet.engine.host_status import read_statuses, status_folder
from wheelfleet.engine.lock import parent_is_alive
from wheelfleet.engine.status import (
    STATUS_OPTIONS,
    all_final,
    as_bytes,
    ask_catalog,
    is_news,
    status_document,
)
from wheelfleet.site.layout import STATUS

#: Seconds between two readings of the hosts' status: the run must not wait for its view at the end.
LOOK = 0.3
#: The longest pause, in seconds, after the node did not answer.
LONGEST_PAUSE = 60.0

display = Display()


class ActionModule(ActionBase):
    """Keep the status file on the node true until the builders are done."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Watch the hosts' status; returns when there is nothing more to show."""
        super().run(tmp, task_vars)
        _, self.options = self.validate_argument_spec(STATUS_OPTIONS)
        self.state_dir = Path(self.options["state_dir"])
        self.host = task_vars["inventory_hostname"]
        self.parent = multiprocessing.parent_process()
        self.written = 0
        self.interrupted = False
        root = Path(self.options["root"])
        served_here = self._connection.transport == "local" and (
            not root.exists() or root.resolve() == Path(self.options["site_dir"]).resolve()
        )
        if not (self._task.check_mode or served_here):
            # A run that is interrupted has the node say so; Ansible would end this process without a word.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._be_interrupted)
            self._watch()
        return {"changed": False, "written": self.written}

    def _watch(self):
        before, due, pause = None, 0.0, self.options["interval"]
        started = time.time()
        while True:
            gone = self.interrupted or (self.parent is not None and not parent_is_alive(self.parent.pid))
            statuses = read_statuses(status_folder(self.state_dir), self.options["run"])
            silent = time.time() - max([started, *(status.at for status in statuses)]) > self.options["silence"]
            ended = gone or silent or all_final(statuses, self.options["hosts"])
            if ended or time.monotonic() >= due:
                now = time.time()
                lately = ask_catalog(self.state_dir / "catalog.sqlite", self.options["run"], now)
                document = status_document(statuses, run=self.options["run"], now=now, ended=ended, lately=lately)
                if is_news(document, before):
                    if self._write(document):
                        before, pause = document, self.options["interval"]
                    else:
                        pause = min(pause * 2, LONGEST_PAUSE)
                due = time.monotonic() + pause
            if gone:
                os._exit(0)
            if ended:
                return
            time.sleep(LOOK)

    def _be_interrupted(self, number, frame):
        self.interrupted = True

    def _write(self, document):
        """Whether the node has it now. One that has no folder yet has no site to show it on either."""
        data = as_bytes(document)
        new = f".{STATUS}.new"
        command = (
            f"cd {shlex.quote(self.options['root'])} && umask 022 && cat >{new} && "
            # A link that breaks off looks like the end of the file.
            f'test "$(wc -c <{new})" -eq {len(data)} && mv {new} {STATUS}'
        )
        try:
            answer = self._low_level_execute_command(command, in_data=data, sudoable=False)
        except AnsibleConnectionFailure as error:
            display.vv(f"{self.host}: the status file waits for the link ({error})")
            with contextlib.suppress(AnsibleError, AttributeError):
                self._connection.reset()
            return False
        if answer["rc"] != 0:
            display.vv(f"{self.host}: the status file cannot be written: {answer['stderr'].strip()}")
            return False
        self.written += 1
        return True
