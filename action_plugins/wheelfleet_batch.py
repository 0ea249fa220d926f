"""The controller's half of M(wheelfleet_batch): one call is one batch on its one host."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import re
import shlex
import shutil
import time
from pathlib import Path

import ansible.module_utils
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

# Controller-side plugins do not get the configured module_utils by themselves; modules do.
ansible.module_utils.__path__.append(str(Path(__file__).resolve().parents[1] / "module_utils"))

from ansible.module_utils.wheelfleet.admit.admit import Admitted, Places, admit
from ansible.module_utils.wheelfleet.admit.archive import Limits
from ansible.module_utils.wheelfleet.admit.result import LARGEST_RESULT_BYTES
from ansible.module_utils.wheelfleet.catalog.database import Catalog, CatalogError
from ansible.module_utils.wheelfleet.plan import queue
from ansible.module_utils.wheelfleet.publish.filters import human_duration
from ansible.module_utils.wheelfleet.run.batch_options import BATCH_OPTIONS
from ansible.module_utils.wheelfleet.run.board import Building, HostBoard, post
from ansible.module_utils.wheelfleet.run.lock import parent_is_alive

#: Waits between two looks at a builder, in seconds: short after news, then growing.
FIRST_WAIT, LONGEST_WAIT, WAIT_GROWTH = 0.1, 2.0, 1.5
#: A worker that ended with work in its inbox is started this often before the batch goes back.
MOST_RESTARTS = 3

_RESULT_FILE = re.compile(
    r"(?P<attempt>[a-z0-9][a-z0-9.+!_-]*)/(?P<name>[A-Za-z0-9][A-Za-z0-9.+!_-]*) (?P<size>[0-9]{1,15})"
)

display = Display()


class LinkLost(Exception):
    """The builder did not answer for as long as we were told to wait."""


class ControllerGone(Exception):
    """The process that forked this one was killed: leave without a word, the next run adopts what is under way."""


class ActionModule(ActionBase):
    """Claim or adopt a batch, hand it over, fetch and admit results while it runs, acknowledge them."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Do one batch; `drained` in the result ends the loop around this task."""
        super().run(tmp, task_vars)
        _, self.options = self.validate_argument_spec(BATCH_OPTIONS)
        self.host = task_vars["inventory_hostname"]
        self.state_dir = Path(self.options["state_dir"])
        self.places = Places(self.state_dir / "files", self.state_dir / "logs")
        self.parent = multiprocessing.parent_process()
        self.task_vars = task_vars
        self.restarts = 0
        self.announced: dict[str, float] = {}
        self.received: list[Admitted] = []
        self.to_acknowledge: list[str] = []
        if self._task.check_mode:
            # What would be built is what the plan said; nothing of it is in the catalog yet.
            return {"changed": False, "drained": True}
        try:
            with Catalog(self.state_dir / "catalog.sqlite") as self.catalog:
                return self._do_batch()
        except CatalogError as error:
            return {"failed": True, "msg": str(error)}
        except OSError as error:
            return {
                "failed": True,
                "msg": f"The controller cannot keep results in {self.state_dir} ({error}); see to it, then run "
                "build.yml again: what the builders finished waits there.",
            }
        except ControllerGone:
            os._exit(0)

    # ------------------------------------------------------------------ steps

    def _do_batch(self):
        built, failed = queue.done_by(self.catalog, self.options["run"], self.host)
        self.board = HostBoard(self.host, self.options["run"], state="visiting", built=built, failed=failed)
        try:
            # The link first: a dead host must not claim the batch it just gave back.
            self._take_in(self._look())
            batch = self._claim()
            if batch is None:
                self._show("idle")
                return self._report(drained=True)
            self._hand_over(batch)
            self._see_through(batch)
        except LinkLost as error:
            self._show("unreachable")
            for held in self.catalog.db.execute(
                "SELECT id FROM batch WHERE host = ? AND state = 'open'", (self.host,)
            ).fetchall():
                queue.close_batch(self.catalog, held["id"], self.options["tries"])
            return {**self._report(drained=True), "unreachable": True, "msg": str(error)}
        return self._report(drained=False)

    def _claim(self):
        """The next batch; waits while other hosts hold work that may come back."""
        while True:
            self._check_parent()
            now = time.time()
            queue.release_expired(self.catalog, now, self.options["tries"])
            batch = queue.claim(
                self.catalog, host=self.host, run=self.options["run"], hosts=self.options["hosts"], now=now
            )
            if batch is not None or queue.progress(self.catalog, self.options["run"]).held == 0:
                return batch
            self._show("waiting")
            time.sleep(LONGEST_WAIT)

    def _hand_over(self, batch):
        assignments = [self._assignment(a) for a in batch.assignments]
        self.known = {a.attempt: a for a in batch.assignments}
        self._with_patience(lambda: self._visit(assignments))
        self._look_ahead()
        self._show("building")

    def _see_through(self, batch):
        """Look until every build of the batch has a result, fetching each as it comes."""
        wait = FIRST_WAIT
        while True:
            look = self._look()
            news = self._take_in(look)
            if not self._open_attempts(batch):
                break
            if not queue.renew(self.catalog, batch.id, time.time()):
                return  # given away while this host was silent; its late results are still welcome
            if look["worker"]:
                self.restarts = 0 if news else self.restarts
            elif not news:
                self._restart(batch)
            self._announce(look)
            wait = FIRST_WAIT if news else min(wait * WAIT_GROWTH, LONGEST_WAIT)
            time.sleep(wait)
        if self.to_acknowledge:
            self._look()
        queue.close_batch(self.catalog, batch.id, self.options["tries"])

    def _restart(self, batch):
        """The worker is gone and results are missing: killed, or the host was started anew."""
        self.restarts += 1
        if self.restarts > MOST_RESTARTS:
            raise LinkLost(
                f"The worker on {self.host} ends without results; see worker.log in {self.options['home']} there."
            )
        open_attempts = self._open_attempts(batch)
        self._with_patience(
            lambda: self._visit([self._assignment(a) for a in batch.assignments if a.attempt in open_attempts])
        )

    def _open_attempts(self, batch):
        return {
            row["id"]
            for row in self.catalog.db.execute(
                "SELECT id FROM attempt WHERE batch_id = ? AND state = 'open'", (batch.id,)
            )
        }

    # ---------------------------------------------------------------- builder

    def _visit(self, assignments):
        """Run the module on the builder: work into the inbox, the worker started."""
        answer = self._execute_module(
            module_name="wheelfleet_batch",
            module_args={**self._task.args, "visit": assignments},
            task_vars=self.task_vars,
        )
        if answer.get("unreachable"):
            raise AnsibleConnectionFailure(answer.get("msg", "unreachable"))
        if answer.get("failed"):
            # A module cut off by the link comes back as unparsable, which is not its own failure.
            if "module_stdout" in answer:
                raise AnsibleConnectionFailure(answer.get("module_stderr") or "the module's answer broke off")
            raise AnsibleError(answer.get("msg", "the visit failed"))
        return answer

    def _look(self):
        """One cheap look over the open link: results, the worker's status; acknowledged results go on the way."""
        self._check_parent()
        return self._with_patience(self._look_once)

    def _look_once(self):
        home = shlex.quote(str(self.options["home"]))
        # What acknowledge and worker_lives of build/inbox.py do, in shell: on a Pi 5 ms, with Python 50 times that.
        # Hidden by a rename first: a half-removed result must not look like one.
        forget = "".join(
            f"mv outbox/{a} outbox/.{a} 2>/dev/null; rm -rf outbox/.{a}; "
            for a in map(shlex.quote, self.to_acknowledge)
        )
        answer = self._low_level_execute_command(
            f"cd {home} && {{ {forget}"
            "if [ -e worker.lock ] && ! flock -n -s worker.lock true; then echo alive; else echo ended; fi; "
            "head -c 100000 status.json 2>/dev/null | tr -d '\\n'; echo; "
            "find outbox -mindepth 2 -maxdepth 2 -type f ! -path '*/.*' -printf '%P %s\\n'; echo end; }",
            sudoable=True,
        )
        lines = answer.get("stdout_lines") or []
        if answer.get("rc") != 0 or len(lines) < 3 or lines[-1] != "end":
            raise AnsibleConnectionFailure(answer.get("stderr") or f"{self.options['home']} is not there")
        self.to_acknowledge = []
        outbox = {}
        for line in lines[2:-1]:
            # Builds could put anything there; what is not named like a result is none.
            if found := _RESULT_FILE.fullmatch(line):
                outbox.setdefault(found["attempt"], {})[found["name"]] = int(found["size"])
        building = {}
        with contextlib.suppress(ValueError, TypeError, KeyError):
            building = {str(b["attempt"]): float(b["seconds"]) for b in json.loads(lines[1])["building"]}
        return {"worker": lines[0] == "alive", "building": building, "outbox": outbox}

    def _take_in(self, look):
        """Fetch, admit and acknowledge every result that lies in the outbox; returns how many."""
        for attempt, files in look["outbox"].items():
            self._check_parent()
            staging = self.state_dir / "incoming" / f"{re.sub(r'[^A-Za-z0-9.-]', '_', self.host)}-{attempt}"
            try:
                self._fetch(attempt, files, staging)
                admitted = admit(
                    self.catalog,
                    self.places,
                    staging,
                    attempt,
                    host=self.host,
                    now=time.time(),
                    tries=self.options["tries"],
                )
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            self.to_acknowledge.append(attempt)
            self._tell(admitted)
        return len(look["outbox"])

    def _fetch(self, attempt, files, staging):
        """Copy a result's files; what is too large stays away and is missed by the admission."""
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        limits = {"result.json": LARGEST_RESULT_BYTES, "log.gz": int(self.options["limits"].get("log", 0)) + (1 << 20)}
        for name, size in sorted(files.items()):
            if size > limits.get(name, Limits.size):
                continue
            source = self._connection._shell.join_path(str(self.options["home"]), "outbox", attempt, name)
            self._with_patience(lambda s=source, n=name, size=size: self._fetch_file(s, staging / n, size))

    def _fetch_file(self, source, destination, size):
        try:
            self._connection.fetch_file(source, str(destination))
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            # sftp's own errors come as plain ones.
            raise AnsibleConnectionFailure(str(error)) from error
        # A link that breaks off may leave a part and say nothing; a part must not be judged as the whole.
        if destination.stat().st_size != size:
            raise AnsibleConnectionFailure(f"{source} arrived with {destination.stat().st_size} of {size} bytes")

    def _with_patience(self, step):
        """Do a step again over a reset link until it works or patience ends. Every step can be repeated."""
        give_up = time.monotonic() + self.options["patience"]
        wait = 1.0
        while True:
            self._check_parent()
            try:
                return step()
            except AnsibleConnectionFailure as error:
                if time.monotonic() > give_up:
                    raise LinkLost(f"{self.host} does not answer ({error}); its work goes to the others.") from error
                display.vv(f"{self.host}: link lost ({error}), trying again in {wait:.0f} s")
                time.sleep(wait * random.uniform(0.7, 1.3))
                wait = min(wait * 2, 30.0)
                with contextlib.suppress(AnsibleError, AttributeError):
                    self._connection.reset()

    # ------------------------------------------------------------------- data

    def _assignment(self, a):
        return {
            "schema": 1,
            "attempt": a.attempt,
            "order": a.order,
            "name": a.name,
            "version": a.version,
            "sdist": {
                "filename": a.sdist_filename,
                "url": a.sdist_url,
                "sha256": a.sdist_sha256,
                "size": a.sdist_size,
                "upload_time": a.sdist_upload_time,
            },
            "target": a.target,
            "tools": a.tools,
            "own_index_url": self.options["own_index_url"],
            "pip_options": self.options["pip_options"],
            "limits": self.options["limits"],
            "environment": {key: str(value) for key, value in self.options["environment"].items()},
            "jobs": 0,
        }

    def _check_parent(self):
        if self.parent is not None and not parent_is_alive(self.parent.pid):
            raise ControllerGone

    # ------------------------------------------------------------------- talk

    def _announce(self, look):
        """Say which builds began, and keep the board true."""
        building = look["building"]
        for attempt, seconds in building.items():
            a = self.known.get(attempt)
            if a and attempt not in self.announced:
                self.announced[attempt] = time.time() - seconds
                if not os.environ.get("WHEELFLEET_LIVE"):
                    self._say(f"builds {a.name} {a.version} for {a.target}")
        self.board.building = [
            Building(self.known[x].name, self.known[x].version, self.known[x].target, self.announced[x])
            for x in building
            if x in self.announced
        ]
        self._show("building")

    def _tell(self, admitted):
        if admitted.outcome == "dropped":
            display.vv(f"{self.host}: result {admitted.attempt} dropped: {admitted.sentence}")
            return
        self.received.append(admitted)
        if admitted.outcome == "built":
            self.board.built += 1
            what = f"built {admitted.wheel}"
        else:
            self.board.failed += 1
            what = f"failed {admitted.name} {admitted.version} ({admitted.failure_class}: {admitted.sentence})"
        self._look_ahead()
        self._say(f"{what} in {human_duration(admitted.seconds)}; {self._outlook()}")

    def _look_ahead(self):
        """How much the whole fleet has still to do, for everybody who shows it."""
        progress = queue.progress(self.catalog, self.options["run"])
        self.board.left, self.board.seconds_left = progress.left, progress.seconds_left

    def _outlook(self):
        if not self.board.left:
            return "nothing left"
        seconds = self.board.seconds_left / max(self.options["hosts"], 1)
        return f"{self.board.left} left, about {human_duration(seconds)}"

    def _say(self, text):
        display.display(f"{time.strftime('%H:%M:%S')} {self.host} {text}")

    def _show(self, state):
        self.board.state = state
        post(self.state_dir / "run" / "board", self.board)

    def _report(self, drained):
        built = [a.wheel for a in self.received if a.outcome == "built"]
        failed = [
            {"name": a.name, "version": a.version, "target": a.target, "class": a.failure_class, "sentence": a.sentence}
            for a in self.received
            if a.outcome != "built"
        ]
        return {"changed": bool(self.received), "drained": drained, "built": built, "failures": failed}
