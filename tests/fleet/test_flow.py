"""A flow of an hour: new releases appear all the time while every part is killed at random moments. In the end the
index is that of a run that nobody disturbed.

    make test-long                                         # an hour, and some minutes for the undisturbed run
    WHEELFLEET_FLOW_MINUTES=6 WHEELFLEET_FLOW_SEED=7 .venv/bin/pytest -s tests/fleet/test_flow.py

In the first third the controller's processes are killed too, and the run is started again as the service does. Then
one run lasts to the end, among faults of builders and of the web node; its processes must not grow.
"""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.engine.flow import flow_process

from tests.lab import Lab
from tests.support import sdists
from tests.support.fleet_operator import FleetOperator
from tests.support.processes import children, command_of, kill
from tests.support.site_pages import index_without_times
from tests.support.upstream import Upstream
from tests.support.waiting import until

MINUTES = float(os.environ.get("WHEELFLEET_FLOW_MINUTES", "60"))
SEED = int(os.environ.get("WHEELFLEET_FLOW_SEED") or random.randrange(10_000))
#: The part of the time in which the controller's processes are killed too.
STORM = 1 / 3
#: Seconds between two releases in the mean, and between two faults at least and at most.
NEWS, CALM = 12.0, (15.0, 45.0)
#: Seconds after which a builder that does not answer is lost, and for which a cut lasts: shorter and longer than that.
PATIENCE, CUT = 25, (2.0, 40.0)
#: Seconds between two measurements of memory and open files.
MEASURE = 10.0
#: How much a process may grow from the first quarter to the last one: a part of its memory, KiB, open files.
GROWTH, KIB, FILES = 0.05, 4096, 2

FOLLOW = ("-e", "controller_follow=true", "-e", "controller_follow_interval=5", "-e", "site_publish_interval=20")
BUILDERS = ("build1", "build2", "build3")


class Stream:
    """Releases that appear upstream: most build, some fail, in seconds that their version decides."""

    def __init__(self, upstream: Upstream, chance: random.Random) -> None:
        self.upstream = upstream
        self.chance = chance
        self.names = [f"stream{number}" for number in range(24)]
        self.versions: dict[str, int] = defaultdict(int)
        for name in self.names[:12]:
            self.release(name)

    def release(self, name: str | None = None) -> None:
        name = name or self.chance.choice(self.names)
        self.versions[name] += 1
        version = f"{self.versions[name]}.0"
        script = f"import time\ntime.sleep({self.chance.uniform(0.5, 8.0):.1f})\n"
        kind = self.chance.random()
        if kind < 0.1:
            self.upstream.add_release(sdists.c_sdist(name, version, script=f"{script}raise AssertionError('no')\n"))
        elif kind < 0.4:
            self.upstream.add_release(sdists.pure_sdist(name, version, script=script))
        else:
            self.upstream.add_release(sdists.c_sdist(name, version, script=script))

    @property
    def releases(self) -> int:
        return sum(self.versions.values())

    def flow(self, over: threading.Event) -> None:
        """Release until it is over."""
        while not over.wait(self.chance.expovariate(1 / NEWS)):
            self.release()
        # A name that upstream does not know would be an error of the operator's.
        for name in self.names:
            if name not in self.versions:
                self.release(name)


class Service:
    """Starts a run that follows again and again, as the service does."""

    def __init__(self, operator: FleetOperator, log: Path) -> None:
        self.operator = operator
        self.log = log
        self.run: int = 0
        self.ends: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._repeat)

    @contextmanager
    def working(self) -> Iterator[Service]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            kill(self.run)
            self._thread.join()

    def end(self) -> None:
        """End the run in good order, and begin no further one."""
        self._over.set()
        self.operator.play("playbooks/end.yml")
        self._thread.join(300)
        assert not self._thread.is_alive(), "the run did not end"

    def _repeat(self) -> None:
        while True:
            with self.log.open("a") as log, self.operator.start(*FOLLOW) as run:
                self.run = run.pid
                assert run.stdout
                for line in run.stdout:
                    log.write(line)
                    log.flush()
            self.ends.append(run.returncode)
            if self._over.wait(1.0):
                return


class Faults:
    """What goes wrong, at random."""

    def __init__(self, lab: Lab, service: Service, chance: random.Random) -> None:
        self.lab = lab
        self.service = service
        self.chance = chance
        self.began = time.monotonic()
        self.done: list[str] = []

    def among(self, *faults: Callable[[], str | None]) -> None:
        """One of these."""
        fault = self.chance.choice(faults)
        at = time.monotonic() - self.began
        what = fault()
        if what is not None:
            self.done.append(fault.__name__)
            print(f"{at:6.0f} s {what}", flush=True)

    def run(self) -> str | None:
        """The controller's run, an ansible-playbook."""
        return self._kill([self.service.run], "the run")

    def session(self) -> str | None:
        """A builder's session, or what shows the run on the web node: a process of the run."""
        return self._kill(children(self.service.run), "a session")

    def flow(self) -> str | None:
        """The run's flow."""
        return self._kill([flow_process(self.service.operator.state) or 0], "the flow")

    def step(self) -> str | None:
        """A publication or a reading of upstream."""
        found: list[int] = []
        end = time.monotonic() + 15
        while not found and time.monotonic() < end:
            found = children(flow_process(self.service.operator.state) or 0)
            time.sleep(0.02)
        return self._kill(found, "a step of the flow")

    def worker(self) -> str | None:
        """A builder's worker."""
        host = self.chance.choice(BUILDERS)
        workers = [pid for pid in self.lab.pids(host) if b"wheelfleet.builder.worker" in command_of(pid)]
        return self._kill(workers, f"the worker of {host}")

    def power(self) -> str | None:
        """A builder's power."""
        host = self.chance.choice(BUILDERS)
        if self._would_be_guilty(host):
            return None
        self.lab.kill(host)
        seconds = self._pause()
        self.lab.start(host)
        return f"{host} was off for {seconds:.0f} s"

    def cable(self) -> str | None:
        """A builder's connection."""
        host = self.chance.choice(BUILDERS)
        if self._would_be_guilty(host):
            return None
        self.lab.cut(host)
        seconds = self._pause()
        self.lab.mend(host)
        return f"{host} was cut off for {seconds:.0f} s"

    def web(self) -> str | None:
        """The web node's power."""
        self.lab.kill("web1")
        seconds = self._pause()
        self.lab.start("web1")
        return f"web1 was off for {seconds:.0f} s"

    def _pause(self) -> float:
        seconds = self.chance.uniform(*CUT)
        time.sleep(seconds)
        return seconds

    def _kill(self, pids: list[int], what: str) -> str | None:
        alive = [pid for pid in pids if pid and Path(f"/proc/{pid}").exists()]
        if not alive:
            return None
        kill(self.chance.choice(alive))
        return f"{what} was killed"

    def _would_be_guilty(self, host: str) -> bool:
        """Whether the host holds a build that was lost with another host before: what takes two hosts down fails for
        good, and rightly so."""
        return bool(
            ask(
                self.service.operator,
                "SELECT 1 FROM attempt a JOIN attempt b ON b.release_id = a.release_id AND b.id <> a.id "
                "WHERE a.host = ? AND a.state = 'open' AND b.retry_on = 'elsewhere'",
                host,
            )
        )


class Sizes:
    """Memory (KiB) and open files of the run, of its flow and of its sessions, by process."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.seen: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)

    def measure(self, over: threading.Event) -> None:
        while not over.wait(MEASURE):
            run, flow = self.service.run, flow_process(self.service.operator.state)
            for what, pids in (("run", [run]), ("flow", [flow or 0]), ("session", children(run))):
                for pid in pids:
                    # It may have ended, or be a zombie.
                    with suppress(OSError, ValueError):
                        self.seen[what, pid].append((resident(pid), len(list(Path(f"/proc/{pid}/fd").iterdir()))))

    def sessions_of(self, run: int) -> list[int]:
        """The run's processes that were there most of the time: builders' sessions, and what shows the run."""
        least = len(self.seen["run", run]) / 2
        lasting = [pid for (what, pid), seen in self.seen.items() if what == "session" and len(seen) > least]
        assert len(lasting) >= len(BUILDERS), {key: len(seen) for key, seen in self.seen.items()}
        return lasting

    def assert_flat(self, what: str, pid: int) -> None:
        """Compare the last quarter with the first: memory by its median, files by the most, because a step has some."""
        seen = self.seen[what, pid]
        quarter = len(seen) // 4
        (memory, files), (later_memory, later_files) = (
            (statistics.median(kib for kib, _ in part), max(files for _, files in part))
            for part in (seen[:quarter], seen[-quarter:])
        )
        print(f"{what}: {memory:.0f} KiB, {files} files in the first quarter, {later_memory:.0f}, {later_files} in "
              f"the last one; {len(seen)} measurements")  # fmt: skip
        assert later_memory <= memory * (1 + GROWTH) + KIB, seen
        assert later_files <= files + FILES, seen


def resident(pid: int) -> int:
    (line,) = (each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1])


def ask(operator: FleetOperator, question: str, *values: object) -> list[Any]:
    """The catalog's answer; nothing while there is no catalog."""
    try:
        return operator.query(question, *values)
    except sqlite3.OperationalError:
        return []


@pytest.mark.long
def test_a_flow_with_every_part_killed_ends_in_the_same_index(
    fleet_operator: FleetOperator,
    fleet_operators: Callable[..., FleetOperator],
    fleet_upstream: Upstream,
    fleet: Lab,
    tmp_path: Path,
):
    print(f"\nWHEELFLEET_FLOW_SEED={SEED}, {MINUTES:g} minutes, {tmp_path}")
    operator, chance = fleet_operator, random.Random(SEED)
    stream = Stream(fleet_upstream, random.Random(SEED + 1))
    wanted = {"controller_packages": stream.names, "controller_newest": "all", "builder_parallel": 2}
    operator.variables |= {**wanted, "builder_patience": PATIENCE}
    service = Service(operator, tmp_path / "runs.log")
    faults, sizes, over = Faults(fleet, service, chance), Sizes(service), threading.Event()
    helpers = [threading.Thread(target=each, args=(over,)) for each in (stream.flow, sizes.measure)]
    with service.working():
        for helper in helpers:
            helper.start()
        try:
            of_builders = (faults.worker, faults.power, faults.cable, faults.web, faults.step)
            end = time.monotonic() + MINUTES * 60 * STORM
            while time.monotonic() < end:
                time.sleep(chance.uniform(*CALM))
                faults.among(faults.run, faults.run, faults.session, faults.flow, *of_builders)
            # A builder that is off now must not miss the run that is measured.
            killed = flow_process(operator.state)
            runs = len(service.ends)
            kill(service.run)
            until(lambda: len(service.ends) > runs, "the next run", 60)
            # The flow of the killed run goes on for a moment, and the next one is 0 while it is being started.
            until(lambda: flow_process(operator.state) not in (None, 0, killed), "its flow", 400)
            flow, run = flow_process(operator.state), service.run
            end = time.monotonic() + MINUTES * 60 * (1 - STORM)
            while time.monotonic() < end:
                time.sleep(chance.uniform(*CALM))
                faults.among(*of_builders)
                assert service.run == run, (tmp_path / "runs.log").read_text()
            assert flow_process(operator.state) == flow
        finally:
            over.set()
            for helper in helpers:
                helper.join()
        print(f"{stream.releases} releases, {len(service.ends)} runs ended, faults: {sorted(faults.done)}")
        # Upstream is asked at its own pace, so the first builds of the last releases may not be in the queue yet.
        time.sleep(30)
        until(lambda: not left(operator), "the builds that are left", 600)
        service.end()
    operator.build()
    assert operator.build().changed == 0
    for name in stream.names:
        page = f"simple/{name}/index.json"
        served = fleet.run(["curl", "-sf", f"http://{fleet.address('web1')}/{page}"], check=False).stdout
        assert served == ((operator.site / page).read_text() if (operator.site / page).exists() else "")
    sizes.assert_flat("run", run)
    sizes.assert_flat("flow", flow or 0)
    for session in sizes.sessions_of(run):
        sizes.assert_flat("session", session)
    undisturbed = fleet_operators(fleet_upstream.index_url, stream.names, **wanted)
    undisturbed.play("build.yml", timeout=MINUTES * 60)
    assert outcomes(operator) == outcomes(undisturbed)
    assert index_without_times(operator.site) == index_without_times(undisturbed.site)


def left(operator: FleetOperator) -> list[Any]:
    """The builds that are in the queue, or held."""
    return ask(
        operator,
        "SELECT release_id FROM release_target WHERE need = 'now' UNION "
        "SELECT release_id FROM attempt WHERE state = 'open'",
    )


def outcomes(operator: FleetOperator) -> dict[str, str]:
    """How each release ended: a wheel, or the class of its failure."""
    rows = operator.query(
        """
        SELECT p.name || ' ' || r.version AS release,
               CASE WHEN EXISTS (SELECT 1 FROM wheel w WHERE w.release_id = r.id AND w.removed_at IS NULL) THEN 'built'
                    ELSE (SELECT a.failure_class FROM attempt a
                          WHERE a.release_id = r.id AND a.failure_class IS NOT NULL
                          ORDER BY a.finished_at DESC LIMIT 1) END AS outcome
        FROM release r JOIN project p ON p.id = r.project_id
        """
    )
    return {row["release"]: row["outcome"] for row in rows}
