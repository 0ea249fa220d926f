"""The queue: what a result settles, and what is tried again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from wheelfleet.catalog.database import Catalog
from wheelfleet.catalog.release_targets import settle
from wheelfleet.planner.queue import SPENT_SECONDS, done_by, progress, retry_failures

from tests.support.fleet_catalog import MAX_ATTEMPTS, NOW, Fleet, names
from tests.support.query_cost import steps


def test_a_release_nobody_has_tried_is_tried_on_its_first_target_only(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    release = fleet.queue("demo", 9, 11)
    assert fleet.needs(release) == {9: "now", 11: "later"}
    assert [a.target for a in fleet.claim().builds] == ["cp39"]


def test_without_a_builder_of_the_first_target_the_next_one_is_the_first(fleet: Fleet):
    fleet.builder("pi1", 11)
    assert fleet.needs(fleet.queue("demo", 9, 11)) == {9: "later", 11: "now"}


def test_a_wheel_settles_every_target_it_serves(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    release = fleet.queue("demo", 9, 11)
    fleet.finish(fleet.claim().builds[0].attempt, outcome="built", serves=(9, 11))
    assert fleet.needs(release) == {9: "none", 11: "none"}


def test_a_wheel_for_one_python_brings_the_other_targets_into_the_queue(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    release = fleet.queue("demo", 9, 11)
    fleet.finish(fleet.claim().builds[0].attempt, outcome="built", serves=(9,))
    assert fleet.needs(release) == {9: "none", 11: "now"}


def test_a_failure_that_tells_of_the_release_settles_all_its_targets(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    release = fleet.queue("demo", 9, 11)
    fleet.finish(fleet.claim().builds[0].attempt, blocks="release")
    assert fleet.needs(release) == {9: "none", 11: "none"}


def test_a_failure_that_tells_of_the_target_lets_the_others_be_tried(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    release = fleet.queue("demo", 9, 11)
    fleet.finish(fleet.claim().builds[0].attempt, blocks="target")
    assert fleet.needs(release) == {9: "none", 11: "now"}


def test_bad_luck_is_tried_again_by_the_next_run_and_not_for_ever(fleet: Fleet):
    fleet.builder("pi1", 11)
    release = fleet.queue("demo", 11)
    for day, run in enumerate(("run1", "run2", "run3")):
        now = NOW + day * 86400
        batch = fleet.claim(run=run, now=now)
        fleet.finish(batch.builds[0].attempt, now=now)
        assert fleet.claim(run=run, now=now) is None, "not again in the same run"
    assert fleet.needs(release) == {11: "none"}
    assert fleet.claim(run="run4") is None


def test_bad_luck_is_tried_again_in_a_run_that_goes_on_for_hours(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.queue("demo", 11)
    fleet.finish(fleet.claim().builds[0].attempt)
    assert fleet.claim(now=NOW + SPENT_SECONDS - 10) is None
    assert names(fleet.claim(now=NOW + SPENT_SECONDS + 10)) == ["demo"]


def test_another_sdist_for_the_same_release_is_a_new_chance(fleet: Fleet):
    fleet.builder("pi1", 11)
    release = fleet.queue("demo", 11)
    fleet.finish(fleet.claim().builds[0].attempt, blocks="release")
    with fleet.catalog.writing() as db:
        db.execute("UPDATE upstream_file SET sha256 = 'bb'")
        settle(db, release, MAX_ATTEMPTS)
    assert fleet.needs(release) == {11: "now"}


@pytest.mark.parametrize("word", ["all", "demo", "test-class"])
def test_the_operator_can_have_a_failure_tried_again(fleet: Fleet, word: str):
    fleet.builder("pi1", 11)
    release = fleet.queue("demo", 11)
    batch = fleet.claim()
    fleet.finish(batch.builds[0].attempt, blocks="release")
    with fleet.catalog.writing() as db:
        assert retry_failures(db, ["another"], MAX_ATTEMPTS) == 0
        assert retry_failures(db, [word], MAX_ATTEMPTS) == 1
    assert fleet.needs(release) == {11: "now"}
    assert names(fleet.claim()) == ["demo"]


def test_progress_counts_what_is_left_without_what_this_run_has_tried(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.queue("a", 11, seconds=30.0)
    fleet.queue("b", 11, seconds=20.0)
    assert (progress(fleet.catalog, "run1").left, progress(fleet.catalog, "run1").seconds_left) == (2, 50.0)
    held = fleet.claim()
    fleet.finish(next(a.attempt for a in held.builds if a.name == "a"))
    assert (progress(fleet.catalog, "run1").left, progress(fleet.catalog, "run1").seconds_left) == (1, 20.0)
    assert progress(fleet.catalog, "run2").left == 2


def test_what_a_host_has_done_in_a_run_is_counted_over_its_batches(fleet: Fleet):
    fleet.builder("pi1", 11)
    for name, outcome in (("a", "built"), ("b", "failed"), ("c", "refused")):
        fleet.queue(name, 11)
        batch = fleet.claim()
        fleet.finish(batch.builds[0].attempt, outcome=outcome, blocks=None if outcome == "built" else "target")
    assert done_by(fleet.catalog, "run1", "pi1") == (1, 2)
    assert done_by(fleet.catalog, "run2", "pi1") == (0, 0)
    assert done_by(fleet.catalog, "run1", "pi2") == (0, 0)


def test_what_is_left_is_counted_and_never_read_from_the_queue(fleet: Fleet):
    fleet.builder("pi1", 11)
    db = fleet.catalog.db

    def cost() -> int:
        return steps(db, lambda: progress(fleet.catalog, "run1"))

    fleet.queue("first", 11)
    few = cost()
    for number in range(200):
        fleet.queue(f"p{number}", 11, seconds=2.0)
    assert cost() <= few + 10
    assert (progress(fleet.catalog, "run1").left, progress(fleet.catalog, "run1").seconds_left) == (201, 410.0)


def test_a_catalog_of_a_newer_wheelfleet_is_refused_with_the_cure(tmp_path: Path):
    path = tmp_path / "catalog.sqlite"
    Catalog(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 999")
    with pytest.raises(Exception, match="update the checkout"):
        Catalog(path)


def test_a_file_that_is_no_catalog_is_named(tmp_path: Path):
    path = tmp_path / "catalog.sqlite"
    path.write_text("this is a shopping list, and long enough not to be an empty database file " * 20)
    with pytest.raises(Exception, match="cannot be opened"):
        Catalog(path)
