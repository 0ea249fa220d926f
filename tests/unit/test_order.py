"""The order in which builders get builds: what people wait for first, nothing never, and cheaply in a long queue."""

from __future__ import annotations

from typing import Any

import pytest
from wheelfleet.catalog.release_targets import put_first
from wheelfleet.control.orders import order
from wheelfleet.planner import batches, choice, sizing
from wheelfleet.planner.carry_out import carry_out
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.planner.work_to_return import work_to_return

from tests.support.fleet_catalog import MAX_ATTEMPTS, NOW, Fleet, names
from tests.support.query_cost import steps


@pytest.fixture
def busy(fleet: Fleet) -> Fleet:
    """Two builders, of which pi1 builds something of ten seconds and holds a batch of depth. Much is left."""
    for host in ("pi1", "pi2"):
        fleet.builder(host, 11)
    known(fleet, "pi1")
    for number in range(200):
        fleet.queue(f"p{number}", 11, seconds=10.0)
    held = fleet.claim("pi1")
    fleet.begin(held.builds[0].attempt)
    while more := fleet.claim("pi1"):
        if not more.new:
            break
    fleet.execute("UPDATE builder SET passed_over_seconds = 0")
    return fleet


def known(fleet: Fleet, *hosts: str) -> None:
    """Their speed was learned from many results."""
    for host in hosts:
        for _ in range(sizing.PROBES):
            fleet.attempt("before", "1.0", outcome="built", host=host, predicted_normal=12.0, target="cp311")


def first(fleet: Fleet, release: int, now: float = NOW) -> None:
    with fleet.catalog.writing() as db:
        put_first(db, [(release, 11)], now)


def all_in_order(fleet: Fleet, host: str = "pi1") -> list[str]:
    """What a host of known speed is given, one after another."""
    given = []
    while held := fleet.claim(host):
        given.append(held.builds[0].name)
        fleet.finish(held.builds[0].attempt, blocks="target")
    return given


def test_what_people_wait_for_comes_first_and_the_longest_of_it_first(fleet: Fleet) -> None:
    fleet.builder("pi1", 11)
    known(fleet, "pi1")
    fleet.insert("use_day", name="asked", day=0, lookups=3)
    for name, recency, seconds in (
        ("depth", "older", 20.0), ("breadth", "newest", 21.0), ("long-breadth", "newest", 22.0),
        ("asked", "newest", 1.0), ("new", "new", 1.0), ("long-new", "new", 2.0),
    ):  # fmt: skip
        fleet.queue(name, 11, recency=recency, seconds=seconds)
    for number in range(10):
        fleet.queue(f"p{number}", 11, seconds=15.0)
    first(fleet, fleet.queue("first", 11, seconds=0.5))
    usual = ["first", "long-new", "new", "asked", "long-breadth", "breadth", "depth"]
    assert all_in_order(fleet)[: len(usual)] == usual


def test_a_build_that_would_put_off_the_end_begins_before_the_rest(fleet: Fleet) -> None:
    for host in ("pi1", "pi2"):
        fleet.builder(host, 11)
        known(fleet, host)
    fleet.queue("endless", 11, seconds=1000.0)
    fleet.queue("new", 11, seconds=10.0, recency="new")
    for number in range(60):
        fleet.queue(f"p{number}", 11, seconds=10.0, recency="newest")
    given = [each.name for host in ("pi1", "pi2") for each in fleet.claim(host).builds]
    assert given[:2] == ["new", "endless"]


def test_what_is_put_first_goes_before_the_batch_that_a_builder_holds(busy: Fleet) -> None:
    held = busy.claim("pi1", now=NOW + 1)
    assert len(held.builds) > 3 and not batches.wants_more(busy.catalog, "pi1", "run1", NOW + 1)
    first(busy, busy.queue("first", 11, seconds=500.0))
    assert batches.wants_more(busy.catalog, "pi1", "run1", NOW + 1)
    now = busy.claim("pi1", now=NOW + 1)
    positions = {each.name: each.position for each in now.builds}
    assert now.new == 1 and min(positions, key=positions.__getitem__) == "first"
    assert not batches.wants_more(busy.catalog, "pi1", "run1", NOW + 1), "one is enough before its slot is free"


def test_an_order_puts_first_what_waits_and_what_has_failed(busy: Fleet) -> None:
    failed, waits = busy.queue("demo", 11, version="1.0", recency="new"), busy.queue("demo", 11, version="2.0")
    known(busy, "pi2")
    attempt = next(each for each in busy.claim("pi2").builds if each.name == "demo")
    busy.finish(attempt.attempt, blocks="target")
    with busy.catalog.writing() as db:
        PlanInputs(["demo"], [], False, "all", {"max_attempts": MAX_ATTEMPTS}).remember(db)
    order(busy.catalog, who="ada", verb="first", noun="project", subject="demo", now=NOW)
    carry_out(busy.catalog, NOW)
    rows = busy.catalog.db.execute("SELECT release_id, need FROM release_target WHERE priority = 0 ORDER BY release_id")
    assert [tuple(row) for row in rows] == [(failed, "now"), (waits, "now")]


def test_what_is_put_first_in_a_builders_inbox_comes_back_to_be_first(busy: Fleet) -> None:
    waiting = busy.claim("pi1", now=NOW + 1).builds[-1]
    release = busy.one("SELECT release_id FROM attempt WHERE id = ?", waiting.attempt)
    assert not work_to_return(busy.catalog, "pi1", "run1", NOW + 1).attempts
    first(busy, int(str(release)))
    back = work_to_return(busy.catalog, "pi1", "run1", NOW + 1)
    assert (back.attempts, back.overtaken) == ((waiting.attempt,), True)
    batches.return_unstarted(busy.catalog, back.attempts, MAX_ATTEMPTS)
    known(busy, "pi2")
    assert names(busy.claim("pi2", now=NOW + 2))[0] == waiting.name


def test_a_builder_takes_something_urgent_only_if_it_can_begin_it_soon(busy: Fleet) -> None:
    busy.execute("UPDATE attempt SET predicted_normal = 100 WHERE begun_at = ?", NOW)
    busy.queue("new", 11, recency="new", now=NOW + 5)
    assert not batches.wants_more(busy.catalog, "pi1", "run1", NOW + 5), "its slot is free in 95 seconds"
    assert batches.wants_more(busy.catalog, "pi1", "run1", NOW + 60), "nobody was sooner for as long"


def test_something_urgent_that_its_builder_does_not_come_to_goes_to_others(busy: Fleet) -> None:
    first(busy, busy.queue("first", 11, seconds=5.0))
    urgent = busy.claim("pi1", now=NOW + 1).builds[0]
    later = NOW + 2 + sizing.STUCK_SECONDS
    back = work_to_return(busy.catalog, "pi1", "run1", later)
    assert (urgent.name, back.attempts, back.overtaken) == ("first", (urgent.attempt,), True)


def test_what_others_overtake_on_its_builder_comes_back_after_a_while(busy: Fleet) -> None:
    waiting = [each.attempt for each in busy.claim("pi1", now=NOW + 1).builds[1:]]
    first(busy, busy.queue("first", 11, seconds=5.0))
    urgent = busy.claim("pi1", now=NOW + 2).builds[0]
    busy.begin(urgent.attempt, now=NOW + 3)
    assert not work_to_return(busy.catalog, "pi1", "run1", NOW + 30).attempts
    back = work_to_return(busy.catalog, "pi1", "run1", NOW + 3 + sizing.OVERTAKEN_SECONDS)
    assert back.overtaken and set(back.attempts) == set(waiting)


def test_the_build_that_waits_longest_gets_its_part_of_every_builder(fleet: Fleet) -> None:
    fleet.builder("pi1", 11)
    known(fleet, "pi1")
    fleet.queue("old", 11, seconds=20.0, now=NOW - 86_400)
    for number in range(100):
        fleet.queue(f"new{number}", 11, seconds=10.0, recency="new")
    before = all_in_order(fleet).index("old") * 10.0
    passed_over = 20.0 / sizing.OLDEST_SHARE
    assert abs(before - passed_over) <= sizing.LONGEST_FILL_SECONDS


# ------------------------------------------------------------------------------------------------------------- cost


def plan(fleet: Fleet, question: str) -> list[str]:
    asked: dict[str, Any] = {"host": "pi1", "run": "run1", "now": NOW, "memory": 0, "target": 11}
    asked |= {"priority": 10, "least": 0.0, "most": 9.0}
    return [row["detail"] for row in fleet.catalog.db.execute(f"EXPLAIN QUERY PLAN {question}", asked)]


@pytest.mark.parametrize(
    ("question", "index"), [(choice.LEVEL, "release_target_now"), (choice.OLDEST, "release_target_oldest")]
)
def test_candidates_come_in_the_order_of_an_index(fleet: Fleet, question: str, index: str) -> None:
    steps_of_plan = plan(fleet, question)
    assert index in steps_of_plan[0]
    assert not any("TEMP B-TREE" in step for step in steps_of_plan)


def test_a_claim_costs_as_much_in_a_long_queue_as_in_a_short_one(fleet: Fleet) -> None:
    fleet.builder("pi1", 11)
    known(fleet, "pi1")
    db = fleet.catalog.db

    def fill(many: int) -> None:
        """Add releases of as many projects."""
        with fleet.catalog.writing():
            (last,) = db.execute("SELECT max(id) FROM release").fetchone()
            rows = range(last + 1, last + 1 + many)
            db.executemany(
                "INSERT INTO project (id, name, display_name) VALUES (?1, 'p' || ?1, '')", [(n,) for n in rows]
            )
            db.executemany("INSERT INTO release (id, project_id, version) VALUES (?1, ?1, '1')", [(n,) for n in rows])
            db.executemany(
                "INSERT INTO upstream_file (id, release_id, filename, kind, url) VALUES (?1, ?1, ?1, 'sdist', '')",
                [(n,) for n in rows],
            )
            db.executemany(
                "INSERT INTO release_target (release_id, target_id, verdict, reason, sdist_id, need, predicted_seconds,"
                " priority, queued_at) VALUES (?1, 11, 'build', '', ?1, 'now', ?2, ?3, ?2)",
                [(n, 60.0 + n % 977, (40, 30, 23)[n % 3]) for n in rows],
            )

    def cost() -> int:
        def claim() -> None:
            held = fleet.claim("pi1")
            batches.return_unstarted(fleet.catalog, [each.attempt for each in held.builds], MAX_ATTEMPTS)

        return steps(db, claim)

    fill(100)
    few = cost()
    fill(20_000)
    assert cost() <= 1.5 * few
    assert steps(db, lambda: batches.wants_more(fleet.catalog, "pi1", "run1", NOW)) <= few
