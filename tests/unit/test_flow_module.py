"""M(wheelfleet_flow) and M(wheelfleet_publish), called as Ansible calls them, on a real state folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from wheelfleet.engine.flow import flow_lives
from wheelfleet.engine.lock import began, take_run_lock
from wheelfleet.engine.run_rules import read_rules
from wheelfleet.engine.start_flow import stop_flow

from tests.support.catalogs import TARGET, ControllerState
from tests.support.operator import REPOSITORY
from tests.support.waiting import until
from tests.unit.conftest import Call

SITE = {"templates": [str(REPOSITORY / "templates")], "html_pages": "false", "signing_key": ""}


@pytest.fixture
def run(state: ControllerState) -> Iterator[str]:
    """A run at work, which is this process."""
    run, lock = take_run_lock(state.path.parent, os.getpid())
    assert lock is not None
    yield run
    stop_flow(state.path.parent, patience=10.0)
    os.close(lock)


def test_the_site_is_published_with_text_for_booleans(state: ControllerState, run: str, call: Call) -> None:
    state.wheel("eggs", "1.0", serves=[TARGET])
    answer = call("wheelfleet_publish", run=run, site=SITE)
    assert answer["changed"], answer
    assert (state.path.parent / "site" / "simple" / "eggs" / "index.json").is_file()
    assert not (state.path.parent / "site" / "index.html").exists()
    assert not call("wheelfleet_publish", run=run, site=SITE)["changed"]


@pytest.mark.slow
def test_a_flow_is_started_publishes_and_is_stopped(state: ControllerState, run: str, call: Call) -> None:
    state.wheel("eggs", "1.0", serves=[TARGET])
    answer = call("wheelfleet_flow", run=run, site=SITE, publish_interval=0.1, min_free="7", minutes="20")
    assert not answer.get("failed"), answer
    assert flow_lives(state.path.parent), "before anything builds"
    rules = read_rules(state.path.parent, run)
    assert (rules.follow, rules.min_free) == (False, 7)
    assert rules.end_at is not None
    assert began(run) + 1100 < rules.end_at < began(run) + 1200, "some time is left for the publication"
    page = state.path.parent / "site" / "simple" / "eggs" / "index.json"
    until(page.is_file, "the page", 30)
    until(lambda: "published 1 changed project" in Path(answer["log"]).read_text(), "its line", 10)
    assert call("wheelfleet_flow", state="stopped") == {"changed": False}
    assert not flow_lives(state.path.parent)


def test_check_mode_starts_nothing(state: ControllerState, run: str, call: Call) -> None:
    assert call("wheelfleet_flow", check=True, run=run, site=SITE) == {"changed": False}
    assert not flow_lives(state.path.parent)


def test_a_run_is_told_to_end_once(state: ControllerState, run: str, call: Call) -> None:
    assert call("wheelfleet_flow", check=True, state="ended") == {"changed": True, "run": run}
    assert read_rules(state.path.parent, run).end_at is None
    assert call("wheelfleet_flow", state="ended") == {"changed": True, "run": run}
    assert read_rules(state.path.parent, run).end_at is not None
    assert call("wheelfleet_flow", state="ended") == {"changed": False, "run": run}


def test_where_no_run_is_at_work_there_is_none_to_end(call: Call) -> None:
    answer = call("wheelfleet_flow", state="ended")
    assert (answer["changed"], answer["run"]) == (False, "")
    assert "No run" in answer["msg"]
