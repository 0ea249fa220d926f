"""The state of the terminal, for every process of a run.

The main process sets it; the processes that Ansible forks for tasks inherit it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Terminal:
    """The terminal of this process's run."""

    #: A program reads a document from standard output, so lines for people go to standard error.
    stdout_is_taken: bool = False
    #: A live view shows builds that begin, so no line is printed about them.
    has_live_view: bool = False


terminal = Terminal()
