"""What the delta makes of an upstream that does not say all that the public index says, or says it wrongly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.catalog.database import Catalog
from wheelfleet.planner.delta import Delta, Options, run_delta
from wheelfleet.planner.record_page import MASS_ABSENCE_SECONDS
from wheelfleet.planner.scope import Policy, Scope
from wheelfleet.upstream.client import Upstream as Client

from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream

TARGET = {
    "name": "cp311-cp311-linux_aarch64",
    "python_version": "3.11.2",
    "implementation": "cpython",
    "platform": "linux_aarch64",
    "tags": ["cp311-cp311-linux_aarch64", "py3-none-any"],
    "tools": "/tools",
    "interpreter": "/usr/bin/python3",
}


class Fleet:
    """A catalog, and an operator who asks for something; `hours` is what its clock shows."""

    def __init__(self, path: Path, upstream: Upstream) -> None:
        self.catalog = Catalog(path)
        self.upstream = upstream
        self.hours = 1000.0

    def look(self, *packages: str, cooldown_hours: float = 0) -> Delta:
        """One run's delta: of these packages, or of everything."""
        self.upstream.requests.clear()
        scope = Scope.from_data(packages=packages, everything=not packages)
        with Client(self.upstream.index_url, timeout=5) as client:
            return run_delta(
                self.catalog,
                client,
                scope,
                Policy(cooldown_hours=cooldown_hours),
                {"b1": {"facts": {}, "targets": [TARGET]}},
                Options(run="run"),
                lambda: self.hours * 3600,
            )

    def asked(self) -> list[tuple[str, int]]:
        return sorted((request.path, request.status) for request in self.upstream.requests)

    def column(self, question: str, *values: Any) -> list[Any]:
        return [row[0] for row in self.catalog.db.execute(question, values)]

    @property
    def releases(self) -> set[str]:
        """What upstream offers, as far as is known."""
        return set(
            self.column(
                "SELECT DISTINCT p.name || ' ' || r.version FROM upstream_file f JOIN release r ON r.id = f.release_id "
                "JOIN project p ON p.id = r.project_id"
            )
        )

    @property
    def problems(self) -> list[str]:
        return self.column("SELECT name || ': ' || problem FROM project WHERE problem IS NOT NULL")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        for name in ("eggs", "ham", "spam"):
            server.add_release(pure_sdist(name, "1.0"))
        yield server


@pytest.fixture
def fleet(tmp_path: Path, upstream: Upstream) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path / "catalog.sqlite", upstream)
    yield fleet
    fleet.catalog.close()


@pytest.mark.parametrize(("days", "taken_young"), [(1, 1), (59, 1), (61, 0)])
def test_a_release_that_vanishes_young_is_told_from_an_old_one(
    fleet: Fleet, upstream: Upstream, days: int, taken_young: int
) -> None:
    uploaded = datetime.fromtimestamp(fleet.hours * 3600 - days * 86400, timezone.utc)
    upstream.add_release(pure_sdist("spam", "2.0"), upload_time=uploaded)
    upstream.add_release(pure_sdist("ham", "2.0"), upload_time=uploaded)
    fleet.look()
    upstream.delete_release("spam", "2.0")
    upstream.delete_project("ham")
    fleet.look()
    question = (
        "SELECT r.taken_young FROM release r JOIN project p ON p.id = r.project_id WHERE name = ? AND version = ?"
    )
    assert fleet.column(question, "spam", "2.0") == [taken_young]
    assert fleet.column(question, "spam", "1.0") == [0]
    assert fleet.column(question, "ham", "2.0") == [0], "of a project that is gone as a whole"
    upstream.add_release(pure_sdist("spam", "2.0"), upload_time=uploaded)
    fleet.look()
    assert fleet.column("SELECT count(*) FROM release WHERE gone_at IS NOT NULL AND taken_young") == [0]


def test_where_upstream_states_no_time_it_counts_from_first_seen(fleet: Fleet, upstream: Upstream) -> None:
    upstream.json = upstream.cached = False
    upstream.add_release(pure_sdist("spam", "2.0"), pure_sdist("ham", "2.0"))
    fleet.look()
    fleet.hours += 59 * 24
    upstream.delete_release("spam", "2.0")
    fleet.look()
    fleet.hours += 2 * 24
    upstream.delete_release("ham", "2.0")
    fleet.look()
    assert fleet.column("SELECT count(*) FROM release WHERE taken_young") == [1]
    assert fleet.column("SELECT version FROM release WHERE taken_young") == ["2.0"]


# Serials


def test_a_serial_equal_for_everything_is_none_pages_are_asked_for(fleet: Fleet, upstream: Upstream) -> None:
    """As Pulp does it, whose ETag is one for all pages too."""
    upstream.one_serial, upstream.cached = 1_000_000_000, False
    fleet.look()
    assert fleet.look().changed == []
    assert fleet.asked() == [("/simple/", 304), *((f"/simple/{name}/", 304) for name in ("eggs", "ham", "spam"))]
    upstream.add_release(pure_sdist("spam", "2.0"))
    upstream.delete_project("ham")
    assert sorted(fleet.look().changed) == ["ham", "spam"]
    assert fleet.releases == {"eggs 1.0", "spam 1.0", "spam 2.0"}
    upstream.one_serial = None
    fleet.look()
    fleet.look()
    assert {path for path, _ in fleet.asked()} == {"/simple/"}, "serials that tell projects apart are used again"


def test_a_project_whose_serial_the_list_does_not_state_is_asked_itself(fleet: Fleet, upstream: Upstream) -> None:
    fleet.look()
    upstream.fault("/simple/", "stale", serial=2)
    with fleet.catalog.writing() as db:
        db.execute("UPDATE project SET want_serial = NULL WHERE name = 'spam'")
    upstream.add_release(pure_sdist("spam", "2.0"))
    assert fleet.look().changed == ["spam"]


def test_a_restored_mirror_is_believed_when_the_serial_of_its_list_fell(fleet: Fleet, upstream: Upstream) -> None:
    before = upstream.serial
    upstream.add_release(pure_sdist("spam", "2.0"))
    upstream.add_release(pure_sdist("later", "1.0"))
    fleet.look()
    upstream.restore(before)
    upstream.add_release(pure_sdist("spam", "1.5"))
    delta = fleet.look()
    assert (delta.troubles, fleet.problems) == ({}, [])
    assert fleet.releases == {"eggs 1.0", "ham 1.0", "spam 1.0", "spam 1.5"}
    fleet.look()
    assert {path for path, _ in fleet.asked()} == {"/simple/"}


def test_a_list_that_a_cache_has_from_before_changes_nothing(fleet: Fleet, upstream: Upstream) -> None:
    fleet.look()
    upstream.fault("/simple/", "stale", serial=1)
    delta = fleet.look()
    assert "behind" in delta.troubles["(list of all projects)"]
    assert len(fleet.releases) == 3


def test_a_server_with_a_newer_list_and_smaller_serials_is_read(fleet: Fleet, upstream: Upstream) -> None:
    upstream.add_release(pure_sdist("spam", "2.0"))
    fleet.look()
    upstream.restore(0)
    upstream.add_release(pure_sdist("spam", "3.0"))
    upstream.populate(20)
    fleet.look()
    assert {"spam 3.0"} == {release for release in fleet.releases if release.startswith("spam")}
    assert fleet.problems == []


def test_named_projects_follow_an_index_that_went_back(fleet: Fleet, upstream: Upstream) -> None:
    before = upstream.serial
    upstream.add_release(pure_sdist("spam", "2.0"))
    fleet.look("spam", "eggs")
    upstream.restore(before)
    assert fleet.look("spam", "eggs").troubles == {}
    assert fleet.releases == {"spam 1.0", "eggs 1.0"}
    upstream.add_release(pure_sdist("spam", "1.5"))
    assert fleet.look("spam", "eggs").changed == ["spam"]


def test_a_project_that_left_the_list_is_asked_for_around_the_cache(fleet: Fleet, upstream: Upstream) -> None:
    fleet.look()
    upstream.delete_project("spam")
    assert fleet.look().changed == ["spam"]
    assert fleet.asked() == [("/simple/", 200), ("/simple/spam/", 304), ("/simple/spam/", 404)]


# Everything is gone


def test_an_upstream_that_is_suddenly_empty_is_doubted_for_a_day(fleet: Fleet, upstream: Upstream) -> None:
    fleet.look("spam")
    fault = upstream.fault("*", "404")
    delta = fleet.look("spam")
    assert "the only known project is gone" in delta.troubles["spam"]
    assert [(each.what, each.code) for each in delta.unconsidered] == [("spam", "unread")]
    assert fleet.releases == {"spam 1.0"}
    upstream.heal(fault)
    assert (fleet.look("spam").unconsidered, fleet.problems) == ([], [])
    upstream.fault("*", "404")
    fleet.look("spam")
    fleet.hours += MASS_ABSENCE_SECONDS / 3600 - 1
    fleet.look("spam")
    assert fleet.releases == {"spam 1.0"}
    fleet.hours += 2
    fleet.look("spam")
    assert fleet.releases == set(), "what it says for a day is believed"


def test_one_of_two_known_projects_may_go_at_once(fleet: Fleet, upstream: Upstream) -> None:
    fleet.look("spam", "eggs")
    upstream.delete_project("spam")
    assert fleet.look("spam", "eggs").changed == ["spam"]


def test_a_project_that_is_gone_together_with_the_list_is_doubted(fleet: Fleet, upstream: Upstream) -> None:
    upstream.serials = False
    fleet.look()
    upstream.fault("/simple/", "404")
    upstream.delete_project("spam")
    delta = fleet.look()
    assert "is gone" in delta.troubles["spam"] or "are gone" in delta.troubles["spam"]
    assert "spam 1.0" in fleet.releases
    assert [each.where for each in delta.unconsidered] == ["controller_everything"]


def test_a_list_that_is_empty_or_unreadable_was_asked_for_in_vain(fleet: Fleet, upstream: Upstream) -> None:
    upstream.restore(0)
    assert "lists no project" in fleet.look().unconsidered[0].sentence
    upstream.fault("/simple/", "garbage")
    assert [(each.what, each.code) for each in fleet.look().unconsidered] == [("everything", "unread")]


def test_a_project_never_read_was_asked_for_in_vain_a_known_one_stands(fleet: Fleet, upstream: Upstream) -> None:
    fleet.look("spam")
    for name in ("spam", "eggs"):
        upstream.fault(name, "garbage")
    assert [(each.what, each.code) for each in fleet.look("spam", "eggs").unconsidered] == [("eggs", "unread")]


# 403


def test_403_for_some_projects_means_that_they_are_not_there_and_is_told(fleet: Fleet, upstream: Upstream) -> None:
    upstream.missing_page = 403
    delta = fleet.look("spam", "missing", "eggs")
    assert delta.absent == ["missing"]
    assert "403 for missing" in delta.troubles["(403)"]
    assert [(each.what, each.code) for each in delta.unconsidered] == [("missing", "unknown-project")]
    upstream.delete_project("spam")
    assert fleet.look("spam", "eggs").changed == ["spam"]


# Times


def test_a_cool_down_counts_from_first_seen_where_upstream_states_no_time(fleet: Fleet, upstream: Upstream) -> None:
    upstream.json = False
    delta = fleet.look("spam", cooldown_hours=24)
    assert (delta.queue.left, fleet.column("SELECT verdict FROM release_target")) == (0, ["passed"])
    assert "first saw" in delta.troubles["(cooldown)"]
    assert "no upload time" in fleet.column("SELECT reason FROM release_target")[0]
    fleet.hours += 23
    upstream.add_release(pure_sdist("spam", "2.0"))
    assert fleet.look("spam", cooldown_hours=24).queue.left == 0
    fleet.hours += 2
    assert fleet.look("spam", cooldown_hours=24).queue.left == 1, "the older release is ripe"
    fleet.hours += 24
    assert "(cooldown)" not in fleet.look("spam", cooldown_hours=24).troubles
    assert sorted(fleet.column("SELECT verdict FROM release_target")) == ["build"]


def test_a_replaced_file_cools_down_again(fleet: Fleet, upstream: Upstream) -> None:
    upstream.json = False
    fleet.look("spam", cooldown_hours=24)
    fleet.hours += 48
    upstream.add_file(pure_sdist("spam", "1.0", script="pass\n"))
    assert fleet.look("spam", cooldown_hours=24).queue.left == 0
    assert fleet.look("spam").queue.left == 1


def test_an_upload_time_that_is_stated_counts(fleet: Fleet) -> None:
    fleet.hours = 24 * 365 * 60
    delta = fleet.look("spam", cooldown_hours=24)
    assert (delta.queue.left, delta.troubles) == (1, {})
