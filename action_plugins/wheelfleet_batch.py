"""The controller's half of M(wheelfleet_batch): one call is one batch on its one host.

Here are the connection and its faults; what to do is thought out in module_utils/wheelfleet/engine/session.py.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import multiprocessing
import os
import random
import shlex
import time
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from wheelfleet.admission.result import LARGEST_RESULT_BYTES
from wheelfleet.admission.wheel_archive import Limits
from wheelfleet.catalog.database import Catalog, CatalogError
from wheelfleet.engine.batch_options import BATCH_OPTIONS, BatchOptions
from wheelfleet.engine.lock import parent_is_alive
from wheelfleet.engine.poll import PollError, parse_snapshot, poll_command, withdraw_command
from wheelfleet.engine.rebuild_session import RebuildSession
from wheelfleet.engine.session import BuilderSession, LinkLost
from wheelfleet.engine.stdout import is_taken
from wheelfleet.text import printable

#: Bytes that one command brings from the builder; memory holds a few times as much.
CHUNK = 8 << 20

display = Display()


class ControllerGone(Exception):
    """The process that forked this one was killed: leave without a word, the next run adopts what is under way."""


class ActionModule(ActionBase):
    """The link to one builder: each step is repeated over a reset connection while patience lasts."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        """Do one batch; `drained` in the result ends the loop around this task."""
        super().run(tmp, task_vars)
        _, self.options = self.validate_argument_spec(BATCH_OPTIONS)
        self.host = task_vars["inventory_hostname"]
        self.home = str(self.options["home"])
        self.parent = multiprocessing.parent_process()
        self.task_vars = task_vars
        if self._task.check_mode:
            # What would be built is what the plan said; nothing of it is in the catalog yet.
            return {"changed": False, "drained": True}
        keys = ("run", "hosts", "own_index_url", "pip_options", "limits", "environment", "tries", "min_free")
        keys += ("crates_index",)
        keys += ("witness_percent",)
        keys += ("sandbox", "repair", "repair_exclude", "check_imports")
        terms = BatchOptions(state_dir=Path(self.options["state_dir"]), **{key: self.options[key] for key in keys})
        try:
            with Catalog(terms.state_dir / "catalog.sqlite") as catalog:
                kind = RebuildSession if terms.witness_percent > 0 else BuilderSession
                self.shift = kind(catalog, self, self.host, terms, self._say)
                return self.shift.work()
        except CatalogError as error:
            return {"failed": True, "drained": True, "msg": str(error)}
        except OSError as error:
            return {
                "failed": True,
                "drained": True,
                "msg": f"The controller cannot keep results in {terms.state_dir} ({error}); see to it, then run "
                "build.yml again: what the builders finished waits there.",
            }
        except ControllerGone:
            os._exit(0)

    # ------------------------------------------------------------------- link

    def poll(self, acknowledged):
        """Poll the builder once over the open link."""
        return self._with_patience(
            lambda: parse_snapshot(self._shell(poll_command(self.home, acknowledged)).splitlines())
        )

    def withdraw(self, attempts):
        """Take assignments out of the inbox; returns those that were still there."""
        if not attempts:
            return []
        answer = self._with_patience(lambda: self._shell(withdraw_command(self.home, attempts)))
        return [attempt for attempt in answer.split() if attempt in attempts]

    def hand_over(self, assignments):
        """Run the module on the builder: work into the inbox, the worker started."""
        self._with_patience(lambda: self._visit(assignments))

    def fetch(self, attempt, files, staging):
        """Copy a result's files; what is too large stays away and is missed by the admission.

        They are read as the user who builds and not by sftp: a link that a build put there would be followed with the
        rights of whoever logs in.
        """
        log = int(self.options["limits"].get("log", 0)) + (1 << 20)
        limits = {"result.json": LARGEST_RESULT_BYTES, "log.gz": log}
        for name, size in sorted(files.items()):
            if size > limits.get(name, Limits.size):
                continue
            path = f"{self.home}/outbox/{attempt}/{name}"
            with (staging / name).open("wb") as copy:
                for offset in range(0, size, CHUNK):
                    length = min(CHUNK, size - offset)
                    copy.write(self._with_patience(lambda p=path, o=offset, n=length: self._read(p, o, n)))

    def _visit(self, assignments):
        """Hand over by way of the cache while it answers the builder, which then is given no credentials."""
        if self.options["cache_url"]:
            answer = self._run_module(visit=assignments, credentials="")
            trouble = answer.get("cache_trouble")
            if trouble is None:
                for host in answer.get("past_the_cache", []):
                    self.shift.fetches_itself(
                        f"The cache does not fetch from {printable(str(host))[:100]}, so it goes there itself; "
                        "run playbooks/provision.yml for the web node."
                    )
                return
            self.shift.fetches_itself(f"It goes to upstream itself. {printable(str(trouble))[:500]}")
        self._run_module(visit=assignments, cache_url="")

    def _run_module(self, **arguments):
        answer = self._execute_module(
            module_name="wheelfleet_batch",
            module_args={**self._task.args, **arguments},
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

    def _read(self, path, offset, length):
        """Bytes of a file. In base64, for a connection may give its commands a terminal, which changes line ends."""
        text = self._shell(f"tail -c +{offset + 1} {shlex.quote(path)} | head -c {length} | base64")
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except binascii.Error as error:
            raise AnsibleConnectionFailure(f"{path} arrived garbled ({error})") from error
        # A link that breaks off may leave a part and say nothing; a part must not be judged as the whole.
        if len(data) != length:
            raise AnsibleConnectionFailure(f"{path} arrived with {len(data)} of {length} bytes")
        return data

    def _shell(self, command):
        answer = self._low_level_execute_command(command, sudoable=True)
        if answer.get("rc") != 0:
            raise AnsibleConnectionFailure(answer.get("stderr") or answer.get("stdout") or f"{self.home} is not there")
        return answer["stdout"]

    def _with_patience(self, step):
        """Do a step again over a reset link until it works or patience ends. Every step can be repeated."""
        began = time.monotonic()
        wait = 1.0
        while True:
            self._check_parent()
            try:
                return step()
            except (AnsibleConnectionFailure, PollError) as error:
                silent = time.monotonic() - began
                if silent > self.options["patience"]:
                    raise LinkLost(f"It does not answer ({error}); its work goes to the others.") from error
                display.vv(f"{self.host}: link lost ({error}), trying again in {wait:.0f} s")
                self.shift.silent(silent)
                time.sleep(wait * random.uniform(0.7, 1.3))
                wait = min(wait * 2, 30.0)
                with contextlib.suppress(AnsibleError, AttributeError):
                    self._connection.reset()

    def _check_parent(self):
        if self.parent is not None and not parent_is_alive(self.parent.pid):
            raise ControllerGone

    def _say(self, text):
        # Where there is a live view, what begins is on the screen.
        if not (text.startswith("builds ") and os.environ.get("WHEELFLEET_LIVE")):
            display.display(f"{time.strftime('%H:%M:%S')} {self.host} {text}", stderr=is_taken())
