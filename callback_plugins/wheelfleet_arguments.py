"""Refuses wrong arguments before a playbook does anything: unknown tags and hosts, and --start-at-task."""

from __future__ import annotations

DOCUMENTATION = r"""
name: wheelfleet_arguments
type: notification
short_description: Refuses unknown tags, unknown hosts in --limit, and --start-at-task
description:
  - Ansible runs nothing for a tag that no task has, and ends well. Here such a tag is refused, with the nearest known
    one.
  - Ansible passes over a host or group in C(--limit) that the inventory does not have. Here it is refused the same way.
  - A playbook here cannot begin in its middle, because later tasks need what earlier ones found. Tags choose parts of
    it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ansible.context as context
from ansible.inventory.manager import split_host_pattern
from ansible.plugins.callback import CallbackBase

# Ansible loads callbacks before it runs the first task, so that action plugins find the packages too.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from wheelfleet.nearest import do_you_mean

#: Tags with a meaning of Ansible's in `--tags` and `--skip-tags`.
ANSIBLES_OWN = {"all", "always", "never", "tagged", "untagged"}
#: The exit status of a run that could not begin.
REFUSED = 2


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible is not typed
    """Checks the command line when a playbook begins."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "wheelfleet_arguments"
    CALLBACK_NEEDS_ENABLED = False

    def __init__(self) -> None:
        super().__init__()
        self.looked_at_limit = False

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Refuse unknown tags and --start-at-task with one sentence, and exit."""
        self._refuse(self._unknown_tag(playbook))

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Refuse unknown hosts and groups of --limit; the first play is the first to have the inventory."""
        if not self.looked_at_limit:
            self.looked_at_limit = True
            self._refuse(self._unknown_host(play.get_variable_manager()._inventory))

    def _refuse(self, sentence: str | None) -> None:
        if sentence:
            self._display.error(sentence, wrap_text=False)
            # SystemExit, because Ansible continues after any other exception of a callback.
            sys.exit(REFUSED)

    def _unknown_host(self, inventory: Any) -> str | None:
        known = {*inventory.hosts, *inventory.groups, "localhost"}
        for pattern in split_host_pattern(context.CLIARGS.get("subset") or ""):
            name = pattern.lstrip("!&")
            # Ansible itself checks files, patterns and slices of groups.
            if name and not set(name) & set("@~*?[") and name not in known:
                meant = do_you_mean(name, known)
                return f"--limit {pattern} is refused, because the inventory has no such host or group{meant}"
        return None

    def _unknown_tag(self, playbook: Any) -> str | None:
        name = Path(playbook._file_name).name
        known = {tag for play in playbook.get_plays() for tag in _tags(play)} - ANSIBLES_OWN
        if context.CLIARGS.get("start_at_task"):
            instead = f"; --tags chooses a part of it: {', '.join(sorted(known))}" if known else ""
            return f"{name} cannot begin at a task, because later tasks need what earlier ones found{instead}."
        for option in ("tags", "skip_tags"):
            for tag in context.CLIARGS.get(option) or ():
                if tag in known | ANSIBLES_OWN:
                    continue
                asked = f"--{option.replace('_', '-')} {tag}"
                if not known:
                    return f"{asked} is refused, because {name} has no tags; leave it out."
                return f"{asked} is refused, because no task has that tag{do_you_mean(tag, known)}"
        return None


def _tags(play: Any) -> Iterator[str]:
    """The tags of a play and of its tasks, as far as known before the run."""
    yield from play.tags
    blocks = list(play.tasks)
    while blocks:
        each = blocks.pop()
        yield from each.tags
        blocks += getattr(each, "block", [])
