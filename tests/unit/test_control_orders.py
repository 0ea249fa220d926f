"""Operators' orders: kept with who and why, each an event, idempotent, and refused where they make no sense."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.catalog import controls, events
from wheelfleet.control import orders
from wheelfleet.control.rule import BadOrder
from wheelfleet.planner.carry_out import carry_out

from tests.support.catalogs import ControllerState
from tests.support.fleet_catalog import NOW, Fleet
from tests.support.query_cost import steps


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two builders; alpha is queued, beta has an attempt on pi1 that is going on, gamma one that waits there."""
    with Fleet(tmp_path_factory.mktemp("catalog")) as fleet:
        fleet.builder("pi1", 11)
        fleet.builder("pi2", 11)
        fleet.queue("beta", 11)
        fleet.queue("gamma", 11)
        held = fleet.claim("pi1")
        assert held is not None
        fleet.begin(*(build.attempt for build in held.builds if build.name == "beta"))
        fleet.queue("alpha", 11)
        fleet.execute("UPDATE project SET state = 'present'")
        return fleet.path


@pytest.fixture
def fleet(made: Path, tmp_path: Path) -> Iterator[ControllerState]:
    """A copy of it, because making one takes longer than a test."""
    shutil.copy(made, tmp_path)
    with ControllerState(tmp_path) as fleet:
        fleet.catalog.db.execute("PRAGMA synchronous = OFF")
        yield fleet


def give(
    fleet: ControllerState, verb: str, noun: str, subject: str, reason: str = "SD card", **more: Any
) -> orders.Order:
    return orders.order(
        fleet.catalog, who="alice", verb=verb, noun=noun, subject=subject, reason=reason, **{"now": NOW, **more}
    )


def refusal(fleet: ControllerState, verb: str, noun: str, subject: str, reason: str = "SD card", **more: Any) -> str:
    with pytest.raises(BadOrder) as error:
        give(fleet, verb, noun, subject, reason, **more)
    return str(error.value)


def beta(fleet: ControllerState) -> str:
    (row,) = fleet.catalog.db.execute("SELECT id FROM attempt WHERE id LIKE 'beta-%'")
    return str(row["id"])


def test_an_order_is_kept_and_is_an_event_with_who_when_and_why(fleet: ControllerState) -> None:
    given = give(fleet, "pause", "builder", "pi1", run="run1")
    assert given.changed
    assert controls.newest(fleet.catalog.db, 9) == [
        controls.Control(1, NOW, "alice", "pause", "builder", "pi1", "", "SD card", None, None, None)
    ]
    assert events.events(fleet.catalog.db) == [
        events.Event(NOW, "run1", "pi1", "It was paused by alice: SD card.", "alice", "SD card")
    ]


@pytest.mark.parametrize(
    ("verb", "noun", "subject", "first"),
    [
        ("pause", "builder", "pi1", None),
        ("drain", "builder", "pi1", None),
        ("resume", "builder", "pi1", "pause"),
        ("skip", "project", "alpha", None),
        ("skip", "build", "alpha==1.0", None),
        ("unskip", "project", "alpha", "skip"),
        ("first", "project", "alpha", None),
        ("pages", "project", "alpha", None),
    ],
)
def test_the_same_order_twice_changes_nothing(
    fleet: ControllerState, verb: str, noun: str, subject: str, first: str | None
) -> None:
    if first:
        give(fleet, first, noun, subject)
    assert give(fleet, verb, noun, subject).changed
    before = controls.newest(fleet.catalog.db, 9), events.events(fleet.catalog.db)
    assert not give(fleet, verb, noun, subject, now=NOW + 60).changed
    assert (controls.newest(fleet.catalog.db, 9), events.events(fleet.catalog.db)) == before


def test_a_dry_run_keeps_nothing_and_says_the_same(fleet: ControllerState) -> None:
    said = give(fleet, "pause", "builder", "pi1", dry_run=True)
    assert controls.newest(fleet.catalog.db, 9) == []
    assert events.events(fleet.catalog.db) == []
    assert give(fleet, "pause", "builder", "pi1").sentence == said.sentence


def test_a_builder_has_one_hold_and_resume_lifts_it(fleet: ControllerState) -> None:
    give(fleet, "pause", "builder", "pi1")
    give(fleet, "drain", "builder", "pi1", now=NOW + 1)
    held = orders.hold_on(fleet.catalog.db, "pi1")
    assert held is not None
    assert held.verb == "drain"
    assert orders.holds(fleet.catalog.db) == {"pi1": held}
    give(fleet, "resume", "builder", "pi1", "")
    assert orders.hold_on(fleet.catalog.db, "pi1") is None


def test_an_order_ends_when_its_time_is_over(fleet: ControllerState) -> None:
    give(fleet, "pause", "builder", "pi1", until=NOW + 3600)
    orders.end_overdue(fleet.catalog, NOW + 3599)
    assert orders.hold_on(fleet.catalog.db, "pi1") is not None
    orders.end_overdue(fleet.catalog, NOW + 3600)
    assert orders.hold_on(fleet.catalog.db, "pi1") is None
    assert events.events(fleet.catalog.db)[-1].sentence == (
        "alice's order (pause pi1) has ended, because its time is over."
    )


@pytest.mark.parametrize(
    ("verb", "noun", "subject", "sentence"),
    [
        ("pause", "builder", "pi3", "No builder is called pi3; do you mean pi2?"),
        ("resume", "builder", "pi1", "pi1 is not paused."),
        ("paus", "builder", "pi1", "paus cannot be ordered for a builder; do you mean pause?"),
        ("pause", "bilder", "pi1", "Nobody can order anything about a bilder; do you mean builder?"),
        ("forget", "builder", "pi1", "pi1 holds 2 builds; drain it and wait, or run build.yml without it"),
        ("skip", "project", "alpa", "The fleet knows no project alpa; do you mean alpha?"),
        ("skip", "build", "alpha==2.0", "The fleet knows no release alpha==2.0; the newest of alpha is 1.0."),
        ("skip", "build", "alpha @ x", "alpha @ x is neither a project nor a release; write numpy or numpy==2.4.0."),
        ("skip", "build", "alpha-1.0.tar.gz", "alpha-1.0.tar.gz is neither a project nor a release; write numpy or"),
        ("pause", "builder", "ALL", "No builder is called ALL; do you mean all?"),
        ("pause", "builder", "PI1", "No builder is called PI1; do you mean pi1?"),
        ("drain", "builder", "mars", "No builder is called mars; known are all, pi1, pi2."),
        ("forget", "builder", "mars", "No builder is called mars; known are pi1, pi2."),
        ("pause", "builder", " ", "Say what to pause, with what=…."),
        ("unskip", "project", "alpha", "No order skips alpha; what controller_skip or a recipe skips is changed"),
        (
            "first",
            "project",
            "nothing",
            "The fleet knows no project nothing; it can be ordered once it is in scope (controller_packages).",
        ),
        ("stop", "build", "alpha-1.0-00000000", "alpha-1.0-00000000 is not being built"),
    ],
)
def test_orders_without_sense_are_refused_in_a_sentence(
    fleet: ControllerState, verb: str, noun: str, subject: str, sentence: str
) -> None:
    assert refusal(fleet, verb, noun, subject).startswith(sentence)
    assert controls.newest(fleet.catalog.db, 9) == []


@pytest.mark.parametrize(
    ("verb", "noun", "subject", "more", "sentence"),
    [
        ("skip", "build", "alpha", {"target": "armv9"}, "No target's name has armv9 in it; known are cp311"),
        ("pages", "project", "alpha", {"target": "cp311"}, "Pages are those of all targets; leave the target out."),
        ("resume", "builder", "pi1", {"until": NOW + 60}, "resume has no end; leave hours out."),
    ],
)
def test_options_without_sense_are_refused_in_a_sentence(
    fleet: ControllerState, verb: str, noun: str, subject: str, more: dict[str, Any], sentence: str
) -> None:
    assert refusal(fleet, verb, noun, subject, **more).startswith(sentence)


def test_one_release_is_one_subject_however_it_is_written(fleet: ControllerState) -> None:
    assert give(fleet, "skip", "build", "Alpha==1").subject == "alpha==1.0"
    assert not give(fleet, "skip", "build", "alpha==1.0.0", now=NOW + 1).changed
    assert give(fleet, "unskip", "build", "alpha==1.0", now=NOW + 2).changed


def test_what_takes_something_from_people_needs_a_reason(fleet: ControllerState) -> None:
    assert refusal(fleet, "pause", "builder", "pi1", " ") == (
        "Say why, with reason='…': people read on the site why pause was ordered for pi1."
    )


def test_a_host_of_the_inventory_is_not_forgotten(fleet: ControllerState) -> None:
    assert refusal(fleet, "forget", "builder", "pi2", inventory=["pi2"]).startswith("pi2 is in the inventory")
    assert give(fleet, "forget", "builder", "pi2", inventory=["pi1"]).changed


def test_a_forgotten_host_leaves_no_row_and_its_builds_stay(fleet: ControllerState) -> None:
    db = fleet.catalog.db
    with fleet.catalog.writing() as write:
        write.execute("UPDATE attempt SET host = 'pi2', state = 'done', outcome = 'failed'")
        write.execute("INSERT INTO apt_package (host, package, state, at) VALUES ('pi2', 'libusb', 'installed', 0)")
    give(fleet, "pause", "builder", "pi2")
    give(fleet, "forget", "builder", "pi2", now=NOW + 1)
    carry_out(fleet.catalog, NOW + 2)
    for table in ("builder", "builder_target", "apt_package"):
        assert db.execute(f"SELECT count(*) FROM {table} WHERE host = 'pi2'").fetchone()[0] == 0, table
    assert db.execute("SELECT count(*) FROM attempt WHERE host = 'pi2'").fetchone()[0] == 2
    assert orders.holds(db) == {}
    assert not give(fleet, "forget", "builder", "pi2", now=NOW + 3).changed


def test_a_host_that_came_back_is_not_forgotten(fleet: ControllerState) -> None:
    give(fleet, "forget", "builder", "pi2")
    fleet.execute("UPDATE builder SET seen_at = ? WHERE host = 'pi2'", NOW + 1)
    carry_out(fleet.catalog, NOW + 2)
    assert fleet.catalog.db.execute("SELECT 1 FROM builder WHERE host = 'pi2'").fetchone()
    assert controls.newest(fleet.catalog.db, 1)[0].answer == "It is kept, because it took part in a run meanwhile."


class TestWordsOfOperators:
    """One word may mean several builders or builds."""

    def expand(self, fleet: ControllerState, verb: str, noun: str, word: str, **more: Any) -> list[str]:
        return orders.expand(fleet.catalog, verb=verb, noun=noun, word=word, **more)

    def test_all_is_every_builder(self, fleet: ControllerState) -> None:
        assert self.expand(fleet, "pause", "builder", "all", inventory=["pi3"]) == ["pi1", "pi2", "pi3"]
        give(fleet, "pause", "builder", "pi2")
        assert self.expand(fleet, "resume", "builder", "all") == ["pi2"]

    @pytest.mark.parametrize("word", ["beta", "beta==1.0", "Beta<2", "pi1", "ATTEMPT"])
    def test_a_running_build_is_found_by_any_name(self, fleet: ControllerState, word: str) -> None:
        assert self.expand(fleet, "stop", "build", word.replace("ATTEMPT", beta(fleet))) == [beta(fleet)]

    @pytest.mark.parametrize(
        ("word", "sentence"),
        [
            ("gamma", "gamma 1.0 waits on pi1 and has not begun; to keep it from being built: skip gamma==1.0."),
            ("beta==2.0", "beta==2.0 is not being built; do you mean beta?"),
            ("pi2", "pi2 is not being built; do you mean pi1?"),
        ],
    )
    def test_what_does_not_run_cannot_be_stopped(self, fleet: ControllerState, word: str, sentence: str) -> None:
        with pytest.raises(BadOrder) as error:
            self.expand(fleet, "stop", "build", word)
        assert str(error.value) == sentence


def test_what_a_session_asks_at_each_poll_is_cheap(fleet: ControllerState) -> None:
    """It does not grow with the orders of the past, nor with what is skipped."""

    def cost() -> int:
        return steps(fleet.catalog.db, lambda: orders.hold_on(fleet.catalog.db, "pi1"))

    few = cost()
    with fleet.catalog.writing() as db:
        for number in range(500):
            about: dict[str, Any] = {"at": NOW, "who": "alice", "reason": "x"}
            controls.add(db, verb="skip", noun="project", subject=f"p{number}", **about)
            controls.add(db, verb="pause", noun="builder", subject="pi1", done_at=NOW, **about)
    assert cost() <= 2 * few
