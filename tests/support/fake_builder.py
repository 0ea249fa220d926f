"""A builder in memory: inbox, worker and outbox, a simulated clock, and a link that fails at a test's choice."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wheelfleet.catalog.database import Catalog
from wheelfleet.engine.batch_options import BatchOptions
from wheelfleet.engine.connected_builder import ConnectedBuilder
from wheelfleet.engine.context import Clock, Context
from wheelfleet.engine.link import LinkEvents
from wheelfleet.engine.poll import BuilderSnapshot
from wheelfleet.engine.progress import Answer
from wheelfleet.engine.rebuild_session import RebuildSession
from wheelfleet.engine.session import BuilderSession
from wheelfleet.planner import queue

from tests.support.artifacts import Artifact
from tests.support.controller import result_files
from tests.support.fleet_catalog import MAX_ATTEMPTS, NOW, Fleet
from tests.support.wheels import wheel_file

#: Seconds of the clock after which a test has hung, if it sets no other time.
LONGEST_SESSION = 2 * 3600.0
DISK = 1 << 34
LEAST_DISK = 1 << 30
LIMITS = {"seconds": 60, "silence_seconds": 60, "memory": 0, "processes": 9, "disk": 1 << 20, "log": 1 << 20}


class Killed(BaseException):
    """The controller's process is killed at this point."""


class FakeClock:
    """Time passes only in `sleep`; then the builders work."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.longest = LONGEST_SESSION
        self.builders: list[FakeBuilder] = []

    def now(self) -> float:
        return NOW + self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        assert self.seconds < self.longest, "the session never ends"
        for builder in self.builders:
            builder.work()

    @property
    def clock(self) -> Clock:
        return Clock(self.now, lambda: self.seconds, self.sleep)


@dataclass
class FakeBuilder:
    """A builder's folders, and a worker that makes one build at a time. Each build takes `seconds`."""

    clock: FakeClock
    seconds: float = 0.3
    free: int = DISK
    #: Every build fails, the canary too.
    broken: bool = False
    #: Projects whose builds fail.
    fails: frozenset[str] = frozenset()
    #: Wheels by project, instead of the usual ones.
    payload: dict[str, Artifact] = field(default_factory=dict)
    #: The number of times that a worker dies before it begins a build.
    deaths: int = 0
    #: The worker is alive but begins no build.
    stuck: bool = False
    worker: bool = False
    inbox: dict[str, dict[str, Any]] = field(default_factory=dict)
    building: dict[str, tuple[dict[str, Any], float]] = field(default_factory=dict)
    outbox: dict[str, dict[str, bytes]] = field(default_factory=dict)
    #: Attempts that the controller wants ended.
    stop: set[str] = field(default_factory=set)
    #: Attempts in the order in which they were finished.
    finished: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock.builders.append(self)

    def start(self) -> None:
        self.worker = True
        self.work()

    def work(self) -> None:
        """Bring the worker's builds up to the present time."""
        if self.worker and self.deaths:
            self.deaths -= 1
            self.crash()
        begins = self.clock.seconds
        while self.worker:
            self._end_stopped()
            for attempt, (assignment, since) in list(self.building.items()):
                if self.clock.seconds - since < self.seconds:
                    return
                begins = since + self.seconds
                del self.building[attempt]
                self.finished.append(attempt)
                self.outbox[attempt] = self._result(attempt, assignment)
            if self.stuck:
                return
            if not self.inbox:
                self.worker = False
                return
            attempt = next(iter(self.inbox))
            self.building[attempt] = (self.inbox.pop(attempt), begins)

    def _end_stopped(self) -> None:
        for attempt in self.stop & (self.inbox.keys() | self.building.keys()):
            assignment = self.inbox.pop(attempt, None) or self.building.pop(attempt)[0]
            self.outbox[attempt] = result_files(attempt, kind=assignment["kind"], stopped_by="operator")
        self.stop = set()

    def crash(self) -> None:
        """End the worker, or the host; its builds return to the inbox."""
        self.worker = False
        self.inbox |= {attempt: assignment for attempt, (assignment, _) in self.building.items()}
        self.building = {}

    def _result(self, attempt: str, assignment: dict[str, Any]) -> dict[str, bytes]:
        if self.broken or assignment["name"] in self.fails:
            return result_files(attempt, kind=assignment["kind"])
        usual = wheel_file(assignment["name"], assignment["version"])
        return result_files(attempt, self.payload.get(assignment["name"], usual), kind=assignment["kind"])


@dataclass
class Fault:
    """An action before or after the n-th step of a kind ("link", "write", or a method of the link); with `lasting`,
    also at each later step."""

    kind: str
    number: int
    when: str
    do: Callable[[], None]
    lasting: bool = False


@dataclass
class Faults:
    """Counts the steps of sessions and runs the faults."""

    faults: list[Fault] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    @contextlib.contextmanager
    def step(self, *kinds: str) -> Iterator[None]:
        for kind in kinds:
            self.counts[kind] = self.counts.get(kind, 0) + 1
        self._strike(kinds, "before")
        yield
        self._strike(kinds, "after")

    def _strike(self, kinds: tuple[str, ...], when: str) -> None:
        for fault in self.faults:
            if fault.kind in kinds and fault.when == when:
                count = self.counts[fault.kind]
                if count == fault.number or (fault.lasting and count > fault.number):
                    fault.do()


class KillableCatalog(Catalog):
    """A catalog whose transactions are steps."""

    faults: Faults | None = None

    @contextlib.contextmanager
    def writing(self) -> Iterator[Any]:
        if self.faults is None:
            with super().writing() as db:
                yield db
            return
        with self.faults.step("write"), super().writing() as db:
            yield db


def _opened(path: Path, faults: Faults | None = None) -> KillableCatalog:
    catalog = KillableCatalog(path)
    catalog.db.execute("PRAGMA synchronous = OFF")
    catalog.faults = faults
    return catalog


def queue_of(folder: Path, hosts: Iterable[str], projects: Iterable[str]) -> Path:
    """Make a catalog in which each host can build each of the projects; returns its path."""
    with Fleet(folder) as fleet:
        fleet.execute("UPDATE target SET tags = ?", json.dumps(["py3-none-any"]))
        for host in hosts:
            fleet.builder(host, 11)
        for project in projects:
            fleet.queue(project, 11)
        fleet.catalog.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "catalog.sqlite"


class FakeLink:
    """The Link to a fake builder; each method is a step."""

    def __init__(self, builder: FakeBuilder, events: LinkEvents, faults: Faults, acknowledged: Callable[[str], None]):
        self.builder = builder
        self.events = events
        self.faults = faults
        self.acknowledged = acknowledged

    def poll(self, acknowledged: Collection[str], *, tails: bool = False) -> BuilderSnapshot:
        with self.faults.step("link", "poll"):
            for attempt in acknowledged:
                self.acknowledged(attempt)
                self.builder.outbox.pop(attempt, None)
            self.builder.work()
            builder = self.builder
            return BuilderSnapshot(
                builder.worker,
                {attempt: builder.clock.seconds - since for attempt, (_, since) in builder.building.items()},
                frozenset(builder.inbox),
                {attempt: {n: len(data) for n, data in files.items()} for attempt, files in builder.outbox.items()},
                builder.free,
                builder.clock.now(),
                tails={attempt: f"compiling {attempt}" for attempt in builder.building} if tails else {},
            )

    def hand_over(self, assignments: list[dict[str, Any]]) -> None:
        with self.faults.step("link", "hand_over"):
            builder = self.builder
            for each in json.loads(json.dumps(assignments)):
                if each["attempt"] not in builder.building.keys() | builder.outbox.keys():
                    builder.inbox[each["attempt"]] = each
            builder.start()

    def withdraw(self, attempts: Collection[str]) -> list[str]:
        with self.faults.step("link", "withdraw"):
            return [attempt for attempt in attempts if self.builder.inbox.pop(attempt, None)]

    def stop(self, attempts: Collection[str]) -> None:
        with self.faults.step("link", "stop"):
            self.builder.stop |= set(attempts) & (self.builder.inbox.keys() | self.builder.building.keys())

    def fetch(self, attempt: str, files: Mapping[str, int], staging: Path) -> None:
        with self.faults.step("link", "fetch"):
            for name in files:
                (staging / name).write_bytes(self.builder.outbox[attempt][name])


class Run:
    """A fleet of fake builders and the sessions of a run with them.

    A result may be acknowledged only if the catalog has it, or another wheel of its release.
    """

    def __init__(self, catalog: Path, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.path = Path(shutil.copy(catalog, folder))
        self.catalog = _opened(self.path)
        self.clock = FakeClock()
        hosts = self.catalog.db.execute("SELECT host FROM builder ORDER BY host")
        self.builders = {row["host"]: FakeBuilder(self.clock) for row in hosts}
        self.lines: list[str] = []
        #: The events of each host's link.
        self.links: dict[str, LinkEvents] = {}

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.catalog.close()

    def options(self, **changes: Any) -> BatchOptions:
        defaults: dict[str, Any] = {
            "run": "run1", "hosts": len(self.builders), "own_index_url": None, "crates_index": "", "go_proxy": "",
            "pip_options": {},
            "limits": LIMITS, "environment": {}, "sandbox": True, "repair": True, "repair_exclude": (),
            "check_imports": True, "max_attempts": MAX_ATTEMPTS, "min_free": LEAST_DISK,
        }  # fmt: skip
        return BatchOptions(state_dir=self.folder, **{**defaults, **changes})

    @contextlib.contextmanager
    def connected(self, host: str, faults: Faults | None = None, **changes: Any) -> Iterator[ConnectedBuilder]:
        """A builder over its link, as in a session, with a catalog opened as by a process of its own."""
        faults = faults or Faults()
        with _opened(self.path, faults) as catalog:
            yield ConnectedBuilder(
                Context(catalog, host, self.options(**changes), self.clock.clock),
                lambda events: self._connect(host, events, faults),
                self._line,
            )

    def _connect(self, host: str, events: LinkEvents, faults: Faults) -> FakeLink:
        self.links[host] = events
        return FakeLink(self.builders[host], events, faults, self._acknowledged)

    def session(self, host: str, faults: Faults | None = None, **changes: Any) -> Answer:
        """One call of the batch module."""
        with self.connected(host, faults, **changes) as builder:
            session = RebuildSession(builder) if "rebuild_percent" in changes else BuilderSession(builder)
            return session.work()

    def drain(self, *hosts: str, faults: Faults | None = None) -> None:
        """Call the batch module until each host is drained, as the play does; one host after the other."""
        for host in hosts or self.builders:
            while not self.session(host, faults)["drained"]:
                pass

    def next_run(self) -> None:
        """Run again with every host, so that builds in progress are delivered."""
        with self.catalog.writing() as db:
            for host in self.builders:
                db.execute(
                    "INSERT OR IGNORE INTO builder_target VALUES (?, 11, '/tools/python', '/usr/bin/python3')", (host,)
                )
        self.drain()
        self.clock.sleep(60.0)
        self.drain()

    def check(self) -> None:
        """Check that every project has exactly one wheel and that nothing is left in any folder."""
        db = self.catalog.db
        assert [
            row["state"] for row in db.execute("SELECT state FROM attempt WHERE state NOT IN ('done', 'lost')")
        ] == []
        assert queue.progress(self.catalog, "run1").left == 0
        projects = [row["name"] for row in db.execute("SELECT name FROM project ORDER BY name")]
        wheels = db.execute("SELECT filename FROM wheel WHERE removed_at IS NULL ORDER BY filename")
        assert [row["filename"] for row in wheels] == [f"{name}-1.0-py3-none-any.whl" for name in projects]
        # A late result may arrive during another attempt: both are built, and the index has one wheel.
        built = [row["release_id"] for row in db.execute("SELECT release_id FROM attempt WHERE outcome = 'built'")]
        assert set(built) == set(range(1, len(projects) + 1))
        assert sum(line.startswith("built ") for line in self.lines) <= len(built), "a result is taken in once"
        for builder in self.builders.values():
            assert (builder.inbox, builder.building, builder.outbox) == ({}, {}, {})
        assert list((self.folder / "incoming").glob("*")) == []

    def events(self) -> list[str]:
        return [row["sentence"] for row in self.catalog.db.execute("SELECT sentence FROM event ORDER BY id")]

    def finished(self) -> int:
        """The number of builds of all builders."""
        return sum(len(builder.finished) for builder in self.builders.values())

    def _line(self, text: str, *, begins: bool = False) -> None:
        self.lines.append(text)

    def _acknowledged(self, attempt: str) -> None:
        row = self.catalog.db.execute(
            """
            SELECT a.state, EXISTS (SELECT 1 FROM wheel w WHERE w.release_id = a.release_id) AS have
            FROM attempt a WHERE a.id = ?
            """,
            (attempt,),
        ).fetchone()
        assert row is None or row["state"] == "done" or row["have"], f"{attempt} is acknowledged and not kept"
