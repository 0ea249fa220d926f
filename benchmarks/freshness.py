"""How long a release takes from its appearance upstream to a web node's index, without its own build.

These are real runs of build.yml that follow upstream: five builders and a web node with local connections, an index on
loopback, and a new release each few seconds. Builds sleep, so five of them do not fight for the cores. A wheel counts
as installable once the page of its project on the web node names it and its file is there. A release that was built
twice or not at all ends the measurement.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.fleet import BUILDERS, fleet_with_node, following, sleeping_sdist, wait_for
from tests.support import sdists, wheels
from tests.support.operator import Operator
from tests.support.upstream import Upstream

#: Seconds of a measurement, and seconds between two releases in the mean.
SECONDS, PAUSE = 100.0, 2.5
#: Releases at most, so few that upstream is asked every 20 seconds by default.
RELEASES = 50
#: Shortest and longest build, in seconds.
BUILDS = (1.0, 9.0)
#: Values of controller_follow_interval; None is the default.
INTERVALS = (None, 10.0)


def measure() -> None:
    """Print the table."""
    if shutil.which("rsync") is None:
        print("freshness needs rsync; apt-get install rsync", file=sys.stderr)
        return
    print(f"\nFrom a release's appearance to the web node, without its build; {BUILDERS} builders:")
    print(f"{'controller_follow_interval':30}{'releases':>9}{'median':>10}{'95th':>10}{'longest':>10}", flush=True)
    with tempfile.TemporaryDirectory() as scratch, Upstream() as upstream:
        root = Path(scratch)
        upstream.add_release(sdists.pure_sdist("first", "1.0"))
        warm = fleet_with_node(root / "warm", upstream, ["first"], None)
        warm.build()
        for number, interval in enumerate(INTERVALS):
            waits = _follow(root / f"run{number}", upstream, f"r{number}-", interval, warm)
            print(
                f"{'default' if interval is None else f'{interval:g} s':30}{len(waits):9}{_part(waits, 0.5):8.1f} s"
                f"{_part(waits, 0.95):8.1f} s{max(waits):8.1f} s",
                flush=True,
            )


def _part(waits: Sequence[float], part: float) -> float:
    return sorted(waits)[min(int(len(waits) * part), len(waits) - 1)]


def _follow(root: Path, upstream: Upstream, prefix: str, interval: float | None, warm: Operator) -> list[float]:
    """Run a fleet that follows upstream while releases appear; returns the wait for each, in seconds."""
    draw = random.Random(13)
    names = [f"{prefix}p{number}" for number in range(RELEASES)]
    for name in names:
        # It needs no build, so the queue is empty when the first release appears.
        upstream.add_release(sdists.pure_sdist(name, "1.0"), wheels.wheel_file(name, "1.0"))
    firsts = [f"{prefix}first{number}" for number in range(BUILDERS)]
    for name in firsts:
        upstream.add_release(sleeping_sdist(name, "1.0", 2.0))
    operator = fleet_with_node(root, upstream, names + firsts, warm)
    node = Path(operator.variables["webnode_root"])
    appeared: dict[str, float] = {}
    found: dict[str, float] = {}

    def look() -> bool:
        for name in appeared.keys() - found.keys():
            if _is_installable(node, name, "2.0"):
                found[name] = time.monotonic()
        return len(found) == len(appeared)

    with following(operator, *([] if interval is None else ["-e", f"controller_follow_interval={interval}"])) as run:
        wait_for(lambda: all(_is_installable(node, name, "1.0") for name in firsts), "first build of all builders", run)
        end = time.monotonic() + SECONDS
        for name in names:
            upstream.add_release(sleeping_sdist(name, "2.0", draw.uniform(*BUILDS)))
            appeared[name] = time.monotonic()
            next_at = time.monotonic() + draw.expovariate(1 / PAUSE)
            while time.monotonic() < next_at:
                look()
                time.sleep(0.1)
            if time.monotonic() >= end:
                break
        wait_for(look, "wheel of each release", run)
    took = operator.query(
        "SELECT p.name, a.seconds FROM attempt a JOIN release r ON r.id = a.release_id "
        "JOIN project p ON p.id = r.project_id WHERE a.outcome = 'built' AND r.version = '2.0'"
    )
    seconds = {row["name"]: row["seconds"] for row in took}
    assert len(took) == len(seconds) == len(appeared), (len(took), len(appeared))
    return [found[name] - at - seconds[name] for name, at in appeared.items()]


def _is_installable(node: Path, name: str, version: str) -> bool:
    with suppress(FileNotFoundError, ValueError):
        page = json.loads((node / "simple" / name / "index.json").read_text())
        wanted = [file["filename"] for file in page["files"] if f"-{version}-" in file["filename"]]
        return any((node / "files" / name / each).is_file() for each in wanted)
    return False
