"""What comes first in the queue, and that the catalog keeps it right as things change."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from packaging.version import Version
from wheelfleet.catalog import priorities
from wheelfleet.catalog.release_targets import put_first, settle
from wheelfleet.downloads.record_sums import read_answer, record_answer
from wheelfleet.planner.judge import Target
from wheelfleet.planner.scope import Policy, ScopeRule
from wheelfleet.planner.verdicts import judge_project

from tests.support.catalogs import ControllerState
from tests.support.fleet_catalog import MAX_ATTEMPTS, NOW, Fleet

TODAY = int(NOW // 86_400)


def priority(fleet: Fleet, release: int, target: int = 11) -> object:
    question = "SELECT priority FROM release_target WHERE release_id = ? AND target_id = ?"
    return fleet.one(question, release, target)


def look_up(fleet: Fleet, name: str, times: int) -> None:
    """Installers ask a web node for a project's page."""
    said = {"positions": [], "lost": [], "more": False, "lines": 1, "garbage": 0, "clients": [], "downloads": []}
    said |= {"visits": [], "lookups": [[TODAY, name, times]]}
    record_answer(fleet.catalog, "web1", [], read_answer(said, NOW), NOW)


def first(fleet: Fleet, *releases: int, target: int = 11, now: float | None = NOW) -> int:
    with fleet.catalog.writing() as db:
        return put_first(db, [(release, target) for release in releases], now)


@pytest.mark.parametrize(
    ("recency", "place"), [("new", priorities.NEW), ("newest", priorities.BREADTH), ("older", priorities.DEPTH)]
)
def test_new_releases_come_before_breadth_and_breadth_before_depth(fleet: Fleet, recency: str, place: int) -> None:
    fleet.builder("pi1", 11)
    assert priority(fleet, fleet.queue("demo", 11, recency=recency)) == place


def test_what_installers_ask_for_in_vain_comes_earlier_the_more_they_ask(fleet: Fleet) -> None:
    fleet.builder("pi1", 11)
    asked, older = fleet.queue("demo", 11, recency="newest"), fleet.queue("demo", 11, version="0.9")
    places = []
    for times in (1, 8, 1, 90, 900, 1_000_000):
        look_up(fleet, "demo", times)
        places.append(priority(fleet, asked))
    assert places == [23, 23, 22, 21, 20, 20]
    assert priority(fleet, older) == priorities.DEPTH, "the newest release is what they get"
    assert priority(fleet, fleet.queue("demo", 11, version="2.0", recency="newest")) == 20, "also what comes later"


def test_a_project_with_a_wheel_for_the_platform_is_not_asked_for_in_vain(fleet: Fleet) -> None:
    fleet.builder("pi1", 9, 11)
    fleet.target("armv7", id=7, platform="linux_armv7l", preference=7, tags=[])
    fleet.builder("pi1", 7)
    release = fleet.queue("demo", 7, 9, 11, recency="newest")
    look_up(fleet, "demo", 5)
    assert priority(fleet, release, 7) == 23
    fleet.finish(fleet.claim().builds[0].attempt, outcome="built", serves=(9,))
    assert priority(fleet, release, 11) == priorities.BREADTH
    assert priority(fleet, release, 7) == 23, "there is none for its platform"


def test_what_an_operator_puts_first_is_first_until_it_leaves_the_queue(fleet: Fleet) -> None:
    fleet.builder("pi1", 9, 11)
    release, other = fleet.queue("demo", 9, 11), fleet.queue("other", 11)
    assert first(fleet, release, target=9) + first(fleet, release, other) == 3
    assert (priority(fleet, release, 9), priority(fleet, release, 11), priority(fleet, other)) == (0, 0, 0)
    assert first(fleet, other) == 0, "it is first already"
    assert first(fleet, other, now=None) == 1
    assert priority(fleet, other) == priorities.DEPTH
    fleet.finish(fleet.claim().builds[0].attempt, blocks="target")
    assert (fleet.needs(release), priority(fleet, release, 11)) == ({9: "none", 11: "now"}, priorities.FIRST)
    assert fleet.one("SELECT put_first_at FROM release_target WHERE target_id = 9") is None, "it has failed"
    assert first(fleet, release, target=9) == 0, "what is not in the queue cannot be first"


def test_a_row_keeps_its_time_of_waiting_until_it_leaves_the_queue(fleet: Fleet) -> None:
    fleet.builder("pi1", 9, 11)
    release = fleet.queue("demo", 9, 11, now=NOW)

    def since() -> list[object]:
        with fleet.catalog.writing() as db:
            settle(db, release, MAX_ATTEMPTS, NOW + 900)
        rows = db.execute("SELECT queued_at FROM release_target ORDER BY target_id")
        return [row["queued_at"] for row in rows]

    assert since() == [NOW, None]
    fleet.finish(fleet.claim().builds[0].attempt, blocks="target", now=NOW + 60)
    assert since() == [None, NOW + 60]


# ------------------------------------------------------------------------------------------------------ new, newest


def judged(state: ControllerState, newest: int | None = None) -> Mapping[tuple[str, str], str]:
    """The recency by version and target, after demo was judged."""
    rows = state.catalog.db.execute("SELECT id, name, tags FROM target").fetchall()
    targets = [Target(row["id"], row["name"], Version("3.11"), frozenset(json.loads(row["tags"]))) for row in rows]
    with state.catalog.writing() as db:
        judge_project(db, state.project("demo"), [ScopeRule("demo", "", newest)], targets, Policy(), NOW)  # type: ignore[arg-type]
    found = db.execute(
        """
        SELECT r.version, t.name, w.recency FROM release_target w JOIN release r ON r.id = w.release_id
        JOIN target t ON t.id = w.target_id WHERE w.verdict = 'build'
        """
    )
    return {(row["version"], row["name"]): row["recency"] for row in found}


def seen(state: ControllerState, version: str, at: float) -> None:
    state.execute("UPDATE upstream_file SET first_seen = ? WHERE release_id = ?", at, state.release("demo", version))


@pytest.fixture
def published(state: ControllerState) -> ControllerState:
    """demo 1.0 and 2.0 were seen together, and 2.0 was built for one of two targets of a platform."""
    state.target("old", tags=["cp39-cp39-linux"])
    state.target("young", tags=["cp311-cp311-linux"])
    state.target("arm", platform="linux_armv7l", tags=["cp311-cp311-armv7l"])
    for version in ("1.0", "2.0"):
        seen(state, version, state.at - 100)
    state.wheel("demo", "2.0", "cp39-cp39-linux", serves=["old"])
    return state


def test_the_newest_release_of_a_project_is_breadth_and_the_rest_is_depth(published: ControllerState) -> None:
    found = judged(published)
    assert {recency for (version, _), recency in found.items() if version == "2.0"} == {"newest"}
    assert {recency for (version, _), recency in found.items() if version == "1.0"} == {"older"}


def test_a_release_that_came_after_the_first_wheel_is_new_on_that_platform(published: ControllerState) -> None:
    seen(published, "3.0", published.at + 1000)
    seen(published, "1.1", published.at + 1000)
    found = judged(published)
    assert [found["3.0", target] for target in ("old", "young", "arm")] == ["new", "new", "newest"]
    assert [found["1.1", target] for target in ("old", "young", "arm")] == ["new", "new", "older"]
    assert found["2.0", "young"] == "older", "it was there before"


def test_what_was_passed_over_long_ago_is_not_new_when_the_scope_grows(published: ControllerState) -> None:
    seen(published, "2.5", published.at + 1000)
    seen(published, "3.0", published.at + 2000)
    published.execute("UPDATE wheel SET sdist_filename = 'demo-2.0.tar.gz'")
    published.at += 3000
    published.wheel("demo", "3.0", "cp39-cp39-linux", serves=["old"])
    published.execute("UPDATE wheel SET sdist_filename = 'demo-3.0.tar.gz' WHERE filename LIKE 'demo-3%'")
    assert judged(published)["2.5", "young"] == "older"


def test_a_newer_release_makes_the_one_before_it_depth(state: ControllerState) -> None:
    state.target("young", tags=["cp311-cp311-linux"])
    state.builder("pi1", "young")
    state.release("demo", "1.0")
    assert judged(state) == {("1.0", "young"): "newest"}
    assert state.one("SELECT priority FROM release_target") == priorities.BREADTH
    state.release("demo", "2.0")
    assert judged(state) == {("1.0", "young"): "older", ("2.0", "young"): "newest"}
    order = state.catalog.db.execute("SELECT priority FROM release_target ORDER BY release_id").fetchall()
    assert [row["priority"] for row in order] == [priorities.DEPTH, priorities.BREADTH]
