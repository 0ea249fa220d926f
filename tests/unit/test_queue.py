"""The queue and its leases: what is handed to whom, what a result settles, and what comes back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from wheelfleet.catalog.database import Catalog
from wheelfleet.plan.queue import (
    SHORTEST_BATCH_SECONDS,
    claim,
    close_batch,
    done_by,
    forgive,
    progress,
    release_expired,
    renew,
    settle,
)

NOW = 1_800_000_000.0
TRIES = 3


class Fleet:
    """A catalog with targets cp39 and cp311, offered by the hosts a test names."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.catalog = Catalog(path)
        with self.catalog.writing() as db:
            for ident, name in ((9, "cp39"), (11, "cp311")):
                db.execute(
                    "INSERT INTO target (id, name, python_version, implementation, platform, preference, tags) "
                    "VALUES (?, ?, '3', 'cpython', 'linux', ?, ?)",
                    (ident, name, ident, json.dumps([f"{name}-{name}-linux"])),
                )

    def builder(self, host: str, *targets: int) -> None:
        with self.catalog.writing() as db:
            db.execute("INSERT INTO builder (host, facts, seen_at) VALUES (?, '{}', 0)", (host,))
            for target in targets:
                db.execute("INSERT INTO offer VALUES (?, ?, '/tools/python', '/usr/bin/python3')", (host, target))

    def release(self, name: str, *targets: int, seconds: float = 10.0, version: str = "1.0", sha256: str = "aa") -> int:
        """A release wanted on the targets."""
        with self.catalog.writing() as db:
            db.execute("INSERT INTO project (name, display_name, in_scope) VALUES (?, ?, 1)", (name, name))
            project = db.execute("SELECT id FROM project WHERE name = ?", (name,)).fetchone()["id"]
            release = db.execute(
                "INSERT INTO release (project_id, version) VALUES (?, ?)", (project, version)
            ).lastrowid
            sdist = db.execute(
                "INSERT INTO upstream_file (release_id, filename, kind, url, sha256) VALUES (?, ?, 'sdist', '/', ?)",
                (release, f"{name}-{version}.tar.gz", sha256),
            ).lastrowid
            for target in targets:
                db.execute(
                    "INSERT INTO wanted (release_id, target_id, verdict, reason, sdist_id, predicted_seconds) "
                    "VALUES (?, ?, 'build', 'test', ?, ?)",
                    (release, target, sdist, seconds),
                )
            settle(db, int(release or 0), TRIES)
            return int(release or 0)

    def claim(self, host: str = "pi1", run: str = "run1", hosts: int = 1, now: float = NOW):
        return claim(self.catalog, host=host, run=run, hosts=hosts, now=now)

    def finish(
        self, attempt: str, *, outcome: str = "failed", blocks: str | None = None, serves: tuple[int, ...] = ()
    ) -> None:
        """A result as the admission records it."""
        with self.catalog.writing() as db:
            row = db.execute("SELECT * FROM attempt WHERE id = ?", (attempt,)).fetchone()
            db.execute(
                "UPDATE attempt SET state = 'done', outcome = ?, class = 'test-class', blocks = ?, seconds = 1, "
                "finished_at = ? WHERE id = ?",
                (outcome, blocks, NOW, attempt),
            )
            for target in serves:
                wheel = db.execute(
                    "INSERT INTO wheel (release_id, attempt_id, filename, sha256, size, metadata_sha256, tags, "
                    "added_at) VALUES (?, ?, ?, '', 1, '', '[]', 0)",
                    (row["release_id"], attempt, f"{attempt}-{target}.whl"),
                ).lastrowid
                db.execute("INSERT INTO serves VALUES (?, ?, ?)", (row["release_id"], target, wheel))
            settle(db, row["release_id"], TRIES)

    def needs(self, release: int) -> dict[int, str]:
        rows = self.catalog.db.execute("SELECT target_id, need FROM wanted WHERE release_id = ?", (release,))
        return {row["target_id"]: row["need"] for row in rows}


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path / "catalog.sqlite")
    yield fleet
    fleet.catalog.close()


def names(batch) -> list[str]:
    return [assignment.name for assignment in batch.assignments] if batch else []


def test_a_builder_gets_only_what_it_offers(fleet: Fleet):
    fleet.builder("pi1", 9)
    fleet.builder("pi2", 11)
    fleet.release("old", 9)
    fleet.release("new", 11)
    assert names(fleet.claim("pi1")) == ["old"]
    assert names(fleet.claim("pi2")) == ["new"]


def test_the_longest_builds_come_first(fleet: Fleet):
    fleet.builder("pi1", 11)
    for name, seconds in (("short", 1.0), ("long", 100.0), ("middle", 10.0)):
        fleet.release(name, 11, seconds=seconds)
    order = []
    while batch := fleet.claim():
        order += names(batch)
        for assignment in batch.assignments:
            fleet.finish(assignment.attempt, blocks="target")
        close_batch(fleet.catalog, batch.id, TRIES)
    assert order == ["long", "middle", "short"]


def test_batches_are_sized_by_seconds_and_shrink_as_the_queue_drains(fleet: Fleet):
    fleet.builder("pi1", 11)
    for number in range(100):
        fleet.release(f"p{number:03}", 11, seconds=5.0)
    sizes = []
    while batch := fleet.claim(hosts=2):
        sizes.append(len(batch.assignments))
        for assignment in batch.assignments:
            fleet.finish(assignment.attempt, blocks="target")
        close_batch(fleet.catalog, batch.id, TRIES)
    assert sum(sizes) == 100
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 25
    assert sizes[-1] <= SHORTEST_BATCH_SECONDS / 5.0


def test_a_release_nobody_has_tried_is_tried_on_its_first_target_only(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    release = fleet.release("demo", 9, 11)
    assert fleet.needs(release) == {9: "now", 11: "later"}
    assert [a.target for a in fleet.claim().assignments] == ["cp39"]


def test_where_no_builder_offers_the_first_target_the_next_one_is_the_first(fleet: Fleet):
    fleet.builder("pi1", 11)
    assert fleet.needs(fleet.release("demo", 9, 11)) == {9: "later", 11: "now"}


def test_a_wheel_settles_every_target_it_serves(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    release = fleet.release("demo", 9, 11)
    fleet.finish(fleet.claim().assignments[0].attempt, outcome="built", serves=(9, 11))
    assert fleet.needs(release) == {9: "none", 11: "none"}


def test_a_wheel_for_one_python_brings_the_other_targets_into_the_queue(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    release = fleet.release("demo", 9, 11)
    fleet.finish(fleet.claim().assignments[0].attempt, outcome="built", serves=(9,))
    assert fleet.needs(release) == {9: "none", 11: "now"}


def test_a_failure_that_tells_of_the_release_settles_all_its_targets(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    release = fleet.release("demo", 9, 11)
    fleet.finish(fleet.claim().assignments[0].attempt, blocks="release")
    assert fleet.needs(release) == {9: "none", 11: "none"}


def test_a_failure_that_tells_of_the_target_lets_the_others_be_tried(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    release = fleet.release("demo", 9, 11)
    fleet.finish(fleet.claim().assignments[0].attempt, blocks="target")
    assert fleet.needs(release) == {9: "none", 11: "now"}


def test_bad_luck_is_tried_again_by_the_next_run_and_not_for_ever(fleet: Fleet):
    fleet.builder("pi1", 11)
    release = fleet.release("demo", 11)
    for run in ("run1", "run2", "run3"):
        batch = fleet.claim(run=run)
        fleet.finish(batch.assignments[0].attempt)
        close_batch(fleet.catalog, batch.id, TRIES)
        assert fleet.claim(run=run) is None, "not again in the same run"
    assert fleet.needs(release) == {11: "none"}
    assert fleet.claim(run="run4") is None


def test_another_sdist_for_the_same_release_is_a_new_chance(fleet: Fleet):
    fleet.builder("pi1", 11)
    release = fleet.release("demo", 11)
    fleet.finish(fleet.claim().assignments[0].attempt, blocks="release")
    with fleet.catalog.writing() as db:
        db.execute("UPDATE upstream_file SET sha256 = 'bb'")
        settle(db, release, TRIES)
    assert fleet.needs(release) == {11: "now"}


@pytest.mark.parametrize("word", ["all", "demo", "test-class"])
def test_the_operator_can_have_a_failure_tried_again(fleet: Fleet, word: str):
    fleet.builder("pi1", 11)
    release = fleet.release("demo", 11)
    batch = fleet.claim()
    fleet.finish(batch.assignments[0].attempt, blocks="release")
    close_batch(fleet.catalog, batch.id, TRIES)
    with fleet.catalog.writing() as db:
        assert forgive(db, ["another"], TRIES) == 0
        assert forgive(db, [word], TRIES) == 1
    assert fleet.needs(release) == {11: "now"}
    assert names(fleet.claim()) == ["demo"]


def test_a_host_that_still_holds_a_batch_adopts_it(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.release("demo", 11)
    first = fleet.claim(run="run1")
    again = fleet.claim(run="run2")
    assert again.adopted and again.id == first.id
    assert [a.attempt for a in again.assignments] == [a.attempt for a in first.assignments]
    fleet.finish(again.assignments[0].attempt)
    assert done_by(fleet.catalog, "run2", "pi1") == (0, 1), "the adopting run takes it in, and does not try it again"
    close_batch(fleet.catalog, again.id, TRIES)
    assert fleet.claim(run="run2") is None


def test_what_one_host_holds_no_other_gets(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.builder("pi2", 11)
    fleet.release("demo", 11)
    assert fleet.claim("pi1") is not None
    assert fleet.claim("pi2") is None
    assert progress(fleet.catalog, "run1").held == 1


def test_a_batch_whose_lease_ended_goes_back_to_the_queue(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.builder("pi2", 11)
    fleet.release("demo", 11)
    batch = fleet.claim("pi1")
    assert release_expired(fleet.catalog, batch and NOW, TRIES) == 0
    assert release_expired(fleet.catalog, NOW + 24 * 3600, TRIES) == 1
    assert names(fleet.claim("pi2", now=NOW + 24 * 3600)) == ["demo"]
    assert not renew(fleet.catalog, batch.id, NOW + 24 * 3600), "its first holder has lost it"


def test_a_renewed_lease_does_not_end(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.release("demo", 11)
    batch = fleet.claim("pi1")
    assert renew(fleet.catalog, batch.id, NOW + 24 * 3600)
    assert release_expired(fleet.catalog, NOW + 24 * 3600 + 1, TRIES) == 0


def test_a_build_lost_again_and_again_is_given_up(fleet: Fleet):
    fleet.builder("pi1", 11)
    release = fleet.release("demo", 11)
    for number in range(TRIES):
        batch = fleet.claim(run=f"run{number}")
        close_batch(fleet.catalog, batch.id, TRIES)
    assert fleet.needs(release) == {11: "none"}


def test_progress_counts_what_is_left_and_leaves_out_what_this_run_has_tried(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.release("a", 11, seconds=30.0)
    fleet.release("b", 11, seconds=20.0)
    assert (progress(fleet.catalog, "run1").left, progress(fleet.catalog, "run1").seconds_left) == (2, 50.0)
    batch = fleet.claim(hosts=2)
    assert names(batch) == ["a"]
    fleet.finish(batch.assignments[0].attempt)
    assert (progress(fleet.catalog, "run1").left, progress(fleet.catalog, "run1").seconds_left) == (1, 20.0)
    assert progress(fleet.catalog, "run2").left == 2


def test_what_a_host_has_done_in_a_run_is_counted_over_its_batches(fleet: Fleet):
    fleet.builder("pi1", 11)
    for name, outcome in (("a", "built"), ("b", "failed"), ("c", "refused")):
        fleet.release(name, 11)
        batch = fleet.claim()
        fleet.finish(batch.assignments[0].attempt, outcome=outcome, blocks=None if outcome == "built" else "target")
        close_batch(fleet.catalog, batch.id, TRIES)
    assert done_by(fleet.catalog, "run1", "pi1") == (1, 2)
    assert done_by(fleet.catalog, "run2", "pi1") == (0, 0)
    assert done_by(fleet.catalog, "run1", "pi2") == (0, 0)


def test_many_hosts_claiming_at_once_never_get_the_same_build(fleet: Fleet):
    hosts = [f"pi{n}" for n in range(8)]
    for host in hosts:
        fleet.builder(host, 11)
    for number in range(60):
        fleet.release(f"p{number}", 11, seconds=5.0)

    def work(host: str) -> list[str]:
        got: list[str] = []
        with Catalog(fleet.path) as catalog:
            while batch := claim(catalog, host=host, run="run1", hosts=len(hosts), now=NOW):
                got += names(batch)
                with catalog.writing() as db:
                    db.executemany(
                        "UPDATE attempt SET state = 'done', outcome = 'failed', blocks = 'release' WHERE id = ?",
                        [(a.attempt,) for a in batch.assignments],
                    )
                    for (release,) in db.execute(
                        "SELECT release_id FROM attempt WHERE batch_id = ?", (batch.id,)
                    ).fetchall():
                        settle(db, release, TRIES)
                close_batch(catalog, batch.id, TRIES)
        return got

    with ThreadPoolExecutor(len(hosts)) as pool:
        got = [name for names_ in pool.map(work, hosts) for name in names_]
    assert sorted(got) == sorted(f"p{number}" for number in range(60))


def test_the_queue_is_read_by_its_index_not_by_reading_the_catalog(fleet: Fleet):
    plan = fleet.catalog.db.execute(
        "EXPLAIN QUERY PLAN SELECT count(*), sum(predicted_seconds) FROM wanted "
        "WHERE need = 'now' AND target_id IN (SELECT target_id FROM offer)"
    ).fetchall()
    assert any("wanted_now" in row["detail"] for row in plan), [tuple(row) for row in plan]


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
