"""What check mode lists: the first builds of the queue, why they are first, and how many there are."""

from __future__ import annotations

from wheelfleet.planner.preview import preview

from tests.support.catalogs import ControllerState
from tests.support.query_cost import steps


def queued(state: ControllerState, many: int) -> None:
    if not state.one("SELECT count(*) FROM builder"):
        state.builder("pi1", state.target())
    there = int(str(state.one("SELECT count(*) FROM release_target")))
    for number in range(there, many):
        state.want(f"p{number}", "1.0")
    state.execute("UPDATE release_target SET need = 'now', predicted_seconds = release_id")


def test_a_long_queue_is_cut_and_says_how_many_and_how_to_see_all(state: ControllerState) -> None:
    queued(state, 5)
    *builds, total = preview(state.catalog.db, most=2).lines
    assert [line.split()[:4] for line in builds] == [["would", "build", f"p{n}", "1.0"] for n in (4, 3)]
    assert total == "5 builds would begin; the first 2 are listed, --check --diff lists all."


def test_all_are_listed_where_the_operator_asks_for_all(state: ControllerState) -> None:
    queued(state, 60)
    assert len(preview(state.catalog.db, most=None).builds) == 60


def test_what_waits_for_another_target_is_counted(state: ControllerState) -> None:
    queued(state, 3)
    state.execute("UPDATE release_target SET need = 'later' WHERE release_id > 1")
    assert preview(state.catalog.db, most=9).lines[1:] == [
        "1 build would begin; 2 for other targets wait for what those tell."
    ]


def test_an_empty_queue_is_said(state: ControllerState) -> None:
    assert preview(state.catalog.db, most=9).lines == ["Nothing would be built."]


def test_the_preview_is_in_the_order_of_the_queue_and_says_why(state: ControllerState) -> None:
    queued(state, 8)
    for release, priority in enumerate((40, 30, 23, 22, 21, 20, 10, 0), 1):
        state.execute("UPDATE release_target SET priority = ? WHERE release_id = ?", priority, release)
    reasons = [line.partition(" (")[2].rstrip(")") for line in preview(state.catalog.db, most=None).builds]
    assert reasons == [
        "an operator put it first",
        "a new release of a published project",
        "installers asked for it in vain, 1,000 times or more",
        "installers asked for it in vain, 100 times or more",
        "installers asked for it in vain, 10 times or more",
        "installers asked for it in vain",
        "the newest release of its project",
        "after the newest releases of all projects",
    ]


def test_a_preview_costs_as_much_of_a_long_queue_as_of_a_short_one(state: ControllerState) -> None:
    queued(state, 5)
    few = steps(state.catalog.db, lambda: preview(state.catalog.db, most=3))
    queued(state, 500)
    assert steps(state.catalog.db, lambda: preview(state.catalog.db, most=3)) <= 1.5 * few
