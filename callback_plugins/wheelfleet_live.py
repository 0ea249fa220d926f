"""The terminal's view of a run: who builds what while it runs, and what came of it at the end."""

from __future__ import annotations

DOCUMENTATION = r"""
name: wheelfleet_live
type: notification
short_description: Shows which builder builds what, while it does
description:
  - On a terminal, keeps a few lines below the output with every builder, what it builds and since when, what is done
    and left, and when the end is expected.
  - Prints the summary of the run at its end, with the command to install from the index, ready to paste.
  - Elsewhere a line now and then while upstream is read, and the summary; the lines on single builds come from
    M(wheelfleet_batch) itself.
  - Where the callback of standard output is no kin of Ansible's own (C(default), C(minimal), C(oneline)), such as one
    that prints a JSON document, everything is said on standard error.
  - Holds the lock that M(wheelfleet_lock) took, for as long as the process lives.
  - Says what is left when a run is ended from outside (Ctrl-C, SIGTERM), and what to do next.
  - Keeps C(status.json) on the site true while builds run, and marks builders that failed as done with.
  - Ends the run when one of its processes was killed, most likely by the kernel when memory ran out, for Ansible's
    strategy C(free) would wait for it for ever.
  - Gives C(build.yml) its exit status. 0 is done, also where a builder was off while others worked; 2 is not done; 3 is
    done, but something that was asked for could not be considered, as the summary and the report page say.
  - It is loaded with the playbooks, whatever C(callbacks_enabled) says.
"""

import atexit
import contextlib
import dataclasses
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from ansible import context
from ansible.plugins.callback import CallbackBase

# Ansible loads callbacks before it runs the first task, so that action plugins find the packages too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from wheelfleet.engine import lock
from wheelfleet.engine.ansible_workers import killed_children
from wheelfleet.engine.exit_status import exit_status, lost_builders
from wheelfleet.engine.host_status import (
    CONTROLLER,
    HostState,
    HostStatus,
    described,
    expected_end_seconds,
    post_status,
    read_statuses,
    status_folder,
)
from wheelfleet.engine.interrupted import end_status, what_is_left
from wheelfleet.engine.silence import Doing, still_at
from wheelfleet.engine.status import Lately, ask_catalog, is_news, status_document, write_status
from wheelfleet.engine.stdout import is_taken, take_stdout
from wheelfleet.planner.unconsidered import Unconsidered
from wheelfleet.text import human_duration

#: Seconds between two drawings.
REDRAW = 0.5
#: Seconds between two plain lines on reading upstream, where there is no terminal to draw on.
PLAIN_LINE = 20.0
#: Seconds without a line after which the run says what it is at.
SILENCE = 60.0
#: Seconds between two looks at what the status file should say, and at the run's processes.
WATCH = 2.0
#: More hosts than this are summed up: the block must fit a terminal.
MOST_HOSTS = 12


def _publishes():
    """Whether the run goes as far as to publish: it does but for --tags that choose other parts of it."""
    tags = set(context.CLIARGS.get("tags") or ["all"])
    return bool(tags & {"all", "tagged", "publish"})


def _is_the_builders(task):
    """Whether a task is a builder's part of a run; a host may be controller, builder and web node in one."""
    role = getattr(task, "_role", None)
    return role is not None and role.get_name() == "builder"


def _speaks_to_people(stdout_callback):
    """Whether it prints lines; one that is no kin of Ansible's own may print one JSON document."""
    own = {f"ansible.plugins.callback.{name}" for name in ("default", "minimal", "oneline")}
    return not own.isdisjoint(kin.__module__ for kin in type(stdout_callback).__mro__)


class CallbackModule(CallbackBase):
    """Draws the hosts' status below Ansible's own output; everything else is left to the stdout callback."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "wheelfleet_live"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self):
        super().__init__()
        self.main_pid = os.getpid()
        # This is the main process, and it has forked nothing yet.
        lock.handover = lock.handover or lock.Handover()
        self.held = []
        self.live = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.lock = threading.RLock()
        self.drawn = 0
        self.run = None
        self.ended = self.terminated = False
        self.summary = []
        self.unconsidered = []
        self.planned = self.finished = False
        # Hosts by name: asked for a builder's part in the run, failed or silent in it, the same in any other part.
        self.builders, self.lost, self.failed_elsewhere = set(), set(), set()
        self.stopping = threading.Event()
        self.threads = []
        #: What each host is at, and when the last line was printed.
        self.doing, self.spoke = {}, time.time()
        self.print = self._display.display
        self._display.display = self._print_above
        threading.Thread(target=self._break_silence, name="wheelfleet_silence", daemon=True).start()
        self.shown = None
        self.watched = False
        # The main process forks its workers while a thread of it reads the catalog: a fork inside SQLite would leave
        # the child with locks that nobody opens.
        self.reading = threading.Lock()
        os.register_at_fork(
            before=self.reading.acquire, after_in_parent=self.reading.release, after_in_child=self.reading.release
        )

    # ----------------------------------------------------------------- events

    def v2_playbook_on_start(self, playbook):
        """Where the output is a document for programs, nothing of ours may be in it."""
        callbacks = self._all_callbacks(sys._getframe(1))
        if callbacks and not _speaks_to_people(callbacks[0]):
            take_stdout()
            self.live = False

    def v2_playbook_on_play_start(self, play):
        """A view lives as long as its play: hosts go through the tasks of one each at its own pace."""
        self._stop()

    def v2_playbook_on_task_start(self, task, is_conditional):
        """From here on there is something to watch."""
        if self.run is None or self.threads:
            return
        if task.action == "wheelfleet_delta":
            self._start(self._redraw if self.live else self._say_now_and_then)
        elif task.action in ("wheelfleet_batch", "wheelfleet_join"):
            self._start(*([self._redraw] if self.live else []), *([] if task.check_mode else [self._watch]))

    def v2_runner_on_start(self, host, task):
        """From now on the host is at this task."""
        self.doing[host.get_name()] = Doing(task.get_name(), time.time(), task.action == "wheelfleet_batch")

    def v2_runner_on_skipped(self, result):
        """The host is at nothing."""
        self.doing.pop(result.host.get_name(), None)

    def v2_runner_on_ok(self, result):
        """Remember where the hosts' status is, and what the publishing task sums up."""
        self.doing.pop(result.host.get_name(), None)
        answer = result.result
        if result.task.action == "wheelfleet_lock":
            # Nothing reads these: they are the run's lock while they are open.
            self.held += lock.handover.take()
            self.run = (answer["run"], status_folder(Path(answer["state_dir"])))
            self.site = Path(answer["site_dir"])
            if not result.task.check_mode:
                self._begin()
        elif result.task.action == "wheelfleet_publish" and not result.task.check_mode:
            self.summary, self.unconsidered, self.finished = answer["summary"], answer["unconsidered"], True
        elif result.task.action == "wheelfleet_delta":
            # A check, and a run that is told to go no further (--tags delta, build), have their last word here.
            self.planned = True
            self.finished = result.task.check_mode or not _publishes()
            self.unconsidered = answer["unconsidered"]
            self.summary = answer["would_build"] if result.task.check_mode else answer["would_build"][-1:]
            self.summary += self._not_considered()
        elif result.task.action == "wheelfleet_batch" and not _publishes():
            unpublished = "What was built is not on the site yet; --tags publish brings it there."
            self.summary = [*self._not_considered(), unpublished]
        if _is_the_builders(result.task):
            self.builders.add(result.host.get_name())

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """A host that fails does nothing more in this run."""
        self.doing.pop(result.host.get_name(), None)
        if not ignore_errors:
            self._mark_final(result, HostState.FAILED)
            self._note_loss(result)

    def v2_runner_on_unreachable(self, result):
        """The same for one that does not answer."""
        self.doing.pop(result.host.get_name(), None)
        self._mark_final(result, HostState.UNREACHABLE)
        self._note_loss(result)

    def v2_playbook_on_stats(self, stats):
        """The last word is the run's own summary, and for those who look at the site that it has ended; then the
        process ends with the run's exit status."""
        if not self._is_last_to_hear():
            return
        self.ended = True
        self._stop()
        if self.watched:
            self._write_status(ended=True)
        # What failed and was rescued is not among these.
        failed = {*stats.failures, *stats.dark}
        for line in [*self.summary, *lost_builders(self.builders, self.lost & failed)]:
            self._say(line)
        if self.planned or self.lost:
            status = exit_status(
                finished=self.finished,
                failed_elsewhere=bool(self.failed_elsewhere & failed),
                builders=self.builders,
                lost=self.lost & failed,
                unconsidered=len(self.unconsidered),
            )
            if status is not None:
                # Ansible has no other way for a plugin to say so; no Exception, it passes through the dispatch, and
                # Ansible cleans up.
                raise SystemExit(status)

    def _not_considered(self):
        return [Unconsidered(**each).line for each in self.unconsidered]

    def _begin(self):
        """This run alone is at work now: end what one that was killed shows, and see that this one says how it ends."""
        end_status(self.site, but_for=self.run[0])
        atexit.register(self._end_early)
        for number in (signal.SIGTERM, signal.SIGHUP):
            # nohup, say, has its signal ignored.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._be_terminated)

    def _be_terminated(self, number, frame):
        """End as by Ctrl-C; by itself Ansible would leave without cleaning up, and without a word."""
        self.terminated = True
        for child in multiprocessing.active_children():
            child.terminate()
        raise SystemExit(128 + number)

    def _end_early(self):
        """The process ends. If Ansible has not called for the last word, the run was ended from outside."""
        if self.ended or os.getpid() != self.main_pid:
            return
        self.ended = True
        self._stop()
        if self.watched:
            self._write_status(ended=True)
        run, folder = self.run
        for line in what_is_left(folder.parents[1], self.site, run):
            self._display.display(line, stderr=True)

    def _is_last_to_hear(self):
        """Whether other callbacks were told of the end; if not, Ansible calls again after them.

        The exit ends the dispatch, so a callback that comes later (timers, JUnit) would never write what it has.
        """
        callbacks = self._all_callbacks(sys._getframe(2))
        if not callbacks or callbacks[-1] is self:
            return True
        callbacks.append(self)
        return False

    @staticmethod
    def _all_callbacks(dispatch):
        """Ansible's own list of callback plugins, that of standard output first, by the frame that calls them all."""
        callbacks = getattr(dispatch.f_locals.get("self"), "_callback_plugins", None)
        return callbacks if isinstance(callbacks, list) else []

    def _note_loss(self, result):
        if _is_the_builders(result.task):
            self.builders.add(result.host.get_name())
            self.lost.add(result.host.get_name())
        else:
            self.failed_elsewhere.add(result.host.get_name())

    # ------------------------------------------------------------------- view

    def _say(self, line):
        self._display.display(line, stderr=is_taken())

    def _mark_final(self, result, state):
        if self.run is None or result.task.check_mode or "builders" not in map(str, result.host.get_groups()):
            return
        run, folder = self.run
        host = result.host.get_name()
        statuses = {status.host: status for status in read_statuses(folder, run)}
        status = statuses.get(host, HostStatus(host, run))
        if not status.final:
            note = str(result.result.get("msg", ""))[:500]
            post_status(folder, dataclasses.replace(status, state=state, note=note, building=[], final=True))

    def _start(self, *work):
        if not work:
            return  # check mode elsewhere than on a terminal
        if self.live:
            os.environ["WHEELFLEET_LIVE"] = "1"  # workers need not say what begins: it is on the screen
        self.stopping.clear()
        self.threads = [threading.Thread(target=each, name="wheelfleet_live", daemon=True) for each in work]
        for thread in self.threads:
            thread.start()

    def _stop(self):
        if not self.threads:
            return
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        self.threads = []
        self._erase()
        os.environ.pop("WHEELFLEET_LIVE", None)

    def _print_above(self, *args, **kwargs):
        """Print as ever, with the block out of the way; forked workers hand their lines to the main process."""
        if os.getpid() != self.main_pid:
            return self.print(*args, **kwargs)
        with self.lock:
            self._erase()
            self.spoke = time.time()
            return self.print(*args, **kwargs)

    def _break_silence(self):
        """Every wait says for whom: where no status is on the screen, and nothing was printed for a while."""
        while True:
            time.sleep(WATCH)
            now = time.time()
            if now - self.spoke < SILENCE or (self.live and self.threads) or self.ended:
                continue
            statuses = {status.host: status for status in read_statuses(self.run[1], self.run[0])} if self.run else {}
            if line := still_at(dict(self.doing), statuses, now):
                self._say(f"{time.strftime('%H:%M:%S')} {line}")

    def _say_now_and_then(self):
        while not self.stopping.wait(PLAIN_LINE):
            for status in read_statuses(self.run[1], self.run[0]):
                self._say(f"{time.strftime('%H:%M:%S')} {status.host} {described(status)}")

    def _watch(self):
        """Keep the status file true, and see that no process of the run was killed."""
        self.watched = True
        while not self.stopping.wait(WATCH):
            self._write_status(ended=False)
            # Interrupted, Ansible and this plugin end the processes themselves; Ansible takes its handler back first.
            ending = self.terminated or signal.getsignal(signal.SIGINT) == signal.SIG_DFL
            if not ending and killed_children(self.main_pid):
                self._display.error(
                    "A process of this run was killed, most likely because the controller's memory ran out. The run "
                    "ends here and the next one carries on; with less memory set forks lower in ansible.cfg."
                )
                os.kill(self.main_pid, signal.SIGINT)
                return
        self._write_status(ended=True)

    def _write_status(self, ended):
        run, folder = self.run
        # A status file that cannot be written costs the view and never the run.
        with contextlib.suppress(OSError, ValueError):
            now = time.time()
            lately = Lately()
            # Not for ever: a signal may have ended the run just when it was about to fork.
            if self.reading.acquire(timeout=WATCH):
                try:
                    lately = ask_catalog(folder.parents[1] / "catalog.sqlite", run, now)
                finally:
                    self.reading.release()
            document = status_document(read_statuses(folder, run), run=run, now=now, ended=ended, lately=lately)
            if is_news(document, self.shown) and write_status(self.site, document):
                self.shown = document

    def _redraw(self):
        while not self.stopping.wait(REDRAW):
            with contextlib.suppress(OSError, ValueError):
                lines = self._lines()
                with self.lock:
                    self._erase()
                    if lines and not self.stopping.is_set():
                        sys.stdout.write("".join(f"{line}\n" for line in lines))
                        sys.stdout.flush()
                        self.drawn = len(lines)

    def _erase(self):
        with self.lock:
            if self.drawn:
                # Up to the block's first line, then clear to the end of the screen.
                sys.stdout.write(f"\x1b[{self.drawn}F\x1b[J")
                sys.stdout.flush()
                self.drawn = 0

    def _lines(self):
        run, folder = self.run
        statuses = read_statuses(folder, run)
        # Upstream is read before anybody builds; what it said last is of no interest then.
        builders = [status for status in statuses if status.host != CONTROLLER]
        statuses = builders or statuses
        now = time.time()
        width = shutil.get_terminal_size().columns - 1
        lines = [self._head(statuses, now)] if builders else []
        for status in statuses[:MOST_HOSTS]:
            if not status.building:
                lines.append(f"  {status.host}: {described(status)}")
            lines += [
                f"  {status.host}: {b.name} {b.version} for {b.target}, {human_duration(now - b.since)}"
                for b in status.building
            ]
        if len(statuses) > MOST_HOSTS:
            lines.append(f"  and {len(statuses) - MOST_HOSTS} more builders")
        return [line[:width] for line in lines]

    @staticmethod
    def _head(statuses, now):
        newest = max(statuses, key=lambda status: status.at)
        built, failed = sum(b.built for b in statuses), sum(b.failed for b in statuses)
        head = f"-- {built} built, {failed} failed, {newest.left} left"
        seconds = expected_end_seconds(statuses, now)
        if seconds is None:
            return head
        end = time.strftime("%H:%M", time.localtime(now + seconds))
        return f"{head}, expected end {end} (in {human_duration(seconds)})"
