"""The work of M(wheelfleet_status): it brings a web node each publication, the status and the metrics, over the open
connection."""

from __future__ import annotations

import shlex
import signal
import time
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure
from ansible.utils.display import Display
from wheelfleet.engine.flow import flow_lives
from wheelfleet.engine.host_status import read_statuses, status_folder
from wheelfleet.engine.metrics import MetricsText
from wheelfleet.engine.status import (
    StatusDocument,
    all_final,
    as_bytes,
    is_worth_writing,
    read_catalog,
    status_document,
)
from wheelfleet.engine.survey import WebNodeTrouble
from wheelfleet.site.journal import Journal
from wheelfleet.site.layout import METRICS, STATUS
from wheelfleet.site.mirror import Abandoned, MirrorError, NodeLost, bring_up_to_date
from wheelfleet.site.mirror_schedule import MirrorSchedule
from wheelfleet_ansible.controller_action import Refused, Result
from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.node_action import NodeAction, Pauses
from wheelfleet_ansible.web_node import ConnectedNode, is_served_here

#: Seconds between two readings of the hosts' status: short, because the end of the run waits for the last one.
LOOK = 0.3
#: The longest pause after the node did not answer, in seconds.
LONGEST_PAUSE = 60.0

display = Display()


class ActionModule(NodeAction):
    """Keep site, status and metrics on the node up to date until the builders are done."""

    OPTIONS = documented_options("wheelfleet_status")

    def work(self) -> Result:
        """Bring the node publications and the hosts' status until all builders are done."""
        self.written = self.publications = 0
        self.interrupted = False
        site = Path(self.options["site_dir"])
        if not (self.check_mode or is_served_here(self, self.options["root"], site)):
            # An interrupted run must show on the node; Ansible would end this process at once.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._be_interrupted)
            self._watch(site)
        return {"changed": False, "written": self.written, "publications": self.publications}

    def _watch(self, site: Path) -> None:
        self.started = time.time()
        self.ended = self.gone = False
        self.shown: StatusDocument | None = None
        self.status_due, self.status_pauses, self.metrics = 0.0, self._pauses(), MetricsText()
        node, journal, warned = self._node(), Journal(site), ""
        told = WebNodeTrouble(self.catalog_path, self.host)
        schedule, pauses = MirrorSchedule(self.options["publish_interval"]), self._pauses()
        while self._show_status():
            began = time.monotonic()
            if node and schedule.is_due(journal.position(), began):
                try:
                    mirrored = bring_up_to_date(site, node, go_on=self._show_status)
                except Abandoned:
                    # The mirror at the end of the run carries on from there.
                    continue
                except (NodeLost, MirrorError) as error:
                    schedule.failed(time.monotonic(), pauses.next())
                    told.failed(str(error), time.monotonic(), at_once=isinstance(error, MirrorError))
                    if isinstance(error, NodeLost):
                        display.vv(f"{self.host}: the publication waits for the link ({error})")
                        self.reset_link()
                    elif str(error) != warned and not self.interrupted:
                        warned = str(error)
                        display.warning(f"{self.host} gets no publication until this is mended: {warned}")
                else:
                    schedule.done(mirrored.position, began, time.monotonic())
                    told.has_the_site()
                    pauses.start_again()
                    self.publications += mirrored.compared != "nothing"
            time.sleep(LOOK)
        if self.gone:
            self.leave()

    def _pauses(self) -> Pauses:
        return Pauses(self.options["interval"] * 2, LONGEST_PAUSE)

    def _node(self) -> ConnectedNode | None:
        """The node for rsync; None for a connection that rsync cannot use, which the mirror at the end reports."""
        try:
            return ConnectedNode(self, self.options["root"].rstrip("/"))
        except Refused:
            return None

    def _show_status(self) -> bool:
        """Write status and metrics if they are due; returns whether the builders are still at work."""
        if self.ended:
            return False
        run = self.options["run"]
        self.gone = self.interrupted or not self.run_lives()
        statuses = read_statuses(status_folder(self.state_dir), run)
        silent = time.time() - max([self.started, *(status.at for status in statuses)]) > self.options["silence"]
        silent = silent and not flow_lives(self.state_dir)
        self.ended = self.gone or silent or all_final(statuses, self.options["hosts"])
        if self.ended or time.monotonic() >= self.status_due:
            now = time.time()
            lately = read_catalog(self.catalog_path, run, now)
            document = status_document(statuses, run=run, now=now, ended=self.ended, lately=lately)
            pause = self.options["interval"]
            if is_worth_writing(document, self.shown):
                if self._write(STATUS, as_bytes(document)):
                    self.written += 1
                    self.shown = document
                    self.status_pauses.start_again()
                else:
                    pause = self.status_pauses.next()
            # It is written less often, and a node that does not answer now is spared it.
            text = self.metrics.if_due(self.state_dir, document, always=self.ended) if self.shown is document else None
            if text:
                self._write(METRICS, text)
            self.status_due = time.monotonic() + pause
        return not self.ended

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
