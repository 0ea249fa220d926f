"""A run that was ended before its end: what is said of it, and that its status file ends."""

from __future__ import annotations

import json
import os
from pathlib import Path

from wheelfleet.engine.interrupted import after_a_run, end_status, remains_of_run
from wheelfleet.engine.lock import take_run_lock

from tests.support.catalogs import TARGET, ControllerState


def show(state: ControllerState, run: str, shown: str = "running") -> None:
    state.site.mkdir(exist_ok=True)
    (state.site / "status.json").write_text(json.dumps({"run": run, "state": shown, "at": 1, "expected_end": 7}))


def shown(state: ControllerState) -> dict:
    return json.loads((state.site / "status.json").read_text())


def test_it_names_what_is_built_but_not_published_and_what_goes_on(state: ControllerState) -> None:
    state.wheel("spidev", "3.8", serves=[TARGET])
    state.publish()
    unpublished = state.wheel("netifaces", "0.11", serves=[TARGET])
    state.want("smbus", "1.1")
    state.attempt("smbus", "1.1", state="open")
    said = remains_of_run(state.root, state.site, "run1")
    assert f"Built and not on the site yet: {unpublished}." in said
    assert "Builders go on without this run, with builds: 1 on pi1." in said
    assert said[-1].startswith("Next: ansible-playbook build.yml")


def test_a_state_folder_without_a_catalog_has_nothing_to_tell_of(tmp_path: Path) -> None:
    assert len(remains_of_run(tmp_path, tmp_path / "site", "run1")) == 2


def test_a_status_left_running_by_a_killed_run_ends_with_the_next_run(
    state: ControllerState,
) -> None:
    show(state, "killed")
    assert end_status(state.site, but_for="killed") is None
    assert end_status(state.site, but_for="next") == "killed"
    assert (shown(state)["state"], shown(state)["expected_end"]) == ("ended", None)
    assert shown(state)["at"] > 1
    assert end_status(state.site) is None, "said once"


def test_after_a_run_nothing_is_said_while_one_is_at_work_or_had_ended(
    state: ControllerState,
) -> None:
    folder = state.site.parent
    assert after_a_run(folder) == []
    run, held = take_run_lock(folder, os.getpid(), site=state.site)
    show(state, run)
    assert after_a_run(folder) == []
    os.close(held)
    assert after_a_run(folder)[0].startswith("This run did not come to its end.")
    assert shown(state)["state"] == "ended"
    assert after_a_run(folder) == []
