"""Where a build stands in the queue, as the pages of projects learn it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from wheelfleet.site.html import fleet
from wheelfleet.site.queue_places import own_place, queue_places
from wheelfleet.site.renderer import Renderer
from wheelfleet.site.status_rows import project_rows

from tests.support.catalogs import TARGET, TEMPLATES, ControllerState
from tests.support.query_cost import steps

ARMV7 = "cp311-cp311-linux_armv7l-glibc2.36"
OTHER = "cp313-cp313-linux_aarch64-glibc2.41"


def wait(state: ControllerState, name: str, seconds: float, target: str = TARGET, priority: int = 30) -> None:
    state.want(name, "1.0", target=target, need="now", predicted_seconds=seconds, priority=priority)


def builder(state: ControllerState, host: str, *targets: str, slots: int = 1, **more: object) -> None:
    state.builder(host, *targets, facts={"slots": slots}, **more)


def queues(state: ControllerState) -> list[dict[str, Any]]:
    made = dict(fleet.pages(state.catalog.db, Renderer([TEMPLATES])))
    document: dict[str, Any] = json.loads(made["fleet/queue.json"])
    return list(document["queues"])


def place(state: ControllerState, name: str) -> tuple[int, int | None] | None:
    """A project's number in its queue, and the seconds before it; None if it is not listed."""
    (row,) = project_rows(state.catalog.db, [state.project(name)])[state.project(name)]
    mine = own_place(row)
    for queue in queues(state):
        for number, before, *key in queue["places"]:
            if key == [float(each) for each in mine.split()]:
                return number, before
    return None


def test_a_build_waits_for_what_has_a_better_place(state: ControllerState) -> None:
    builder(state, "pi1", TARGET, slots=2)
    wait(state, "short", 60)
    wait(state, "long", 600)
    wait(state, "first", 30, priority=0)
    assert [place(state, name) for name in ("first", "long", "short")] == [(1, 0), (2, 15), (3, 315)]
    (queue,) = queues(state)
    assert queue["builds"] == 3


def test_builders_that_share_a_target_share_a_queue(state: ControllerState) -> None:
    builder(state, "pi1", TARGET)
    builder(state, "pi2", TARGET, OTHER)
    builder(state, "zero", ARMV7, speed=0.1)
    wait(state, "spam", 100)
    wait(state, "ham", 90, target=OTHER)
    wait(state, "eggs", 80, target=ARMV7)
    wait(state, "more", 70, target=ARMV7)
    assert [place(state, name) for name in ("spam", "ham", "eggs", "more")] == [(1, 0), (2, 50), (1, 0), (2, 800)]


def test_without_a_builder_that_may_begin_no_time_is_said(state: ControllerState) -> None:
    builder(state, "pi1", TARGET, suspended="It cannot build spam.")
    wait(state, "spam", 100)
    wait(state, "ham", 90)
    assert place(state, "ham") == (2, None)


def test_what_has_begun_waits_no_more(state: ControllerState) -> None:
    builder(state, "pi1", TARGET)
    wait(state, "spam", 100)
    wait(state, "ham", 90)
    state.attempt("spam", "1.0", state="open", outcome=None, begun_at=5.0)
    assert place(state, "ham") == (1, 0)
    (queue,) = queues(state)
    assert queue["builds"] == 1


@pytest.mark.parametrize("need", ["later", "none"])
def test_what_is_not_in_the_queue_has_no_place(state: ControllerState, need: str) -> None:
    builder(state, "pi1", TARGET)
    state.want("spam", "1.0", need=need)
    (row,) = project_rows(state.catalog.db, [state.project("spam")])[state.project("spam")]
    assert own_place(row) == ""


def long_queue(state: ControllerState, builds: int) -> None:
    builder(state, "pi1", TARGET)
    for number in range(builds):
        wait(state, f"p{number}", 1000.0)


def test_far_places_are_listed_by_tens_and_hundreds(state: ControllerState) -> None:
    long_queue(state, 320)
    (queue,) = queues(state)
    numbers = [each[0] for each in queue["places"]]
    assert numbers == [*range(1, 51), *range(60, 201, 10), 300]
    assert queue["builds"] == 320
    keys = [(each[2], -each[3], *each[4:]) for each in queue["places"]]
    assert all(one < other for one, other in pairwise(keys))


def test_the_document_is_small_and_its_cost_is_bounded(state: ControllerState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wheelfleet.site.queue_places.FURTHEST", 100)
    long_queue(state, 150)
    few = steps(state.catalog.db, lambda: queue_places(state.catalog.db, {}))
    for number in range(150, 600):
        wait(state, f"p{number}", 1000.0)
    assert steps(state.catalog.db, lambda: queue_places(state.catalog.db, {})) < 1.2 * few
    assert len(json.dumps(queue_places(state.catalog.db, {}))) < 4_000
