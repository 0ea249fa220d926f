"""What the monitor knows at one moment: the run's state, its builders, and the catalog, also when it cannot be read."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from wheelfleet.catalog import schema
from wheelfleet.engine.host_status import HostState, HostStatus, post_status, read_statuses, status_folder
from wheelfleet.monitor.snapshot import Reader, Snapshot, natural

from tests.support.catalogs import ControllerState
from tests.support.monitored import TARGETS, monitored_run


@pytest.fixture
def run(tmp_path: Path) -> str:
    """A run of this process with five builders."""
    return monitored_run(tmp_path, 5)


def look(folder: Path) -> Snapshot:
    return Reader(folder).read()


def change_holder(folder: Path, **changes: object) -> None:
    """Make the lock's text that of another process."""
    path = folder / "run" / "lock"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def finish(folder: Path, run: str, *, but: int = 0) -> None:
    """Let all builders be done, but for some."""
    statuses = read_statuses(status_folder(folder), run)
    for status in statuses[but:]:
        status.state, status.final, status.building = HostState.IDLE, True, []
        post_status(status_folder(folder), status)


def test_a_run_at_work_is_seen_with_all_that_goes_on(tmp_path: Path, run: str) -> None:
    seen = look(tmp_path)
    assert (seen.run, seen.state, seen.sentence, seen.catalog.trouble) == (run, "running", "", "")
    assert [host.name for host in seen.hosts] == ["pi1", "pi2", "pi3", "pi4", "pi5"]
    assert [host.state for host in seen.hosts] == ["building", "building", "waiting", "silent", "building"]
    assert (seen.built, seen.failed, seen.left) == (60, 4, 30)
    assert seen.end is not None and seen.end > seen.now
    first = seen.builds[0]
    assert (first.host, first.name, first.version, first.target) == ("pi1", "numpy", "2.0.0", TARGETS[0])
    assert first.attempt.startswith("numpy-2.0.0-")
    assert first.end == pytest.approx(first.since + 1)
    assert "loops.c:214" in first.tail


def test_the_queue_has_reasons_and_leaves_out_what_is_built(tmp_path: Path, run: str) -> None:
    part = look(tmp_path).catalog
    assert sum(part.waiting.values()) == 27
    queued = {(each.name, each.version) for each in part.queue}
    assert ("numpy", "2.0.0") not in queued
    assert len(part.queue) == 27
    assert [each.seconds for each in part.queue] == sorted((each.seconds for each in part.queue), reverse=True)
    assert {each.reason for each in part.queue} == {"In the queue: after the newest releases of all projects."}


def test_what_a_builder_has_and_not_begun_begins_next(tmp_path: Path, run: str) -> None:
    with ControllerState(tmp_path) as state:
        state.attempt("pillow", "2.2.0", state="open", host="pi1", target=TARGETS[0])
    (reason,) = [
        each.reason for each in look(tmp_path).catalog.queue if each.name == "pillow" and each.version == "2.2.0"
    ]
    assert reason == "Begins next on pi1."


def test_failures_events_and_history_come_from_the_catalog(tmp_path: Path, run: str) -> None:
    part = look(tmp_path).catalog
    assert {each.name: each.in_run for each in part.failures} == {"missing-header": 5, "compile-error": 4}
    assert part.events[-1].who == "ada"
    assert len(part.history["pi1"]) == 201
    assert len(part.hours) == 24
    assert sum(part.hours) == 60


def test_orders_and_suspensions_are_states_of_builders(tmp_path: Path, run: str) -> None:
    with ControllerState(tmp_path) as state:
        for verb, host, answer in (
            ("pause", "pi1", None),
            ("drain", "pi2", None),
            ("drain", "pi3", "Nothing is left."),
        ):
            order = {"verb": verb, "noun": "builder", "subject": host, "answer": answer}
            state.insert("control", at=0, who="ada", reason="fan", **order)
        state.execute("UPDATE builder SET suspended = 'Three failures.' WHERE host = 'pi4'")
        state.builder("pi6", TARGETS[0])
    states = {host.name: (host.state, host.note) for host in look(tmp_path).hosts}
    assert states["pi1"][0] == "paused"
    assert states["pi2"][0] == "draining"
    assert states["pi3"][0] == "drained"
    assert states["pi4"] == ("suspended", "It does not answer.")
    assert states["pi6"][0] == "not seen"


def test_without_any_run_a_sentence_says_how_to_start_one(tmp_path: Path) -> None:
    seen = look(tmp_path / "nothing")
    assert (seen.state, seen.hosts) == ("none", [])
    assert f"There is no folder {tmp_path / 'nothing'}" in seen.sentence
    assert "There was no run" in look(tmp_path).sentence
    assert "ansible-playbook build.yml" in seen.sentence
    assert seen.catalog.trouble == "There is no catalog yet; the first run of build.yml makes it."


def test_a_folder_of_another_account_is_named(tmp_path: Path, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **_more: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.access", lambda _, mode: mode == os.F_OK)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr("sqlite3.connect", refuse)
    seen = look(tmp_path)
    assert "start the monitor as the account that runs build.yml" in seen.sentence
    assert "cannot be read (Permission denied)" in seen.catalog.trouble


def test_a_run_whose_process_is_gone_was_killed_or_has_ended(tmp_path: Path, run: str) -> None:
    change_holder(tmp_path, start=1)
    killed = look(tmp_path)
    assert killed.state == "killed"
    assert "carries on" in killed.sentence
    assert {host.state for host in killed.hosts} == {"left alone"}
    assert killed.builds == ()
    finish(tmp_path, run)
    ended = look(tmp_path)
    assert ended.state == "ended"
    assert "the last one ended" in ended.sentence


def test_a_run_in_another_container_is_told_by_its_lock(tmp_path: Path, run: str) -> None:
    change_holder(tmp_path, boot="another")
    assert look(tmp_path).state == "running"
    held = tmp_path / "run" / "lock"
    text = held.read_bytes()
    # The same file, but nobody holds it.
    held.unlink()
    held.write_bytes(text)
    assert look(tmp_path).state == "killed"


def test_a_run_that_publishes_says_so(tmp_path: Path, run: str) -> None:
    finish(tmp_path, run)
    assert look(tmp_path).sentence == "The builders are done; the run publishes."


def test_a_run_that_reads_upstream_says_how_far(tmp_path: Path, run: str) -> None:
    for path in status_folder(tmp_path).glob("*.json"):
        path.unlink()
    assert look(tmp_path).sentence == "The run prepares the controller and the builders."
    post_status(
        status_folder(tmp_path), HostStatus("(controller)", run, HostState.READING, note="read 3 of 10 projects")
    )
    assert look(tmp_path).sentence == "Upstream is being read: read 3 of 10 projects."
    post_status(status_folder(tmp_path), HostStatus("(controller)", run, HostState.READING, note="publishes"))
    assert look(tmp_path).sentence == "The controller publishes."


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (0, "The catalog is being made; wait a moment."),
        (schema.VERSION - 1, f"has schema {schema.VERSION - 1}; the next run of build.yml upgrades it"),
        (schema.VERSION + 1, "update this checkout"),
    ],
)
def test_a_catalog_of_another_version_is_named_with_the_cure(
    tmp_path: Path, run: str, version: int, sentence: str
) -> None:
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as db:
        db.execute(f"PRAGMA user_version = {version}")
    seen = look(tmp_path)
    assert sentence in seen.catalog.trouble
    assert [host.name for host in seen.hosts] == ["pi1", "pi2", "pi3", "pi4", "pi5"]


def test_while_the_catalog_is_locked_the_last_view_of_it_stays(tmp_path: Path, run: str) -> None:
    reader = Reader(tmp_path)
    before = reader.read()
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None)) as db:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("BEGIN EXCLUSIVE")
        for _ in range(2):
            seen = reader.read(at_once=True)
            assert "The catalog is locked" in seen.catalog.trouble
            assert seen.catalog.trouble.count("Shown is how it was at") == 1
            assert seen.catalog.queue == before.catalog.queue
    assert reader.read(at_once=True).catalog.trouble == ""


def test_a_catalog_that_is_none_is_no_traceback(tmp_path: Path, run: str) -> None:
    for path in tmp_path.glob("catalog.sqlite*"):
        path.unlink()
    (tmp_path / "catalog.sqlite").write_bytes(b"not a database, but long enough to look like one" * 50)
    assert "back-up.md" in look(tmp_path).catalog.trouble


def test_reading_holds_no_transaction(tmp_path: Path, run: str) -> None:
    reader = Reader(tmp_path)
    reader.read()
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite", isolation_level=None)) as db:
        db.execute("INSERT INTO meta VALUES ('key', 'value')")
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0


def test_the_catalog_is_read_now_and_then_and_after_an_order(
    tmp_path: Path, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(tmp_path)
    first = reader.read().catalog
    assert reader.read().catalog is first
    assert reader.read(at_once=True).catalog is not first


def test_pi2_comes_before_pi10() -> None:
    assert sorted(["pi10", "pi2", "pi2-b", "pi"], key=natural) == ["pi", "pi2", "pi2-b", "pi10"]
