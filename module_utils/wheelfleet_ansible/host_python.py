"""Which Python Ansible runs modules with on a host, and whether it can run ours.

An older one cannot even say so: Ansible's own code does not compile there, and the task ends with "No start of json
char found". So it is asked by a command that every Python understands: before a host is provisioned, and after the
first module of a run failed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

#: What our modules and builds need.
OLDEST = (3, 9)
#: What is asked of a Python of any age.
PROGRAM = "import sys; print('wheelfleet-python ' + sys.version.split()[0] + ' ' + sys.executable)"
_ANSWER = re.compile(r"^wheelfleet-python ((\d+)\.(\d+)\S{0,40}) (\S{0,400})", re.MULTILINE)


def question(interpreters: Sequence[str]) -> str:
    """The command that has the first of the interpreters that is there say what it is, as Ansible chooses it."""
    quoted = " ".join(map(shlex.quote, interpreters))
    program = shlex.quote(PROGRAM)
    return f'for p in {quoted}; do if command -v "$p" >/dev/null 2>&1; then "$p" -c {program}; exit; fi; done'


def too_old(answer: str) -> str | None:
    """What to tell the operator, in one sentence, where the answer is that of an older Python; None for any other."""
    found = _ANSWER.search(answer)
    if found is None or (int(found[2]), int(found[3])) >= OLDEST:
        return None
    return (
        f"Ansible uses Python {found[1]} on this host ({found[4]}), and wheelfleet needs "
        f"{'.'.join(map(str, OLDEST))} or newer there; install one, and name it in the host's variables: "
        "ansible_python_interpreter: /usr/bin/python3.11."
    )
