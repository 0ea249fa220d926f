"""Checks that Ansible's Python on a host can run our modules.

On an older one Ansible's own code does not compile, and the task ends with "No start of json char found". So the check
is a command that every Python understands. It runs before a host is provisioned, and after the first module of a run
failed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wheelfleet.engine.installed_code import by_first_interpreter

#: The oldest Python for our modules and builds.
OLDEST = (3, 9)
#: A program for any version of Python.
PROGRAM = "import sys; print('wheelfleet-python ' + sys.version.split()[0] + ' ' + sys.executable)"
_ANSWER = re.compile(r"^wheelfleet-python ((\d+)\.(\d+)\S{0,40}) (\S{0,400})", re.MULTILINE)


def question(interpreters: Sequence[str]) -> str:
    """The command that prints version and path of the first interpreter that exists, which is Ansible's choice."""
    return by_first_interpreter(interpreters, ["-c", PROGRAM])


def too_old(answer: str) -> str | None:
    """One sentence for the operator if the command's output is an older Python's; None for other output."""
    found = _ANSWER.search(answer)
    if found is None or (int(found[2]), int(found[3])) >= OLDEST:
        return None
    return (
        f"Ansible uses Python {found[1]} on this host ({found[4]}), and wheelfleet needs "
        f"{'.'.join(map(str, OLDEST))} or newer there; install one, and name it in the host's variables: "
        "ansible_python_interpreter: /usr/bin/python3.11."
    )
