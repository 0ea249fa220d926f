"""The cost of a run with nothing to do, with 10, 1,000 and 100,000 known projects.

Named packages cost one conditional request each. In everything mode one conditional request for upstream's list is
enough. The bound is a playbook that does nothing.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.timing import Cost, cost, median
from tests.support.operator import Operator
from tests.support.upstream import Upstream

KNOWN = (10, 1_000, 100_000)
#: Named packages, at most; operators with more use everything mode.
MOST_NAMED = 1_000
#: A cooldown of 100 years, in hours: every release of the upstream is from 2024, so none is built.
NEVER = 100 * 365 * 24


def measure() -> None:
    """Print the table."""
    # As an operator's Python does, and beside the checkout.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        os.environ["PYTHONPYCACHEPREFIX"] = str(root / "bytecode")
        rows = [("a playbook with one empty play", 0, _bound(root))]
        for known in KNOWN:
            with Upstream() as upstream:
                upstream.populate(known)
                if known <= MOST_NAMED:
                    names = [f"project-{number:06}" for number in range(known)]
                    rows.append(("named packages", known, _idle(root / f"named{known}", upstream, packages=names)))
                rows.append(("everything", known, _idle(root / f"all{known}", upstream, everything=True)))
    bound = rows[0][2]
    print("\nA run with nothing to do, median of three, seconds:")
    print(f"{'':34}{'known':>9}{'wall':>8}{'CPU':>8}{'ratio to the empty play, of CPU':>34}")
    for title, known, spent in rows:
        print(f"{title:34}{known or '':>9}{spent.wall:8.2f}{spent.cpu:8.2f}{spent.cpu / bound.cpu:34.1f}")


def _idle(root: Path, upstream: Upstream, packages: list[str] | None = None, everything: bool = False) -> Cost:
    operator = Operator(
        root,
        {
            "controller_upstream_url": upstream.index_url,
            "controller_packages": packages or [],
            "controller_everything": everything,
            "controller_cooldown_hours": NEVER,
        },
    )
    began = time.monotonic()
    operator.build()
    first = time.monotonic() - began
    print(f"  first run: {first:.1f} s, {_size(operator)}", file=sys.stderr)

    def again() -> Cost:
        with cost() as spent:
            assert operator.build().changed == 0
        return spent

    return median(3, again)


def _size(operator: Operator) -> str:
    with sqlite3.connect(operator.state / "catalog.sqlite") as db:
        (projects,) = db.execute("SELECT count(*) FROM project").fetchone()
    return f"{projects} projects, a catalog of {(operator.state / 'catalog.sqlite').stat().st_size >> 20} MiB"


def _bound(root: Path) -> Cost:
    operator = Operator(root / "bound")
    command = operator.command()[:-1]
    playbook = root / "empty.yml"
    playbook.write_text(yaml.safe_dump([{"name": "Nothing", "hosts": "all", "gather_facts": False, "tasks": []}]))

    def once() -> Cost:
        with cost() as spent:
            subprocess.run([*command, str(playbook)], env=operator.environment, stdout=subprocess.DEVNULL, check=True)
        return spent

    return median(3, once)
