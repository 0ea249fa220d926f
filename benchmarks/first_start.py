"""The first start in everything mode at PyPI's size: how soon the first wheels are on the site, with a real builder.

The index is made of numbers (`tests/support/generated_index.py`); the sdists of three in ten of its projects are real.
The run is `ansible-playbook build.yml` on this machine with the roles' defaults, but wheels are neither repaired nor
imported; it is stopped after some minutes.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.support import toolenv
from tests.support.generated_index import PYPI_PROJECTS, GeneratedIndex, served
from tests.support.operator import Operator

#: Projects of the index; WHEELFLEET_BENCH_PROJECTS is another number.
PROJECTS = int(os.environ.get("WHEELFLEET_BENCH_PROJECTS", str(PYPI_PROJECTS)))
#: After so many seconds the run is stopped.
STOP_AFTER = 600.0
#: Projects with wheels on the index at which the time is told.
MARKS = (1, 10, 100)


def measure() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as scratch, served(GeneratedIndex(PROJECTS, buildable=True)) as url:
        _measure(Path(scratch) / "fleet", f"{url}/simple/")


def _measure(root: Path, index_url: str) -> None:
    operator = Operator(root, {"controller_upstream_url": index_url, "controller_everything": True})
    tools = toolenv.tools(Path(sys.executable)).parents[1]
    (operator.home / "tools").mkdir(parents=True)
    (operator.home / "tools" / tools.name).symlink_to(tools)
    print(f"\nThe first start with {PROJECTS:,} projects, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}:")
    with operator.running() as run:
        began = time.monotonic()
        marks = list(MARKS)
        while run.poll() is None and (seconds := time.monotonic() - began) < STOP_AFTER:
            published = sum(1 for _ in operator.site.glob("simple/*/index.html")) if marks else 0
            while marks and published >= marks[0]:
                print(
                    f"{marks.pop(0):5} projects with a wheel on the index after {seconds / 60:.1f} minutes", flush=True
                )
            time.sleep(2)
    ((read, wheels),) = operator.query(
        "SELECT (SELECT count(*) FROM project WHERE read_at IS NOT NULL), (SELECT count(*) FROM wheel)"
    )
    minutes = (time.monotonic() - began) / 60
    print(f"after {minutes:.1f} minutes {read:,} projects were read, and {wheels:,} wheels built", flush=True)
