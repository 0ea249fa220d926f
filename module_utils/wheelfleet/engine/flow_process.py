"""The process of a run's flow: `python -m wheelfleet.engine.flow_process LOCK`, its configuration as JSON on stdin.

M(wheelfleet_flow) starts and stops it. It has nothing of Ansible, so it is small, and no kill of it harms the run. What
it prints is read by the terminal's view, line by line.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any, NoReturn

from ..catalog import events
from ..catalog.database import Catalog, CatalogError
from ..planner import batches, missing_packages
from ..planner.delta import Options
from ..planner.queue import progress
from ..planner.requeue import CONTROLLER as EVENTS_OF_CONTROLLER
from ..planner.scope import BadScope
from ..processes import die_with_parent
from ..site.publication import overviews_are_stale
from ..site.renderer import PublishError
from ..upstream.client import UpstreamUnreachable
from ..watchdog import note_progress
from . import run_rules
from .context import Clock
from .flow import Flow, FlowOptions, Step, StepEnd
from .host_status import CONTROLLER, HostState, HostStatus, post_status, status_folder
from .lock import run_at_work
from .notices import notify_due
from .plan_again import NothingPlanned, plan_again, unresolved, upstream_of
from .publish import publish
from .run_rules import RunRules, read_rules
from .survey import upstream_is_asked

#: Bytes from which on a file of the operator is compared by size and time of change only.
LARGE_FILE = 1 << 20
#: Exceptions of a step whose message is a sentence for the operator.
REFUSALS = (CatalogError, PublishError, UpstreamUnreachable, NothingPlanned, BadScope)
#: Names of steps in sentences.
NAMES: Mapping[Step, str] = {"publish": "The publication", "delta": "Reading upstream"}


class ControllerWorld:
    """The World of a flow on the controller. `config` are the options of M(wheelfleet_flow)."""

    def __init__(self, config: Mapping[str, Any], lock: int) -> None:
        self._config = config
        self._lock = lock
        self._run = str(config["run"])
        self._state_dir = Path(config["state_dir"])
        self._steps: dict[Step, tuple[ForkProcess, Connection]] = {}

    def run_lives(self) -> bool:
        """Whether the run, an ansible-playbook, is alive."""
        return run_at_work(self._state_dir) == self._run

    def rules(self) -> RunRules:
        """The rules of the run now."""
        return read_rules(self._state_dir, self._run)

    def waiting(self, most: int) -> int:
        """The number of projects and lists that a publication would change, counted up to `most`."""
        with self._catalog() as catalog:
            count = 0
            for query in ("SELECT 1 FROM project WHERE pages_stale", "SELECT 1 FROM dirty_page"):
                if count < most:
                    (found,) = catalog.db.execute(f"SELECT count(*) FROM ({query} LIMIT ?)", (most - count,)).fetchone()
                    count += found
        return count

    def overviews_wait(self) -> bool:
        """Whether pages about many projects are no longer true: an order was given, a builder was forgotten."""
        with self._catalog() as catalog:
            return overviews_are_stale(catalog, Path(self._config["site"]["site_dir"]))

    def begin(self, step: Step) -> None:
        """Begin a step in a child, whose memory goes with it."""
        receiver, sender = multiprocessing.Pipe(duplex=False)
        work: Callable[[], dict[str, Any]] = self._publish if step == "publish" else self._ask_upstream
        context = multiprocessing.get_context("fork")
        child = context.Process(target=_do_step, args=(work, sender, os.getpid(), self._lock), name=step)
        child.start()
        sender.close()
        self._steps[step] = child, receiver

    def ended(self) -> list[StepEnd]:
        """The steps that have ended since the last call."""
        ends = []
        for step, (child, receiver) in list(self._steps.items()):
            if child.is_alive():
                continue
            answer: dict[str, Any] = {}
            with suppress(EOFError, OSError):
                answer = receiver.recv() if receiver.poll() else {}
            trouble = answer.pop("trouble", "")
            if child.exitcode and not trouble:
                trouble = f"{NAMES[step]} was ended by force, perhaps for want of memory; it is tried again."
            self._forget(step)
            note_progress()
            ends.append(StepEnd(step, answer, trouble))
        return ends

    def stop(self, step: Step) -> None:
        """End a step at once."""
        self._steps[step][0].kill()
        self._forget(step)

    def inputs(self) -> str:
        """A digest of the operator's files: inventory, recipes, requirements files."""
        return digest_of_files([Path(path) for path in self._config["watch"]])

    def packages_wait(self) -> bool:
        """Whether packages that builds miss can be installed, or looked up for that, between two runs."""
        config = self._config
        with self._catalog() as catalog:
            return missing_packages.may_help(
                catalog.db, time.time(), config["lookup_hosts"], config["permissions"], config["budgets"]
            )

    def nothing_to_begin(self) -> bool:
        """Whether every build that is left goes on already."""
        with self._catalog() as catalog:
            return progress(catalog, self._run).left <= batches.going_on(catalog)

    def leave_for_packages(self) -> None:
        """Have builders' sessions end, so that the play that installs packages begins. Builds go on."""
        run_rules.set_packages_due(self._state_dir, self._run, True)

    def end_run(self, why: str) -> None:
        """Have the run end now."""
        run_rules.end_run(self._state_dir, self._run, time.time(), why)

    def say(self, line: str) -> None:
        """Print a line for the operator. A full disk must not end the flow."""
        with suppress(OSError):
            print(f"{time.strftime('%H:%M:%S')} controller {line}", flush=True)

    def note(self, sentence: str) -> None:
        """Record an event of the controller, and print it if it is new in this run, or cannot be recorded."""
        new = True
        with suppress(CatalogError, sqlite3.Error), self._catalog() as catalog, catalog.writing() as db:
            new = events.note(db, run=self._run, host=EVENTS_OF_CONTROLLER, sentence=sentence, now=time.time())
        if new:
            self.say(sentence)

    def show(self, note: str) -> None:
        """Show in the status what the flow does."""
        status = HostStatus(CONTROLLER, self._run, HostState.READING if note else HostState.IDLE, note=note)
        post_status(status_folder(self._state_dir), status)
        note_progress()

    def tell_operators(self) -> None:
        """Have operators told of new troubles; a process of its own does."""
        notify_due(self._state_dir, self._run)

    def _forget(self, step: Step) -> None:
        child, receiver = self._steps.pop(step)
        child.join()
        child.close()
        receiver.close()

    def _catalog(self) -> Catalog:
        return Catalog(self._state_dir / "catalog.sqlite")

    # ----------------------------------------------------------- in the child

    def _publish(self) -> dict[str, Any]:
        with self._catalog() as catalog:
            published = publish(catalog, self._state_dir, self._config["site"])
        return {"projects": published.projects, "files": published.files, "left": published.left}

    def _ask_upstream(self) -> dict[str, Any]:
        options = Options(
            run=self._run,
            changelog_url=self._config["changelog_url"] or None,
            join=True,
            read_seconds=self._config["read_minutes"] * 60 or None,
            show=lambda done, total: self.show(f"read {done} of {total} projects"),
        )
        with self._catalog() as catalog, upstream_is_asked(catalog), upstream_of(self._config) as upstream:
            delta = plan_again(catalog, upstream, options)
            left = progress(catalog, self._run).left
        answer = {"changed": len(delta.changed), "left": left, "unresolved": list(unresolved(delta))}
        return {**answer, "unread": delta.unread, "asked": delta.asked, "everything": delta.everything}


def _do_step(work: Callable[[], dict[str, Any]], sender: Connection, parent: int, lock: int) -> NoReturn:
    """In the child: do the work, send its answer, and end without what a fork would clean up twice."""
    status = 1
    try:
        die_with_parent(signal.SIGKILL, parent)
        # The lock is the flow's: it must not outlive it in a child.
        os.close(lock)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        try:
            answer = work()
        except REFUSALS as error:
            answer = {"trouble": str(error)}
        except (OSError, sqlite3.Error) as error:
            answer = {"trouble": f"The controller's catalog, disk or network fails ({error}); it is tried again."}
        sender.send(answer)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def digest_of_files(paths: Sequence[Path]) -> str:
    """A digest of names and contents of these files, and of the files below these folders.

    Times of change are no part of it, because tools that manage configurations write the same bytes again. Of a
    LARGE_FILE it has the size and the time instead of the content.
    """
    found = hashlib.sha256()
    for path in paths:
        for file in [path] if path.is_file() else sorted(each for each in path.rglob("*") if _counts(each, path)):
            with suppress(OSError):
                about = file.stat()
                large = about.st_size > LARGE_FILE
                content = str(about.st_mtime_ns) if large else hashlib.sha256(file.read_bytes()).hexdigest()
                found.update(f"{file}\0{about.st_size}\0{content}\0".encode())
    return found.hexdigest()


def _counts(file: Path, folder: Path) -> bool:
    """Whether a file below a folder is the operator's: not an editor's, a version control's or Python's."""
    parts = file.relative_to(folder).parts
    return file.is_file() and not any(part.startswith((".", "__")) or part.endswith("~") for part in parts)


def main() -> None:
    """Work until the run is gone or SIGTERM asks to stop. The argument is the descriptor of the locked file."""
    config, lock = json.loads(sys.stdin.buffer.read()), int(sys.argv[1])
    os.set_inheritable(lock, False)
    # Waited for instead of handled, so that it also ends a pause.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    options = FlowOptions(
        run=config["run"],
        follow=config["follow"],
        publishes=config["publishes"],
        publish_interval=config["publish_interval"],
        follow_interval=config["follow_interval"],
        follow_seconds=config["follow_hours"] * 3600,
        unread=config["unread"] > 0,
    )

    def sleep(seconds: float) -> None:
        if signal.sigtimedwait({signal.SIGTERM}, seconds):
            flow.stop()

    flow = Flow(options, ControllerWorld(config, lock), Clock(sleep=sleep))
    flow.work()


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # Not by sys.exit, which would wait for steps that are left; they end with this process.
    os._exit(0)
