"""Prints changes, failures and long tasks of a run only; a run with nothing to do fits on one screen."""

from __future__ import annotations

DOCUMENTATION = r"""
name: wheelfleet_quiet
type: stdout
short_description: Ansible's default output without what changed nothing
description:
  - The default callback, which leaves out hosts that were ok or skipped, and the titles of plays and tasks in which
    nothing else happened. Warnings, and what a debug task says, are shown in any case.
  - A task that goes on for more than a few seconds is named while it runs.
  - Below the error of a host that cannot be reached or lets nobody work on it, what to do; of many hosts, once.
  - The recap of a large fleet names the hosts to which something happened, and counts the others.
  - With C(-v), or with C(display_ok_hosts) and C(display_skipped_hosts) on, it is the default callback.
requirements:
  - Set as C(stdout_callback).
extends_documentation_fragment:
  - default_callback
  - result_format_callback
options:
  display_ok_hosts:
    default: false
  display_skipped_hosts:
    default: false
"""

import copy
import sys
import threading
from pathlib import Path
from typing import Any

from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as DefaultCallback

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from wheelfleet.engine.host_access import cure_of

#: Seconds after which a running task is named.
LONG = 5.0
#: Hosts that the recap lists in any case; with more, unchanged hosts are only counted.
MOST_HOSTS = 12
#: In the warning of a host's first module that needs a folder.
OWN_FOLDER = "did not exist and was created with a mode of 0700"
#: What ansible.builtin.validate_argument_spec adds to its errors: hundreds of lines.
SPECS = ("argument_spec_data", "validate_args_context")


class CallbackModule(DefaultCallback):  # type: ignore[misc]  # Ansible is not typed
    """Prints a title only once there is a line to print below it."""

    CALLBACK_NAME = "wheelfleet_quiet"

    def __init__(self) -> None:
        super().__init__()
        self._untitled_play: Any = None
        # The timer's thread prints titles, too.
        self._titles = threading.RLock()
        self._timer: threading.Timer | None = None
        self._says = False
        #: What was said about hosts that cannot be worked on.
        self._cures: set[str] = set()

    def get_option(self, option: str, hostvars: Any = None) -> Any:
        """The option as configured; with -v all hosts are displayed."""
        if option in ("display_ok_hosts", "display_skipped_hosts") and self._display.verbosity:
            return True
        if option == "display_ok_hosts" and self._says:
            return True
        return super().get_option(option, hostvars)

    @property
    def _quiet(self) -> bool:
        return not (self.get_option("display_ok_hosts") and self.get_option("display_skipped_hosts"))

    # ----------------------------------------------------------------- titles

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Remember the play; its title is printed above its first task with a line to show."""
        self._stop_timer()
        with self._titles:
            self._play = play
            self._untitled_play = play
            if not self._quiet:
                self._print_play_title()

    def _print_play_title(self) -> None:
        if self._untitled_play is not None:
            play, self._untitled_play = self._untitled_play, None
            super().v2_playbook_on_play_start(play)

    def _print_task_banner(self, task: Any) -> None:
        with self._titles:
            self._print_play_title()
            super()._print_task_banner(task)

    def _task_start(self, task: Any, prefix: str | None = None) -> None:
        self._stop_timer()
        super()._task_start(task, prefix)
        if self._quiet:
            self._timer = threading.Timer(LONG, self._name_what_takes_long, [task])
            self._timer.daemon = True
            self._timer.start()

    def _name_what_takes_long(self, task: Any) -> None:
        with self._titles:
            if self._last_task_banner != task._uuid:
                self._print_task_banner(task)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ---------------------------------------------------------------- results

    def v2_runner_on_ok(self, result: Any) -> None:
        """Do not print includes, and print the warnings of hosts that the default callback leaves out."""
        if self._quiet and isinstance(result.task, TaskInclude):
            return
        # The message of a debug task is always printed.
        self._says = bool(result.result.get("_ansible_verbose_always"))
        self._show_warnings(result, self.get_option("display_ok_hosts") or result.result.get("changed", False))
        super().v2_runner_on_ok(result)
        self._says = False

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Print the error, and what to do about a host on which Ansible cannot work."""
        super().v2_runner_on_failed(result, ignore_errors)
        if not ignore_errors:
            self._say_cure(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Print the error, and what to do about a host that cannot be reached."""
        super().v2_runner_on_unreachable(result)
        self._say_cure(result)

    def _say_cure(self, result: Any) -> None:
        said = " ".join(str(result.result.get(key) or "") for key in ("msg", "module_stderr", "module_stdout"))
        if (cure := cure_of(said)) and cure not in self._cures:
            self._cures.add(cure)
            self._display.display(f"{result.host.get_name()}: {cure}")

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Print the warnings of an item that the default callback leaves out."""
        self._show_warnings(result, self.get_option("display_ok_hosts") or result.result.get("changed", False))
        super().v2_runner_item_on_ok(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Print the warnings of a skipped host that the default callback leaves out."""
        self._show_warnings(result, self.get_option("display_skipped_hosts"))
        super().v2_runner_on_skipped(result)

    def _show_warnings(self, result: Any, shown_anyway: bool) -> None:
        if not shown_anyway:
            self._handle_warnings_and_exception(result)

    def _handle_warnings(self, res: Any) -> None:
        """Print a task's warnings, but not that Ansible made its own folder on a host: nobody has to act."""
        if all(OWN_FOLDER in str(warning) for warning in res.get("warnings") or ()):
            res.pop("warnings", None)
        super()._handle_warnings(res)

    def v2_playbook_on_include(self, included_file: Any) -> None:
        """Print the included file only if every task is printed."""
        if not self._quiet:
            super().v2_playbook_on_include(included_file)

    def _dump_results(self, result: Any, *arguments: Any, **options: Any) -> Any:
        """The result for people; without -v not the whole spec of a role when one of its variables is wrong."""
        if not self._display.verbosity:
            result = {key: value for key, value in result.items() if key not in SPECS}
        return super()._dump_results(result, *arguments, **options)

    # ------------------------------------------------------------------ recap

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the recap; for a large fleet, only the hosts with changes or failures."""
        self._stop_timer()
        quiet = [] if self._display.verbosity else [host for host in stats.processed if self._was_quiet(stats, host)]
        if len(stats.processed) <= MOST_HOSTS or not quiet:
            super().v2_playbook_on_stats(stats)
            return
        told = copy.copy(stats)
        told.processed = {host: 1 for host in stats.processed if host not in quiet}
        super().v2_playbook_on_stats(told)
        self._display.display(f"{len(quiet)} other hosts: ok, nothing changed\n")

    @staticmethod
    def _was_quiet(stats: Any, host: str) -> bool:
        counts = stats.summarize(host)
        return not any(counts[key] for key in ("changed", "unreachable", "failures", "rescued", "ignored"))
