"""A controller's folder as a run leaves it while it is at work, for tests of the monitor and for looking at it:

PYTHONPATH=module_utils:. .venv/bin/python -m tests.support.monitored /tmp/fleet 100
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

from wheelfleet.catalog import builders
from wheelfleet.engine.host_status import Building, HostState, HostStatus, post_status, status_folder
from wheelfleet.engine.lock import take_run_lock

from tests.support.catalogs import ControllerState

TARGETS = ("cp311-cp311-linux_aarch64-glibc2.36", "cp313-cp313-linux_aarch64-glibc2.41")
PROJECTS = ("numpy", "lxml", "pillow", "cryptography", "pandas", "grpcio", "opencv-python", "pyzmq", "cffi", "scipy")
TAIL = "building 'numpy.core._multiarray_umath' extension\nC compiler: gcc -O2\nloops.c:214: note: vectorised\n"


def monitored_run(root: Path, hosts: int = 4, *, now: float | None = None, queued: int = 30) -> str:
    """Make the folder of a run of this process with some builders, each in another state; returns the run's ID."""
    moment = time.time() if now is None else now
    run, _lock = take_run_lock(root, os.getpid())
    with ControllerState(root, at=moment - 3000) as state:
        # A test's folder need not survive a power cut.
        state.catalog.db.execute("PRAGMA synchronous = OFF")
        _fill(state, [f"pi{number}" for number in range(1, hosts + 1)], run, moment, queued)
    return run


def _fill(state: ControllerState, hosts: list[str], run: str, now: float, queued: int) -> None:
    drawn = random.Random(13)
    for target in TARGETS:
        state.target(target)
    for number, host in enumerate(hosts):
        state.builder(host, TARGETS[number % 2], facts={"cores": 4, "slots": 1})
        last = int(now // builders.METRICS_SLOT)
        heat = 55.0
        measured = []
        for slot in range(last - 200, last + 1):
            heat = min(max(heat + drawn.uniform(-3, 3), 45), 84)
            measured.append((host, slot, round(heat, 1), round(drawn.uniform(0.2, 5), 2)))
        with state.catalog.writing() as db:
            db.executemany("INSERT INTO builder_metrics VALUES (?, ?, ?, ?)", measured)
    for number in range(queued):
        name, version = PROJECTS[number % len(PROJECTS)], f"2.{number}.0"
        state.want(name, version, target=TARGETS[number % 2], need="now", predicted_seconds=3000.0 - 90 * number)
    for number in range(60):
        name = PROJECTS[number % len(PROJECTS)]
        more = {} if number % 7 else {"failure_class": ("missing-header", "compile-error")[number % 2]}
        outcome = "failed" if more else "built"
        state.attempt(name, f"1.{number}.0", outcome=outcome, run=run, host=hosts[number % len(hosts)], **more)
    state.event("It did not answer any more; 2 builds went back to the queue.", host=hosts[-1], run=run, at=now - 600)
    sentence = "It was paused by ada: the fan is being replaced."
    state.insert("event", at=now - 300, run=run, host=hosts[0], sentence=sentence, who="ada", why="the fan")
    for number, host in enumerate(hosts):
        _post(state, host, number, run, now, queued)


def _post(state: ControllerState, host: str, number: int, run: str, now: float, queued: int) -> None:
    status = HostStatus(host, run, built=10 + number, failed=number % 3, left=queued, seconds_left=45_000.0)
    status.counted_at = now
    heat, load = 50.0 + number * 7 % 40, 0.25 * (number % 20)
    status.metrics = {
        "at": round(now), "temperature": heat, "load": [load, 1.0, 0.5], "cores": 4, "memory_total": 4 << 30,
        "memory_free": 1 << 30, "disk_total": 32 << 30, "disk_free": 9 << 30,
    }  # fmt: skip
    kind = number % 10
    if kind == 2:
        status.state, status.note = HostState.WAITING, "for pi1, which has 2 builds that may come back"
    elif kind == 3:
        status.state, status.note = HostState.SILENT, "It does not answer."
    elif kind == 6:
        status.state, status.note, status.final = HostState.SUSPENDED, "It did not build its canary.", True
    else:
        name, version, target = PROJECTS[number % len(PROJECTS)], f"2.{number}.0", TARGETS[number % 2]
        since = now - 60.0 * (number + 3)
        state.attempt(name, version, state="open", run=run, host=host, target=target, begun_at=since)
        status.state = HostState.BUILDING
        status.building = [Building(name, version, target, since, 3000.0 - 90 * number, TAIL)]
    post_status(status_folder(state.root), status)


def main(folder: str, hosts: str) -> None:
    """Make a folder and keep its run alive, with some news each second, until it is ended."""
    root = Path(folder)
    run = monitored_run(root, int(hosts))
    drawn = random.Random(1)
    while True:
        time.sleep(2)
        for path in status_folder(root).glob("*.json"):
            status = json.loads(path.read_text())
            status["at"] = time.time()
            metrics = status["metrics"]
            metrics["temperature"] = round(metrics["temperature"] + drawn.uniform(-0.6, 0.6), 1)
            metrics["load"][0] = round(max(metrics["load"][0] + drawn.uniform(-0.3, 0.3), 0), 2)
            path.with_suffix(".new").write_text(json.dumps(status))
            path.with_suffix(".new").replace(path)
        assert run


if __name__ == "__main__":
    main(*sys.argv[1:])
