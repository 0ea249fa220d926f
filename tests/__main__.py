"""The test command of the Makefile: pytest, as root where the user may become root without being asked for a password.

    python -m tests [ARGUMENT OF PYTEST ...]

Only root can boot the lab's hosts. Whoever would have them with sudo gets them with sudo, and in the end owns what was
written meanwhile.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.lab.machine import missing

REPOSITORY = Path(__file__).resolve().parents[1]
#: The environment stays, but for HOME: what root writes there is root's.
SUDO = ("sudo", "-n", "-E", "-H", "env", f"PATH={os.environ.get('PATH', os.defpath)}")


def main() -> int:
    pytest = [sys.executable, "-m", "pytest", *sys.argv[1:]]
    # ^C reaches pytest too, which says what it has to say; this process waits for that.
    signal.signal(signal.SIGINT, lambda *_: None)
    if os.geteuid() == 0 or missing(root=True) is not None or not _may_become_root():
        return subprocess.run(pytest, cwd=REPOSITORY, check=False).returncode
    print("The tests run as root, by sudo, because some of them boot hosts.", flush=True)
    try:
        return subprocess.run([*SUDO, *pytest], cwd=REPOSITORY, check=False).returncode
    finally:
        owner = f"{os.getuid()}:{os.getgid()}"
        subprocess.run([*SUDO, "chown", "-R", "--from=root", owner, str(REPOSITORY)], check=False)


def _may_become_root() -> bool:
    try:
        return subprocess.run([*SUDO, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(main())
