"""Runs README's two commands on a bare host of the lab, as an ordinary user with sudo.

    python -m tests.lab.bare_host [SUITE [PYTEST_ARGS]]

SUITE is Debian's release (default bookworm), PYTEST_ARGS defaults to tests/unit. The host clones this checkout's HEAD.
The duration of each step and the time of the first wheel are printed. The host is removed afterwards.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

from tests.lab.lab import Lab
from tests.lab.machine import missing
from tests.lab.processes import LabError
from tests.lab.settings import REPOSITORY, Settings

NODE = "bare"
FIRST_WHEEL = """python3 - <<'END'
import sqlite3
(first,) = sqlite3.connect("wheelfleet/var/catalog.sqlite").execute(
    "SELECT min(finished_at) FROM attempt WHERE outcome = 'built'").fetchone()
print(first)
END"""


def main(suite: str = "bookworm", tests: str = "tests/unit") -> int:
    lab = Lab(replace(Settings.from_environment(), name="bare", disk="40G", memory="4G"))
    lab.down()
    lab.up(f"{NODE}:amd64:{suite}")
    try:
        return _try(lab, tests)
    finally:
        lab.down()


def _try(lab: Lab, tests: str) -> int:
    bundle = subprocess.run(
        ["git", "bundle", "create", "--quiet", "-", "HEAD"], cwd=REPOSITORY, stdout=subprocess.PIPE, check=True
    ).stdout
    subprocess.run(
        lab.enter(lab.ssh_command(NODE, "cat >wheelfleet.bundle")), input=bundle, stdout=subprocess.DEVNULL, check=True
    )
    _type(lab, "sudo apt-get -qq update && sudo apt-get -qq install -y --no-install-recommends make git >/dev/null")
    _type(lab, "git -c advice.detachedHead=false clone -q wheelfleet.bundle wheelfleet")
    begun = time.time()
    built = _type(lab, "make -C wheelfleet build")
    first = float(lab.ssh(NODE, FIRST_WHEEL))
    print(f"=== the first wheel was built {first - begun:.0f} s after make began", flush=True)
    tested = _type(lab, f"make -C wheelfleet test PYTEST_ARGS='{tests}'")
    return built or tested


def _type(lab: Lab, command: str) -> int:
    print(f"=== $ {command}", flush=True)
    begun = time.monotonic()
    status = subprocess.run(lab.enter(lab.ssh_command(NODE, command)), stdin=subprocess.DEVNULL, check=False).returncode
    print(f"=== status {status} after {time.monotonic() - begun:.0f} s", flush=True)
    return status


if __name__ == "__main__":
    if lacking := missing():
        sys.exit(f"lab: {lacking}")
    try:
        sys.exit(main(*sys.argv[1:]))
    except LabError as error:
        sys.exit(f"lab: {error}")
