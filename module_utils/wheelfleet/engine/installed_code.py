"""Calls the worker's code that a builder has already: the command, and what its answer says.

The command compares the code with the controller's before it runs any of it. It does so in shell, because code that a
build has changed could say of itself that it is right.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ..contract.report import ANSWER

#: What the answer may have; the host could send anything.
_KEYS = ("changed", "diff", "facts", "failed", "libraries", "msg", "packages", "targets")
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from wheelfleet.builder.make_builder import main; "
    "main(sys.argv[2], check=sys.argv[3] == 'check')"
)


def by_first_interpreter(interpreters: Sequence[str], arguments: Sequence[str]) -> str:
    """The part of a command that runs the first interpreter that exists, which is Ansible's choice."""
    candidates, words = shlex.join(interpreters), shlex.join(arguments)
    return f'for p in {candidates}; do if command -v "$p" >/dev/null 2>&1; then "$p" {words}; exit; fi; done'


def command(interpreters: Sequence[str], digest: str, options: Mapping[str, Any], *, check: bool) -> str:
    """The command that has the installed code make the builder, if the code's digest is this one.

    `options` are those of M(wheelfleet_builder), with all defaults.
    """
    lib = f"{options['home']}/lib"
    # As worker_code.digest.
    same = (
        "[ \"$(find wheelfleet -type f -name '*.py' | LC_ALL=C sort | xargs sha256sum | sha256sum)\" "
        f"= {shlex.quote(f'{digest}  -')} ]"
    )
    arguments = [lib, json.dumps(options), "check" if check else "do"]
    run = by_first_interpreter(interpreters, ["-I", "-c", _PROGRAM, *arguments])
    return f"cd {shlex.quote(lib)} 2>/dev/null && {same} && {run}"


def answer(output: str) -> dict[str, Any] | None:
    """The result in the command's output; None without one."""
    lines = [line for line in output.splitlines() if line.startswith(ANSWER)]
    try:
        found = json.loads(lines[-1].removeprefix(ANSWER)) if lines else None
    except ValueError:
        return None
    return {key: found[key] for key in _KEYS if key in found} if isinstance(found, dict) else None
