"""How long a wheel takes from its admission to a web node, while builders build.

The controller publishes by the flow's own rules, and the mirror is real rsync, on one machine; the builders are only a
stream of admissions. The second measurement has a node beside the first that takes seconds for every command: it must
hold up nobody.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from wheelfleet.catalog.database import Catalog
from wheelfleet.engine.flow import Flow, FlowOptions, Step, StepEnd
from wheelfleet.engine.run_rules import RunRules
from wheelfleet.site.journal import Journal
from wheelfleet.site.mirror import Abandoned, bring_up_to_date
from wheelfleet.site.mirror_schedule import MirrorSchedule
from wheelfleet.site.publication import Published, publish_site

from benchmarks.catalogs import Generated
from tests.support.catalogs import ControllerState

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
PROJECTS = 2_000
#: Seconds of a measurement, and seconds between two admissions in the mean.
SECONDS, PAUSE = 90.0, 2.0
#: Seconds that the slow node takes for a command; rsync adds its own.
SLOW = 4.0
#: Seconds between two looks of a web node's task (action_plugins/wheelfleet_status.py).
LOOK = 0.3


def measure() -> None:
    """Print the table."""
    if shutil.which("rsync") is None:
        print("publishing needs rsync; apt-get install rsync", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as scratch:
        results = {}
        for title, nodes in (("one web node", [0.0]), ("beside a slow one", [0.0, SLOW])):
            print(f"publishing: {title}, {SECONDS:.0f} s", file=sys.stderr)
            results[title] = _stream(Path(scratch) / title.replace(" ", "-"), nodes)
    print(f"\nFrom a wheel's admission to the web node's index, {PROJECTS:,} projects, a wheel each {PAUSE:.0f} s:")
    print(f"{'':30}{'wheels':>8}{'median':>10}{'95th':>10}{'longest':>10}{'published':>11}{'ratio':>8}")
    first = next(iter(results.values()))
    for title, seen in results.items():
        print(
            f"{title:30}{len(seen.waits):8}{_part(seen.waits, 0.5):8.1f} s{_part(seen.waits, 0.95):8.1f} s"
            f"{max(seen.waits):8.1f} s{seen.publications:11}{_part(first.waits, 0.95) / _part(seen.waits, 0.95):8.2f}"
        )
    print(f"At the end of the run alone, as before, the median would be {SECONDS / 2:.0f} s of these {SECONDS:.0f} s.")


def _part(waits: Sequence[float], part: float) -> float:
    return sorted(waits)[min(int(len(waits) * part), len(waits) - 1)]


@dataclass
class Seen:
    """Seconds from admission to the fast node's index for each wheel; the number of publications."""

    waits: list[float] = field(default_factory=list)
    publications: int = 0


class Folder:
    """A web node that is a folder here, and takes `delay` seconds for each command (the Node of site/mirror.py)."""

    remote_shell = None

    def __init__(self, root: Path, name: str, delay: float) -> None:
        root.mkdir(parents=True)
        self.root = self.destination = str(root)
        self.name, self.delay = name, delay

    def run(self, command: str) -> tuple[int, str]:
        """Run a command."""
        time.sleep(self.delay)
        done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout


class PublishingWorld:
    """The World of a flow that only publishes, each time in a thread."""

    def __init__(self, state_dir: Path, site: Path, over: Callable[[], bool], seen: Seen) -> None:
        self.state_dir, self.site, self.over, self.seen = state_dir, site, over, seen
        self.thread: threading.Thread | None = None
        self.published = Published()

    def run_lives(self) -> bool:
        """Whether the measurement goes on."""
        return not self.over()

    def rules(self) -> RunRules:
        """The rules of a run that does not follow."""
        return RunRules()

    def waiting(self, most: int) -> int:
        """The number of projects whose pages are stale."""
        with Catalog(self.state_dir / "catalog.sqlite") as catalog:
            (count,) = catalog.db.execute("SELECT count(*) FROM project WHERE pages_stale").fetchone()
            return min(int(count), most)

    def overviews_wait(self) -> bool:
        """Nothing changes that is no wheel."""
        return False

    def begin(self, step: Step) -> None:
        """Publish in a thread."""
        self.thread = threading.Thread(target=self._publish)
        self.thread.start()

    def ended(self) -> list[StepEnd]:
        """The publication that has ended."""
        if self.thread is None or self.thread.is_alive():
            return []
        self.thread = None
        self.seen.publications += 1
        return [StepEnd("publish", {"written": len(self.published.changed), "projects": 0, "files": 0})]

    def _publish(self) -> None:
        with Catalog(self.state_dir / "catalog.sqlite") as catalog:
            self.published = publish_site(
                catalog,
                files_dir=self.state_dir / "files",
                logs_dir=self.state_dir / "logs",
                site_dir=self.site,
                template_dirs=[TEMPLATES],
            )

    def packages_wait(self) -> bool:
        return False

    def nothing_to_begin(self) -> bool:
        return False

    def leave_for_packages(self) -> None:
        pass

    def stop(self, step: Step) -> None:
        """Nothing is stopped."""

    def inputs(self) -> str:
        """There are no files of an operator."""
        return ""

    def end_run(self, why: str) -> None:
        """Nothing ends it."""

    def say(self, line: str) -> None:
        """Say nothing."""

    def note(self, sentence: str) -> None:
        """Say what went wrong."""
        print(sentence, file=sys.stderr)

    def show(self, note: str) -> None:
        """Show nothing."""

    def tell_operators(self) -> None:
        """Tell nobody."""


def _stream(root: Path, delays: Sequence[float]) -> Seen:
    """Admit wheels for a while, publish and mirror meanwhile."""
    generated = Generated(root / "state", PROJECTS, PROJECTS, targets=1)
    generated.place_files()
    seen = Seen()
    with ControllerState(generated.root) as state:
        state.publish()
    nodes = [Folder(root / f"node{number}", f"node{number}", delay) for number, delay in enumerate(delays)]
    for node in nodes:
        bring_up_to_date(generated.site, Folder(root / f"{node.name}-first", node.name, 0))
        shutil.rmtree(node.root)
        shutil.move(root / f"{node.name}-first", node.root)
    over = threading.Event()
    admitted: dict[str, float] = {}
    threads = [
        threading.Thread(target=_admit, args=(generated, admitted)),
        *(threading.Thread(target=_mirror, args=(generated.site, node, over)) for node in nodes),
        threading.Thread(target=_look, args=(Path(nodes[0].root), admitted, over, seen)),
    ]
    world = PublishingWorld(generated.root, generated.site, over.is_set, seen)
    flow = threading.Thread(target=Flow(FlowOptions("run1"), world).work)
    for thread in [*threads, flow]:
        thread.start()
    threads[0].join()
    until = time.monotonic() + 120
    while len(seen.waits) < len(admitted) and time.monotonic() < until:
        time.sleep(0.1)
    over.set()
    for thread in [*threads, flow]:
        thread.join()
    if world.thread:
        world.thread.join()
    return seen


def _admit(generated: Generated, admitted: dict[str, float]) -> None:
    draw = random.Random(2)
    end = time.monotonic() + SECONDS
    with ControllerState(generated.root) as state:
        while time.monotonic() < end:
            name = generated.names[len(admitted)]
            state.wheel(name, "99.0")
            admitted[name] = time.monotonic()
            time.sleep(draw.expovariate(1 / PAUSE))


def _mirror(site: Path, node: Folder, over: threading.Event) -> None:
    """What a web node's task does during a run."""
    schedule, journal = MirrorSchedule(60.0), Journal(site)
    while not over.wait(LOOK):
        began = time.monotonic()
        if schedule.is_due(journal.position(), began):
            with suppress(Abandoned):
                mirrored = bring_up_to_date(site, node, go_on=lambda: not over.is_set())
                schedule.done(mirrored.position, began, time.monotonic())


def _look(node: Path, admitted: dict[str, float], over: threading.Event, seen: Seen) -> None:
    """Look for the admitted wheels in the node's index, as an installer would."""
    found: set[str] = set()
    while not over.wait(0.1):
        for name, at in list(admitted.items()):
            if name in found:
                continue
            with suppress(FileNotFoundError, ValueError):
                if "99.0" in json.loads((node / "simple" / name / "index.json").read_text())["versions"]:
                    seen.waits.append(time.monotonic() - at)
                    found.add(name)
