"""Loads once, in the main process, what the process of every task needs.

Ansible forks a process for each task of each host, and loads plugins where they are first used: in the fork, whose
memory ends with the task. So each task would load all filters, and what they import, for its first template.
"""

from __future__ import annotations

from ansible.plugins.loader import connection_loader, filter_loader, shell_loader, test_loader


def load() -> None:
    """Load the filters, the tests and the plugins of the usual connections; nothing is returned, because a fork finds
    them loaded."""
    for loader in (filter_loader, test_loader):
        # Any one of them: the first has Ansible load all.
        loader.get("default" if loader is filter_loader else "defined")
    for name in ("local", "ssh"):
        connection_loader.get(name, class_only=True)
    shell_loader.get("sh", class_only=True)
