"""The work of M(wheelfleet_status): it writes status and metrics to a web node, over the open connection."""

from __future__ import annotations

import shlex
import signal
import time
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.utils.display import Display
from wheelfleet.engine.host_status import read_statuses, status_folder
from wheelfleet.engine.metrics import MetricsText
from wheelfleet.engine.status import (
    all_final,
    as_bytes,
    is_worth_writing,
    read_catalog,
    status_document,
)
from wheelfleet.site.layout import METRICS, STATUS
from wheelfleet_ansible.controller_action import Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction, Pauses

#: Seconds between two readings of the hosts' status: short, because the end of the run waits for the last one.
LOOK = 0.3
#: The longest pause after the node did not answer, in seconds.
LONGEST_PAUSE = 60.0

display = Display()


class ActionModule(NodeAction):
    """Keep status and metrics on the node up to date until the builders are done."""

    OPTIONS = documented_options("wheelfleet_status")

    def work(self) -> Result:
        """Write the hosts' status until all builders are done."""
        self.written = 0
        self.interrupted = False
        root = Path(self.options["root"])
        served_here = self._connection.transport == "local" and (
            not root.exists() or root.resolve() == Path(self.options["site_dir"]).resolve()
        )
        if not (self.check_mode or served_here):
            # An interrupted run must show on the node; Ansible would end this process at once.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._be_interrupted)
            self._watch()
        return {"changed": False, "written": self.written}

    def _watch(self) -> None:
        run, interval = self.options["run"], self.options["interval"]
        pauses, metrics = Pauses(interval * 2, LONGEST_PAUSE), MetricsText()
        before, due = None, 0.0
        started = time.time()
        while True:
            gone = self.interrupted or not self.run_lives()
            statuses = read_statuses(status_folder(self.state_dir), run)
            silent = time.time() - max([started, *(status.at for status in statuses)]) > self.options["silence"]
            ended = gone or silent or all_final(statuses, self.options["hosts"])
            if ended or time.monotonic() >= due:
                now = time.time()
                lately = read_catalog(self.catalog_path, run, now)
                document = status_document(statuses, run=run, now=now, ended=ended, lately=lately)
                pause = interval
                if is_worth_writing(document, before):
                    if self._write(STATUS, as_bytes(document)):
                        self.written += 1
                        before = document
                        pauses.start_again()
                    else:
                        pause = pauses.next()
                # It is written less often, and a node that does not answer now is spared it.
                if before is document and (text := metrics.if_due(self.state_dir, document, always=ended)):
                    self._write(METRICS, text)
                due = time.monotonic() + pause
            if gone:
                self.leave()
            if ended:
                return
            time.sleep(LOOK)

    def _be_interrupted(self, number: int, frame: object) -> None:
        self.interrupted = True

    def _write(self, name: str, data: bytes) -> bool:
        """Whether the node has it now. One that has no folder yet has no site to show it on either."""
        new = f".{name}.new"
        command = (
            f"cd {shlex.quote(self.options['root'])} && umask 022 && cat >{new} && "
            # A lost connection looks like the end of the file.
            f'test "$(wc -c <{new})" -eq {len(data)} && mv {new} {name}'
        )
        try:
            answer = self._low_level_execute_command(command, in_data=data, sudoable=False)
        except AnsibleConnectionFailure as error:
            display.vv(f"{self.host}: {name} waits for the link ({error})")
            self.reset_link()
            return False
        if answer["rc"] != 0:
            display.vv(f"{self.host}: {name} cannot be written: {answer['stderr'].strip()}")
            return False
        return True
