"""The process of a flow: it publishes and reads upstream beside a run, and is gone when it is stopped or the run is."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.engine.flow import flow_lives
from wheelfleet.engine.flow_process import ControllerWorld, digest_of_files
from wheelfleet.engine.lock import take_run_lock
from wheelfleet.engine.run_rules import RunRules, write_rules
from wheelfleet.engine.start_flow import log_file, start_flow, stop_flow
from wheelfleet.planner.inputs import PlanInputs

from tests.support.catalogs import TARGET, ControllerState
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream
from tests.support.waiting import until

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
POLICY = {
    "prereleases": "if-only",
    "yanked": False,
    "build": "missing",
    "cooldown_hours": 0,
    "skip": [],
    "max_attempts": 3,
}


@dataclass
class Beside:
    """A run, which is this process, and the flow beside it."""

    state: ControllerState
    run: str
    lock: int
    config: dict[str, Any] = field(default_factory=dict)

    def start(self, **config: Any) -> int:
        site = {
            "site_dir": str(self.state.site), "templates": [str(TEMPLATES)], "url": "", "title": "test",
            "index_view": "own", "upstream_name": "PyPI", "html_pages": True, "grace_days": 30, "signing_key": None,
            "about": "", "contact": "", "issues": "", "announcement": "", "files_url": "",
        }  # fmt: skip
        usual = {
            "state_dir": str(self.folder), "run": self.run, "site": site, "publishes": True, "publish_interval": 60,
            "follow": False, "follow_interval": 0.2, "follow_hours": 0, "watch": [], "changelog_url": "",
            "unread": 0, "read_minutes": 0, "lookup_hosts": [], "permissions": {}, "budgets": {},
            "index_url": "http://127.0.0.1:9/simple/", "credentials": "", "pip_options": {}, "timeout": 5,
        }  # fmt: skip
        write_rules(self.folder, RunRules(self.run, follow=config.get("follow", False)))
        flow = start_flow(self.folder, {**usual, **config})
        assert flow is not None
        return flow

    @property
    def folder(self) -> Path:
        return self.state.path.parent

    def log(self) -> str:
        return log_file(self.folder).read_text()


@pytest.fixture
def beside(state: ControllerState) -> Iterator[Beside]:
    folder = state.path.parent
    run, lock = take_run_lock(folder, os.getpid())
    assert lock is not None
    beside = Beside(state, run, lock)
    yield beside
    stop_flow(folder, patience=10.0)
    os.close(lock)


@pytest.mark.slow
class TestProcess:
    def test_it_publishes_a_wheel_while_the_run_goes_on(self, beside: Beside) -> None:
        beside.start()
        beside.state.wheel("eggs", "1.0", serves=[TARGET])
        page = beside.state.site / "simple" / "eggs" / "index.html"
        until(page.is_file, "the page of the wheel", 30)
        until(lambda: "published 1 changed project" in beside.log(), "a line for the operator")

    def test_a_forgotten_builder_leaves_the_pages_during_the_run(self, beside: Beside) -> None:
        beside.state.builder("pi9")
        beside.start(publish_interval=1)
        page = beside.state.site / "fleet" / "index.html"
        until(lambda: page.is_file() and "pi9" in page.read_text(), "the page with the builder", 30)
        beside.state.execute("DELETE FROM builder WHERE host = 'pi9'")
        until(lambda: "pi9" not in page.read_text(), "the page without it", 30)
        before = page.stat().st_mtime_ns
        time.sleep(3)
        assert page.stat().st_mtime_ns == before, "nothing is published while nothing changes"

    def test_it_is_stopped_at_once_where_nothing_goes_on(self, beside: Beside) -> None:
        flow = beside.start()
        assert flow_lives(beside.folder)
        assert stop_flow(beside.folder)
        assert not flow_lives(beside.folder)
        assert not stop_flow(beside.folder), "there is none any more"
        assert not alive(flow)

    def test_it_is_gone_soon_after_the_run(self, beside: Beside) -> None:
        beside.start()
        # As if the process that holds the lock were another one.
        (beside.folder / "run" / "lock").write_text("{}")
        until(lambda: not flow_lives(beside.folder), "the end of the flow", 10)

    def test_a_killed_flow_takes_its_steps_with_it(self, beside: Beside) -> None:
        with Upstream() as upstream:
            remember(beside.state, "eggs")
            upstream.add_release(pure_sdist("eggs", "1.0"))
            upstream.fault("eggs", "hang")
            flow = beside.start(follow=True, index_url=upstream.index_url)
            until(lambda: upstream.requests, "a request that is not answered", 30)
            steps = children(flow)
            assert steps
            os.kill(flow, signal.SIGKILL)
            until(lambda: not flow_lives(beside.folder), "its lock is free", 5)
            until(lambda: not any(alive(step) for step in steps), "the end of its steps", 5)

    def test_it_follows_upstream_and_plans_what_is_new(self, beside: Beside) -> None:
        remember(beside.state, "eggs")
        with Upstream() as upstream:
            upstream.add_release(pure_sdist("eggs", "1.0"))
            beside.start(follow=True, index_url=upstream.index_url)
            until(lambda: queued(beside.state) == 1, "the first release in the queue", 30)
            upstream.add_release(pure_sdist("eggs", "2.0"))
            until(lambda: queued(beside.state) == 2, "the second one", 30)
        until(lambda: "Upstream" in beside.log() or "upstream" in beside.log(), "what it says of a silent upstream", 30)
        assert flow_lives(beside.folder), "an upstream that does not answer ends nothing"


def test_it_knows_whether_packages_help_and_all_builds_have_begun(beside: Beside) -> None:
    apt = {"lookup_hosts": ["pi1"], "permissions": {"pi1": True}, "budgets": {"pi1": 1 << 30}}
    world = ControllerWorld({"state_dir": str(beside.folder), "run": beside.run, **apt}, beside.lock)
    target = beside.state.target()
    beside.state.builder("pi1", target)
    assert world.nothing_to_begin() and not world.packages_wait()
    beside.state.want("eggs", "1.0", need="now", predicted_seconds=1.0)
    assert not world.nothing_to_begin()
    attempt = beside.state.attempt("eggs", "1.0", failure_class="missing-header", blocks="target")
    beside.state.execute("UPDATE attempt SET missing_kind = 'header', subject = 'yaml.h' WHERE id = ?", attempt)
    assert world.packages_wait()


def children(process: int) -> list[int]:
    return list(map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split()))


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.long
def test_memory_and_open_files_stay_flat(beside: Beside) -> None:
    """Sixty readings of upstream and as many publications, some minutes."""
    remember(beside.state, "eggs")
    with Upstream() as upstream:
        upstream.add_release(pure_sdist("eggs", "1.0"))
        flow = beside.start(follow=True, publish_interval=0.5, index_url=upstream.index_url)
        sizes = []
        for _ in range(60):
            seen = len(upstream.requests)
            beside.state.outdate("eggs")
            until(lambda seen=seen: len(upstream.requests) > seen, "the next reading", 30)
            until(lambda: not beside.state.one("SELECT count(*) FROM project WHERE pages_stale"), "a publication", 30)
            sizes.append((len(list(Path(f"/proc/{flow}/fd").iterdir())), resident(flow)))
    early, late = sizes[10:30], sizes[40:]
    # It opens the catalog now and then, and a step is three files, so the fewest count; a leak would show at each step.
    assert min(files for files, _ in late) < min(files for files, _ in early) + 10
    assert min(memory for _, memory in late) <= 1.02 * min(memory for _, memory in early)


def resident(process: int) -> int:
    """The process's memory in KiB."""
    (line,) = (each for each in Path(f"/proc/{process}/status").read_text().splitlines() if each.startswith("VmRSS:"))
    return int(line.split()[1])


def remember(state: ControllerState, *packages: str) -> None:
    """A run has planned before, with a builder."""
    state.builder("pi1", TARGET)
    inputs = PlanInputs(packages, (), everything=False, newest="all", policy=POLICY)
    with state.catalog.writing() as db:
        inputs.remember(db)


def queued(state: ControllerState) -> int:
    (count,) = state.catalog.db.execute("SELECT count(*) FROM release_target WHERE need <> 'none'").fetchone()
    return int(count)


class TestDigest:
    def test_it_changes_with_any_file_that_an_operator_writes(self, tmp_path: Path) -> None:
        inventory, recipes = tmp_path / "hosts.yml", tmp_path / "recipes"
        (recipes / "more").mkdir(parents=True)
        seen = {digest_of_files([inventory, recipes])}
        for path in (inventory, recipes / "a.yml", recipes / "more" / "b.yml"):
            path.write_text("x")
            seen.add(digest_of_files([inventory, recipes]))
        (recipes / "a.yml").unlink()
        seen.add(digest_of_files([inventory, recipes]))
        assert len(seen) == 5

    def test_it_does_not_change_when_the_same_bytes_are_written_again(self, tmp_path: Path) -> None:
        inventory = tmp_path / "hosts.yml"
        inventory.write_text("all:\n")
        before = digest_of_files([inventory])
        inventory.write_text("all:\n")
        os.utime(inventory, (1, 1))
        assert digest_of_files([inventory]) == before
        inventory.write_text("ALL:\n")
        assert digest_of_files([inventory]) != before

    def test_it_does_not_change_with_files_of_programs(self, tmp_path: Path) -> None:
        before = digest_of_files([tmp_path])
        for name in (".git/index", ".hosts.yml.swp", "hosts.yml~", "__pycache__/x.pyc"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("x")
        assert digest_of_files([tmp_path]) == before
