"""Commands that install from the index, as people paste them into a shell.

Each works on systems whose package manager manages Python (PEP 668), such as Debian 12, Raspberry Pi OS 12 and newer:
there pip and uv install into a virtual environment only.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from ..client_config import Index

#: The virtual environment that the commands make, or use if it exists.
ENVIRONMENT = "~/env"


def pip_commands(index_url: str, project: str, python: str = "python3") -> tuple[str, str]:
    """The commands that make the environment with an interpreter, and install the project into it.

    They use the index beside pip's own, because our wheels may depend on projects that only upstream has.
    """
    host = Index(index_url).untrusted_host
    trust = ["--trusted-host", host] if host else []
    arguments = shlex.join(["install", "--extra-index-url", index_url, *trust, project])
    return f"{python} -m venv {ENVIRONMENT}", f"{ENVIRONMENT}/bin/pip {arguments}"


def interpreter_for(tags: Iterable[str]) -> str:
    """The command of an interpreter that accepts one of these tags (`cp311-cp311-linux_aarch64`), by Debian's names."""
    of_any = (["none"], ["abi3"], ["abi3t"])
    pythons = sorted(tag.split("-")[0] for tag in tags if tag.split("-")[1:2] not in of_any)
    if not pythons:
        return "python3"
    return "pypy3" if pythons[0].startswith("pp") else f"python{pythons[0][2]}.{pythons[0][3:]}"
