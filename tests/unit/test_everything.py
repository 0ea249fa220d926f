"""Everything mode on an index of some hundred projects: the list in parts, the order of reading, portions and kills."""

from __future__ import annotations

import multiprocessing
import os
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from wheelfleet.catalog.database import Catalog
from wheelfleet.planner import reading_order
from wheelfleet.planner.delta import Delta, Options, run_delta
from wheelfleet.planner.scope import Policy, Scope
from wheelfleet.upstream.client import Upstream

from tests.support.generated_index import GeneratedIndex, advance, served

INDEX = GeneratedIndex(300, largest=12)
TARGET = {
    "name": "cp311-cp311-linux_aarch64",
    "python_version": "3.11.2",
    "implementation": "cpython",
    "platform": "linux_aarch64",
    "tags": ["cp311-cp311-linux_aarch64", "cp311-cp311-manylinux_2_28_aarch64", "py3-none-any"],
    "tools": "/tools",
    "interpreter": "/usr/bin/python3",
}


class Killed(Exception):
    """Stands in for a kill."""


class Fleet:
    """A catalog, and the index that it follows."""

    def __init__(self, path: Path, url: str) -> None:
        self.catalog = Catalog(path)
        self.url = url

    def look(
        self,
        *packages: str,
        everything: bool = True,
        read_seconds: float | None = None,
        killed_after: int | None = None,
        newest: int = 1,
        build: Literal["missing", "always"] = "missing",
    ) -> Delta:
        def show(done: int, _: int) -> None:
            if killed_after is not None and done >= killed_after:
                raise Killed

        with Upstream(f"{self.url}/simple/", timeout=20) as client:
            return run_delta(
                self.catalog,
                client,
                Scope.from_data(packages=list(packages), everything=everything, newest=newest),
                Policy(cooldown_hours=0, build=build),
                {"b1": {"facts": {}, "targets": [TARGET]}},
                Options(run="run", read_seconds=read_seconds, show=show),
            )

    def read(self) -> set[str]:
        return {row["name"] for row in self.catalog.db.execute("SELECT name FROM project WHERE state = 'present'")}

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """What was learned, without numbers and times."""
        questions = {
            "project": "SELECT name, state, have_serial, in_scope, judged, listed, problem FROM project ORDER BY name",
            "file": "SELECT filename, url, sha256, kind FROM upstream_file ORDER BY filename",
            "verdict": """
                SELECT p.name, r.version, w.verdict, w.reason, w.need FROM release_target w
                JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id ORDER BY 1, 2""",
        }
        return {name: [tuple(row) for row in self.catalog.db.execute(each)] for name, each in questions.items()}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(INDEX) as url:
        yield url


@pytest.fixture
def fleet(tmp_path: Path, url: str) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path / "catalog.sqlite", url)
    yield fleet
    fleet.catalog.close()


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that an index of a few hundred projects has many."""
    monkeypatch.setattr(reading_order, "PORTION", 50)
    monkeypatch.setattr("wheelfleet.planner.delta.CHUNK", 50)


def newest_first() -> list[str]:
    return [INDEX.name(each) for each in sorted(range(INDEX.projects), key=INDEX.serial, reverse=True)]


@pytest.mark.usefixtures("small_portions")
def test_when_the_time_for_reading_is_over_the_rest_is_left(fleet: Fleet) -> None:
    first = fleet.look(read_seconds=0)
    assert (first.asked, first.unread) == (50, 250)
    assert fleet.read() == set(newest_first()[:50])
    # What was read is planned, so builders have work.
    assert first.queue.left > 0
    second = fleet.look(read_seconds=0)
    assert (second.asked, second.unread) == (50, 200)
    assert fleet.read() == set(newest_first()[:100])


@pytest.mark.usefixtures("small_portions")
def test_wanted_projects_are_read_first(fleet: Fleet) -> None:
    least, second, third = newest_first()[-3:]
    with fleet.catalog.writing() as db:
        db.execute("INSERT INTO use_day (name, day, lookups) VALUES (?, 1, 7)", (third,))
    fleet.look(least, read_seconds=0)
    order = [row["name"] for row in fleet.catalog.db.execute("SELECT name FROM project WHERE read_at IS NOT NULL")]
    assert {least, third} < set(order)
    assert second not in order


@pytest.mark.usefixtures("small_portions")
def test_a_killed_first_reading_is_carried_on_where_it_stopped(fleet: Fleet, tmp_path: Path, url: str) -> None:
    with pytest.raises(Killed):
        fleet.look(killed_after=100)
    before = len(fleet.read())
    assert before >= 50
    rest = fleet.look()
    assert rest.asked == INDEX.projects - before
    whole = Fleet(tmp_path / "whole.sqlite", url)
    try:
        whole.look()
        assert fleet.rows() == whole.rows()
    finally:
        whole.catalog.close()


@pytest.mark.usefixtures("small_portions")
def test_a_first_reading_killed_at_any_time_ends_with_the_same_rows(fleet: Fleet, tmp_path: Path, url: str) -> None:
    draw, path, counts = random.Random(13), tmp_path / "killed.sqlite", []
    for _ in range(6):
        reading = multiprocessing.get_context("fork").Process(target=_look, args=(path, url))
        reading.start()
        reading.join(draw.uniform(0.05, 0.6))
        reading.kill()
        reading.join()
        with Catalog(path) as catalog:
            counts += catalog.db.execute("SELECT count(*) FROM project WHERE state = 'present'").fetchone()
    # What was read once is never lost.
    assert counts == sorted(counts)
    carried_on = Fleet(path, url)
    with carried_on.catalog:
        assert carried_on.look().asked == INDEX.projects - counts[-1]
        fleet.look()
        assert carried_on.rows() == fleet.rows()


def _look(path: Path, url: str) -> None:
    fleet = Fleet(path, url)
    fleet.look()
    os._exit(0)


@pytest.mark.usefixtures("small_portions")
def test_of_a_changed_list_only_the_parts_that_changed_are_read(tmp_path: Path) -> None:
    # Large enough to have many parts; no page is read.
    index = GeneratedIndex(8_000, largest=12)
    with served(index) as url:
        fleet = Fleet(tmp_path / "catalog.sqlite", url)
        with fleet.catalog as catalog:
            fleet.look(read_seconds=0)
            parts = {row["digest"] for row in catalog.db.execute("SELECT digest FROM upstream_list")}
            assert len(parts) > 40
            serials = dict(catalog.db.execute("SELECT name, want_serial FROM project").fetchall())
            assert serials == {index.name(each): index.serial(each) for each in range(index.projects)}
            advance(url)
            fleet.look(read_seconds=0)
            newer = replace(index, age=1)
            serials = dict(catalog.db.execute("SELECT name, want_serial FROM project").fetchall())
            assert serials == {index.name(each): newer.serial(each) for each in range(index.projects)}
            assert parts & {row["digest"] for row in catalog.db.execute("SELECT digest FROM upstream_list")}
            names = catalog.db.execute("SELECT group_concat(names, char(10)) FROM upstream_list").fetchone()[0]
            assert sorted(names.splitlines()) == sorted(serials)


def test_everything_wanted_again_is_in_scope_again(fleet: Fleet) -> None:
    fleet.look()
    fleet.look(INDEX.name(5), everything=False)
    in_scope = "SELECT count(*) FROM project WHERE in_scope"
    assert fleet.catalog.db.execute(in_scope).fetchone()[0] == 1
    assert fleet.look().asked == 0
    assert fleet.catalog.db.execute(in_scope).fetchone()[0] == INDEX.projects


@pytest.mark.usefixtures("small_portions")
def test_few_rows_of_the_catalog_are_in_memory_at_once(fleet: Fleet) -> None:
    fleet.look(read_seconds=0)
    with reading_order.ReadingOrder(fleet.catalog.db, "in_scope", (), 0.0) as order:
        rows = order.rows(None)
        for _ in range(10):
            assert isinstance(next(rows), sqlite3.Row)
        assert len(order.ids) == 10


def kept(fleet: Fleet, number: int) -> tuple[int, int]:
    """How many releases the catalog has of a project, and whether it left some out."""
    return tuple(
        fleet.catalog.db.execute(
            "SELECT (SELECT count(*) FROM release r WHERE r.project_id = p.id), trimmed FROM project p WHERE name = ?",
            (INDEX.name(number),),
        ).fetchone()
    )


def served_by_upstream() -> int:
    """A project with pure wheels upstream, and many releases, the newest of them none for testing."""
    return next(
        each
        for each in range(INDEX.projects)
        if INDEX.kind(each) == "pure" and INDEX.releases(each) > 8 and not INDEX.is_prerelease(INDEX.releases(each) - 1)
    )


def test_of_what_upstream_serves_only_what_decides_is_kept(fleet: Fleet) -> None:
    served = served_by_upstream()
    built = next(each for each in range(INDEX.projects) if INDEX.kind(each) == "sdist" and INDEX.releases(each) > 8)
    fleet.look()
    assert kept(fleet, served) == (1, 1)
    assert kept(fleet, built) == (INDEX.releases(built), 0)
    assert fleet.look().asked == 0


def test_a_project_that_is_named_is_known_as_a_whole(fleet: Fleet) -> None:
    served = served_by_upstream()
    fleet.look()
    found = fleet.look(f"{INDEX.name(served)}<0.0.2")
    assert kept(fleet, served) == (INDEX.releases(served), 0)
    assert found.unconsidered == []
    named = "SELECT max(r.version) FROM release_target w JOIN release r ON r.id = w.release_id JOIN project p "
    named += "ON p.id = r.project_id WHERE p.name = ? AND r.version < '0.0.2'"
    assert fleet.catalog.db.execute(named, (INDEX.name(served),)).fetchone()[0] == "0.0.1"


def test_a_target_that_needs_older_releases_has_them_read(fleet: Fleet) -> None:
    """The same run reads again what no longer decides: here two releases of each project are wanted, not one."""
    served = served_by_upstream()
    fleet.look()
    fleet.look(newest=2)
    assert kept(fleet, served)[0] >= 2
    verdicts = "SELECT count(*) FROM release_target w JOIN release r ON r.id = w.release_id JOIN project p "
    verdicts += "ON p.id = r.project_id WHERE p.name = ? AND w.verdict = 'upstream'"
    assert fleet.catalog.db.execute(verdicts, (INDEX.name(served),)).fetchone()[0] == 2


def test_what_is_to_be_built_after_all_is_read_as_a_whole(fleet: Fleet) -> None:
    native = next(
        each for each in range(INDEX.projects) if INDEX.kind(each) == "native" and each % 2 and INDEX.releases(each) > 8
    )
    fleet.look()
    assert kept(fleet, native)[1] == 1
    fleet.look(build="always")
    assert kept(fleet, native) == (INDEX.releases(native), 0)
