"""The terminal's view of a run: the builds of each host while it runs, and its result at the end."""

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
  - Keeps C(status.json) and C(metrics.prom) on the site true while builds run, and marks builders that failed as done
    with.
  - Ends the run when one of its processes was killed, most likely by the kernel when memory ran out, for Ansible's
    strategy C(free) would wait for it for ever.
  - Gives C(build.yml) its exit status. 0 is done, also where a builder was off while others worked; 2 is not done; 3 is
    done, but something that was asked for could not be considered, as the summary and the report page say.
  - Has operators told of troubles when the run ends (C(controller_notify)).
  - Tells systemd's watchdog of the run's progress, where the service runs it.
  - It is loaded with the playbooks, whatever C(callbacks_enabled) says.
"""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import ansible.context as context
from ansible.plugins.callback import CallbackBase

# Ansible loads callbacks before it runs the first task, so that action plugins find the packages too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from wheelfleet.engine import lock
from wheelfleet.engine.host_status import HostState
from wheelfleet.engine.terminal import terminal
from wheelfleet_ansible import shared_imports
from wheelfleet_ansible.current_run import CurrentRun
from wheelfleet_ansible.early_end import EarlyEnd
from wheelfleet_ansible.outcome import Outcome
from wheelfleet_ansible.play_view import PlayView
from wheelfleet_ansible.screen import Screen
from wheelfleet_ansible.silence_breaker import SilenceBreaker
from wheelfleet_ansible.status_file import StatusFile
from wheelfleet_ansible.teller import Teller
from wheelfleet_ansible.watchdog_thread import WatchdogThread


def _publishes() -> bool:
    """Whether the run publishes: true unless --tags choose other parts."""
    tags = set(context.CLIARGS.get("tags") or ["all"])
    return bool(tags & {"all", "tagged", "publish"})


def _is_the_builders(task: Any) -> bool:
    """Whether a task is a builder's part of a run; one host may be controller, builder and web node."""
    role = getattr(task, "_role", None)
    # The lock of the tools is renewed on the controller, and no builder has failed where that fails.
    return role is not None and role.get_name() == "builder" and not task.args.get("renew")


def _speaks_to_people(stdout_callback: object) -> bool:
    """Whether the callback derives from one of Ansible's that print lines; others may print one JSON document."""
    own = {f"ansible.plugins.callback.{name}" for name in ("default", "minimal", "oneline")}
    return not own.isdisjoint(kin.__module__ for kin in type(stdout_callback).__mro__)


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible is not typed
    """Passes the events of a run to its view, its lock and its outcome."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "wheelfleet_live"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        # This is the main process, before its first fork.
        self._handover = lock.handover = lock.handover or lock.Handover()
        self._status_file = StatusFile()
        # Open files; they hold the run's lock while they are open.
        self._held: list[int] = []
        self._run: CurrentRun | None = None
        self._early_end: EarlyEnd | None = None
        self._has_loaded = False
        self._outcome = Outcome(publishes=_publishes())
        self._teller = Teller()
        self._screen = Screen(self._display)
        self._view = PlayView(
            self._screen, self._status_file, is_terminated=self._is_terminated, error=self._display.error
        )
        self._watchdog = WatchdogThread(lambda: self._run.described() if self._run else "")
        self._silence = SilenceBreaker(self._screen, lambda: self._run, self._view_is_on_screen)

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Tell the service manager, and print nothing to standard output if it is a document for programs."""
        self._watchdog.begin()
        self._teller.playbook_begins(playbook)
        callbacks = self._all_callbacks(sys._getframe(1))
        if callbacks and not _speaks_to_people(callbacks[0]):
            terminal.stdout_is_taken = True
            self._view.is_terminal = False

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Stop the view: it lasts for one play, because the hosts of a play are at different tasks."""
        self._watchdog.event()
        self._teller.play_begins(play)
        self._view.stop()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Start the view at the first task with something to show."""
        self._watchdog.event()
        if not self._has_loaded:
            # Before the first fork, but not for a playbook without tasks.
            self._has_loaded = True
            shared_imports.load()
        if self._run is None or self._view.is_shown:
            return
        if task.action == "wheelfleet_delta":
            self._view.show_planning(self._run)
        elif task.action in ("wheelfleet_batch", "wheelfleet_join"):
            self._view.show_builds(self._run, check_mode=task.check_mode)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Note the host's task."""
        self._watchdog.event()
        self._silence.begin(host.get_name(), task.get_name(), builds=task.action == "wheelfleet_batch")

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Note that the host has no task."""
        self._watchdog.event()
        self._silence.end(result.host.get_name())

    def v2_runner_on_ok(self, result: Any) -> None:
        """Read the results of a run's modules."""
        self._watchdog.event()
        self._silence.end(result.host.get_name())
        task, answer = result.task, result.result
        if task.action == "wheelfleet_lock":
            self._begin(answer, check_mode=task.check_mode)
        elif task.action == "wheelfleet_publish" and not task.check_mode:
            self._outcome.publication_ended(answer)
        elif task.action == "wheelfleet_delta":
            self._outcome.planning_ended(answer, check_mode=task.check_mode)
        elif task.action == "wheelfleet_batch":
            self._outcome.batch_ended()
        elif task.action == "wheelfleet_flow" and answer.get("log"):
            self._view.show_flow(Path(answer["log"]))
        if not task.check_mode:
            self._teller.succeeded(result)
        if _is_the_builders(task):
            self._outcome.builders.add(result.host.get_name())

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note the failure: the host does nothing more in this run."""
        self._watchdog.event()
        self._silence.end(result.host.get_name())
        if not ignore_errors:
            self._lose(result, HostState.FAILED)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note that the host does not answer: it does nothing more in this run, unless the run waits for it."""
        self._watchdog.event()
        self._silence.end(result.host.get_name())
        if not result.task.ignore_unreachable:
            self._lose(result, HostState.UNREACHABLE)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the last lines, mark the run as ended on the site, and exit with the run's status."""
        if not self._is_last_callback():
            return
        if self._early_end:
            self._early_end.run_has_ended = True
        self._stop_showing()
        # Rescued failures are not among these.
        failed = {*stats.failures, *stats.dark}
        for line in self._outcome.last_lines(failed):
            self._screen.say(line)
        self._teller.ended(self._run, self._outcome, failed)
        status = self._outcome.status(failed)
        if status is not None:
            # A plugin has no other way to set the exit status. SystemExit is no Exception, so it passes through the
            # dispatch, and Ansible cleans up.
            raise SystemExit(status)

    def _begin(self, answer: dict[str, Any], *, check_mode: bool) -> None:
        """Begin the run, which has its lock now."""
        self._held += self._handover.take()
        self._run = CurrentRun(answer["run"], Path(answer["state_dir"]), Path(answer["site_dir"]))
        self._watchdog.watch(self._run.state_dir)
        if not check_mode:
            self._early_end = EarlyEnd(self._run, self._stop_showing, self._say_on_stderr, self._tell_why)
            self._early_end.watch()

    def _tell_why(self) -> None:
        """Have told why the run breaks off, unless an operator or the service ended it."""
        if self._run and self._view.ends_because:
            self._teller.broke_off(self._run, self._view.ends_because)

    def _say_on_stderr(self, line: str) -> None:
        self._display.display(line, stderr=True)

    def _stop_showing(self) -> None:
        self._silence.ended = True
        self._view.stop()
        if self._run and self._status_file.in_use:
            self._status_file.write(self._run, ended=True)

    def _lose(self, result: Any, state: HostState) -> None:
        host = result.host.get_name()
        groups = set(map(str, result.host.get_groups()))
        # One host may be controller and builder; what fails as the controller is no failure of the builder.
        as_builder = "builders" in groups and (_is_the_builders(result.task) or "controller" not in groups)
        if self._run and not result.task.check_mode and as_builder:
            self._run.end_host(host, state, str(result.result.get("msg", ""))[:500])
        self._outcome.host_lost(host, as_builder=_is_the_builders(result.task))
        if not _is_the_builders(result.task):
            self._teller.failed(result)

    def _is_terminated(self) -> bool:
        return self._early_end is not None and self._early_end.is_terminated

    def _view_is_on_screen(self) -> bool:
        return self._view.is_terminal and self._view.is_shown

    def _is_last_callback(self) -> bool:
        """Whether this is the last callback to be called at the end; if not, Ansible calls it again after the others.

        The exit ends the dispatch, so a later callback (timers, JUnit) would never write its output.
        """
        callbacks = self._all_callbacks(sys._getframe(2))
        if not callbacks or callbacks[-1] is self:
            return True
        callbacks.append(self)
        return False

    @staticmethod
    def _all_callbacks(dispatch: FrameType) -> list[Any]:
        """Ansible's own list of callback plugins, that of standard output first, from the frame that calls them."""
        callbacks = getattr(dispatch.f_locals.get("self"), "_callback_plugins", None)
        return callbacks if isinstance(callbacks, list) else []
