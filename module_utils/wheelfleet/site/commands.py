"""Commands that install from the index, as people paste them into a shell.

Each works on systems whose package manager manages Python (PEP 668), such as Debian 12, Raspberry Pi OS 12 and newer:
there pip and uv install into a virtual environment only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from ..client_config import Index
from ..limited_api import claim_of

#: The virtual environment that the commands make, or use if it exists.
ENVIRONMENT = "~/env"
#: The minor version of `python3` on the oldest system that most have, Debian 12.
_OLDEST_DEFAULT_MINOR = 11


def pip_commands(index_url: str, project: str, python: str = "python3") -> tuple[str, str]:
    """The commands that make the environment with an interpreter, and install the project into it.

    They use the index beside pip's own, because our wheels may depend on projects that only upstream has.
    """
    host = Index(index_url).untrusted_host
    trust = ["--trusted-host", host] if host else []
    arguments = shlex.join(["install", "--extra-index-url", index_url, *trust, project])
    return f"{python} -m venv {ENVIRONMENT}", f"{ENVIRONMENT}/bin/pip {arguments}"


def interpreter_for(tags: Iterable[str], targets: Iterable[str] = ()) -> str:
    """The command of an interpreter that accepts one of a wheel's tags (`cp311-cp311-linux_aarch64`), by the names that
    Debian and CPython give it. `targets` are those that the wheel serves, the oldest Python first.
    """
    parts = [tuple(tag.split("-")[:2]) for tag in tags]
    if any(abi == "none" for _, abi in parts):
        return "python3"
    claims = [claim for claim in (claim_of(python, abi) for python, abi in parts) if claim]
    if claims:
        # Which Pythons a newer system has is not known, but this one has a target.
        if min(claim.minor for claim in claims) <= _OLDEST_DEFAULT_MINOR:
            return "python3"
        parts = [interpreter_tags(target) for target in targets]
    pythons = [python_command(python, abi) for python, abi in parts]
    # More people have a Python with a GIL than one without.
    return min(pythons, key=(lambda name: name.endswith("t")) if claims else str, default="python3")


def interpreter_tags(target: str) -> tuple[str, str]:
    """The Python and the ABI that a target's name begins with. Builders name their targets, so it may be anything."""
    python, abi = (*target.split("-"), target)[:2]
    return python, abi


def python_command(python: str, abi: str) -> str:
    """The command of the interpreter that tags name, such as `cp313` and `cp313t`."""
    if python.startswith("pp"):
        return "pypy3"
    version = re.fullmatch(r"[a-z]{2}(\d)(\d+)", python)
    return f"python{version[1]}.{version[2]}{'t' if abi == f'{python}t' else ''}" if version else "python3"
