"""What upstream deletes: off the pages at once, off the disks after the grace period, its name never given again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from wheelfleet.admission.admit import Admitted, Storage, admit
from wheelfleet.engine.audit import Audit, Finding

from tests.support.artifacts import Artifact
from tests.support.catalogs import TARGET, ControllerState, site_bytes
from tests.support.site_pages import broken_links, listed
from tests.support.wheels import wheel_file

GRACE = 30 * 86400.0
DELETED = "spidev-3.7-py3-none-any.whl"
KEPT = "spidev-3.8-py3-none-any.whl"


@pytest.fixture
def state(state: ControllerState) -> ControllerState:
    """Upstream has just deleted spidev 3.7; the pages know."""
    state.target(tags=["cp311-cp311-linux_aarch64", "py3-none-any"])
    state.wheel("spidev", "3.7", serves=[TARGET])
    state.wheel("spidev", "3.8", serves=[TARGET])
    state.wheel("netifaces", "0.11", serves=[TARGET])
    state.publish(grace_seconds=GRACE)
    state.upstream_removes("spidev", "3.7")
    state.publish(grace_seconds=GRACE)
    return state


def gone_for(state: ControllerState, seconds: float) -> None:
    """As if upstream had deleted it so long ago."""
    state.execute("UPDATE release SET gone_at = ? WHERE gone_at IS NOT NULL", time.time() - seconds)


def copies(state: ControllerState, filename: str = DELETED) -> set[str]:
    """Everything on the controller and the site that has this file's name."""
    return {str(path.relative_to(state.root)) for path in state.root.rglob(f"{filename}*")}


EVERY_COPY = {
    f"files/spidev/{DELETED}",
    f"site/files/spidev/{DELETED}",
    f"site/files/spidev/{DELETED}.metadata",
    f"site/provenance/spidev/{DELETED}.json",
}


def audit(state: ControllerState, *, repair: bool = False) -> list[Finding]:
    return list(Audit(state.catalog, state.files_dir, state.logs_dir, state.site, repair=repair).run())


def test_a_deleted_release_leaves_the_pages_and_its_files_stay_for_a_while(
    state: ControllerState,
) -> None:
    assert listed(state.site, "spidev") == [KEPT]
    assert copies(state) == EVERY_COPY
    gone_for(state, GRACE - 3600)
    assert state.publish(grace_seconds=GRACE).changed == []
    assert copies(state) == EVERY_COPY
    assert state.one("SELECT count(*) FROM wheel WHERE removed_at IS NOT NULL") == 0


def test_after_the_grace_period_the_files_go_and_nothing_else_is_touched(state: ControllerState) -> None:
    before = site_bytes(state.site)
    others = {path for path in state.files_dir.rglob("*.whl") if path.name != DELETED}
    gone_for(state, GRACE + 1)
    state.publish(grace_seconds=GRACE)
    assert copies(state) == set()
    assert set(state.files_dir.rglob("*.whl")) == others
    after = site_bytes(state.site)
    assert {path for path in before if DELETED in path} == before.keys() - after.keys()
    assert after.keys() <= before.keys()
    stays = ("files/", "simple/", "logs/", "provenance/", "project/netifaces/")
    assert {path for path in after if before[path] != after[path] and path.startswith(stays)} == set()
    assert broken_links(state.site) == []
    assert audit(state) == []
    assert state.publish(grace_seconds=GRACE).changed == []


def test_the_catalog_keeps_its_name_so_that_other_bytes_never_get_it(state: ControllerState) -> None:
    gone_for(state, GRACE + 1)
    state.publish(grace_seconds=GRACE)
    assert state.one("SELECT removed_at IS NOT NULL FROM wheel WHERE filename = ?", DELETED) == 1
    assert state.one("SELECT count(*) FROM wheel_target") == 2
    state.upstream_file(state.release("spidev", "3.7"), "spidev-3.7.tar.gz")
    other = built_again(state, wheel_file("spidev", "3.7", files={"spidev.py": "other = 'code'\n"}))
    assert other.wheel == "spidev-3.7-1-py3-none-any.whl"
    state.publish(grace_seconds=GRACE)
    assert listed(state.site, "spidev") == [other.wheel, KEPT]


def test_a_release_that_comes_back_within_the_grace_period_is_listed_again(state: ControllerState) -> None:
    gone_for(state, GRACE - 3600)
    state.upstream_file(state.release("spidev", "3.7"), "spidev-3.7.tar.gz")
    state.publish(grace_seconds=GRACE)
    assert listed(state.site, "spidev") == [DELETED, KEPT]
    state.upstream_removes("spidev", "3.7")
    state.publish(grace_seconds=GRACE)
    assert copies(state) == EVERY_COPY, "its time begins anew"


def built_again(state: ControllerState, wheel: Artifact) -> Admitted:
    """A builder sends a wheel of spidev 3.7 that it was asked for."""
    state.execute("DELETE FROM builder_target")
    state.builder("pi1", TARGET)
    attempt = state.attempt("spidev", "3.7", state="open", outcome=None, log=None)
    staging = state.root / "incoming"
    staging.mkdir(exist_ok=True)
    (staging / wheel.filename).write_bytes(wheel.data)
    result = {
        "schema": 1, "attempt": attempt, "outcome": "built", "stopped_by": None, "phase": "collect", "exit_code": 0,
        "seconds": 1.0, "cpu_seconds": 1.0, "peak_memory": 1, "interpreter": "CPython 3.11.2", "build_requires": [],
        "sdist_sha256": "aa", "message": None, "wheels": [{"filename": wheel.filename, "size": 1, "sha256": ""}],
    }  # fmt: skip
    (staging / "result.json").write_text(json.dumps(result))
    storage = Storage(state.files_dir, state.logs_dir)
    return admit(state.catalog, storage, staging, attempt, host="pi1", now=time.time(), max_attempts=5)


def test_a_removed_wheel_built_again_with_the_same_bytes_is_listed_again(state: ControllerState) -> None:
    gone_for(state, GRACE + 1)
    state.publish(grace_seconds=GRACE)
    state.upstream_file(state.release("spidev", "3.7"), "spidev-3.7.tar.gz")
    state.publish(grace_seconds=GRACE)
    assert listed(state.site, "spidev") == [KEPT], "there are no bytes to list yet"

    assert built_again(state, wheel_file("spidev", "3.7")).outcome == "built"
    state.publish(grace_seconds=GRACE)
    assert listed(state.site, "spidev") == [DELETED, KEPT]
    assert copies(state) == EVERY_COPY
    assert state.one("SELECT count(*) FROM wheel_target") == 3
    assert broken_links(state.site) == []
    assert audit(state) == []


@pytest.mark.parametrize("project_state", ["deleted", "present"])
def test_a_project_deleted_as_a_whole_goes_in_the_same_way(state: ControllerState, project_state: str) -> None:
    state.upstream_removes("spidev", "3.8")
    state.execute("UPDATE project SET state = ? WHERE name = 'spidev'", project_state)
    state.publish(grace_seconds=GRACE)
    assert listed(state.site, "spidev") == []
    assert copies(state, KEPT)
    gone_for(state, GRACE + 1)
    state.publish(grace_seconds=GRACE)
    assert copies(state, KEPT) == copies(state) == set()
    assert not (state.site / "files/spidev").exists()
    assert not (state.site / "provenance/spidev").exists()
    assert audit(state) == []


def test_bytes_of_quarantined_projects_stay_on_the_controller(state: ControllerState) -> None:
    state.upstream_removes("spidev", "3.8")
    state.execute("UPDATE project SET state = 'quarantined' WHERE name = 'spidev'")
    gone_for(state, 100 * GRACE)
    state.publish(grace_seconds=GRACE)
    assert copies(state) == {f"files/spidev/{DELETED}"}
    assert copies(state, KEPT) == {f"files/spidev/{KEPT}"}
    assert audit(state) == []


def taken_young(state: ControllerState) -> None:
    """Upstream took spidev 3.7 away when it was young."""
    state.execute("UPDATE release SET taken_young = 1 WHERE gone_at IS NOT NULL")
    state.outdate("spidev")


def test_what_upstream_takes_away_young_leaves_the_site_at_once(state: ControllerState) -> None:
    taken_young(state)
    state.publish(grace_seconds=GRACE)
    assert copies(state) == {f"files/spidev/{DELETED}"}, "the controller's"
    assert listed(state.site, "spidev") == [KEPT]
    shown = json.loads((state.site / "project/spidev/json").read_text())["releases"]["3.7"]["files"][0]
    assert "url" not in shown
    assert "harmful" in shown["note"]
    assert broken_links(state.site) == []
    gone_for(state, 100 * GRACE)
    state.publish(grace_seconds=GRACE)
    assert copies(state) == {f"files/spidev/{DELETED}"}
    assert audit(state) == []


def test_a_young_release_that_upstream_gives_back_is_the_same_again(state: ControllerState) -> None:
    before = (state.site / f"files/spidev/{DELETED}").read_bytes()
    taken_young(state)
    state.publish(grace_seconds=GRACE)
    gone_for(state, 2 * GRACE)
    state.upstream_file(state.release("spidev", "3.7"), "spidev-3.7.tar.gz")
    state.publish(grace_seconds=GRACE)
    assert listed(state.site, "spidev") == [DELETED, KEPT]
    assert (state.site / f"files/spidev/{DELETED}").read_bytes() == before
    assert copies(state) == EVERY_COPY


def test_a_project_deleted_after_that_goes_as_others_do(state: ControllerState) -> None:
    taken_young(state)
    state.upstream_removes("spidev", "3.8")
    state.execute("UPDATE project SET state = 'deleted' WHERE name = 'spidev'")
    gone_for(state, GRACE + 1)
    state.publish(grace_seconds=GRACE)
    assert copies(state) == set()


def test_without_a_grace_period_files_stay_for_ever(state: ControllerState) -> None:
    gone_for(state, 100 * GRACE)
    state.publish(grace_seconds=None)
    assert copies(state) == EVERY_COPY


def test_check_mode_says_what_would_go_and_removes_nothing(state: ControllerState) -> None:
    gone_for(state, GRACE + 1)
    would = state.publish(grace_seconds=GRACE, dry_run=True)
    assert f"files/spidev/{DELETED}" in would.changed
    assert copies(state) == EVERY_COPY
    assert state.one("SELECT count(*) FROM wheel WHERE removed_at IS NOT NULL") == 0
    assert state.publish(grace_seconds=GRACE).changed == would.changed


# ------------------------------------------------------------------ killed on the way


def publish_and_die_before_change(state: ControllerState, number: int) -> bool:
    """Publish in a process that kills itself before it changes the disk for the n-th time; whether it came so far."""
    child = os.fork()
    if child == 0:
        changes = 0

        def die(event: str, _: tuple[object, ...]) -> None:
            nonlocal changes
            changes += event in ("os.rename", "os.remove", "os.rmdir")
            if changes == number:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            with ControllerState(state.root) as same:
                sys.addaudithook(die)
                same.publish(grace_seconds=GRACE)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.slow
def test_killed_anywhere_no_page_names_what_is_gone(state: ControllerState, tmp_path: Path) -> None:
    gone_for(state, GRACE + 1)
    state.catalog.close()
    left = set()
    number = 0
    killed = True
    while killed:
        number += 1
        with ControllerState(shutil.copytree(state.root, tmp_path / f"killed-{number}")) as again:
            killed = publish_and_die_before_change(again, number)
            assert broken_links(again.site) == []
            again.publish(grace_seconds=GRACE)
            found = audit(again, repair=True)
            left.update((finding.kind, finding.path) for finding in found)
            assert copies(again) == set(), f"after a kill before change {number}"
            assert audit(again) == []
            assert broken_links(again.site) == []
    assert left == {("stray-file", f"spidev/{DELETED}")}, "its name was marked, its bytes were still there"
