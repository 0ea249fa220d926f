"""What every process of a run has to know of its terminal.

The main process sets it. Ansible forks a process for each task, which inherits it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Terminal:
    """The terminal of the run of this process."""

    #: Standard output belongs to a document that a program reads, so that our lines go to standard error.
    stdout_is_taken: bool = False
    #: A live view shows the builds that begin, so that nobody prints a line about it.
    has_live_view: bool = False


terminal = Terminal()
