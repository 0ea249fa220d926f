"""What web nodes counted, in the catalog: sums and positions together, once, and never more than there is room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from wheelfleet.catalog import counters
from wheelfleet.downloads import record_sums
from wheelfleet.downloads.access_log import DAY
from wheelfleet.downloads.log_rotation import Position
from wheelfleet.downloads.record_sums import (
    FORGET_SECONDS,
    BadAnswer,
    Overtaken,
    Sums,
    counted_positions,
    read_answer,
    record_answer,
)

from tests.support.catalogs import ControllerState

NOON = 1_795_348_800.0
TODAY = int(NOON // DAY)
PIP = ["pip", "3.11", "aarch64", "Debian GNU/Linux 12"]
CURL = ["other", "", "", ""]
HERE, THERE = Position("aa.bb", 100, NOON), Position("cc.dd", 50, NOON - DAY)


def answer(
    *,
    positions: Sequence[Position] = (HERE,),
    lost: Sequence[Position] = (),
    downloads: Sequence[Sequence[object]] = (),
    lookups: Sequence[Sequence[object]] = (),
    visits: Sequence[Sequence[object]] = (),
    clients: Sequence[Sequence[str]] = (PIP, CURL),
) -> Mapping[str, Any]:
    """What the module on the web node says."""
    return {
        "positions": [list(position) for position in positions],
        "lost": [list(position) for position in lost],
        "more": False,
        "lines": 1,
        "garbage": 0,
        "clients": clients,
        "downloads": downloads,
        "lookups": lookups,
        "visits": visits,
    }


def count(state: ControllerState, host: str = "web1", **said: Any) -> Sums:
    counted = counted_positions(state.catalog.db, host)
    return record_answer(state.catalog, host, counted, read_answer(answer(**said), NOON), NOON)


def use(state: ControllerState) -> dict[tuple[str, int], tuple[int, int, float]]:
    rows = state.catalog.db.execute("SELECT name, day, downloads, lookups, saved_seconds FROM use_day")
    return {(row["name"], row["day"]): (row["downloads"], row["lookups"], row["saved_seconds"]) for row in rows}


def clients(state: ControllerState) -> dict[tuple[str, str], int]:
    rows = state.catalog.db.execute("SELECT kind, key, sum(downloads) AS n FROM client_day GROUP BY kind, key")
    return {(row["kind"], row["key"]): row["n"] for row in rows}


def visits(state: ControllerState) -> dict[tuple[int, str], int]:
    return {
        (row["day"], row["kind"]): row["visits"]
        for row in state.catalog.db.execute("SELECT day, kind, visits FROM visit_day")
    }


def test_visits_are_added_to_their_day(state: ControllerState):
    count(state, visits=[[TODAY, "home", 3], [TODAY - 1, "json", 1]])
    count(state, visits=[[TODAY, "home", 2]], positions=[THERE])
    assert visits(state) == {(TODAY, "home"): 5, (TODAY - 1, "json"): 1}


@pytest.mark.parametrize("visit", [[TODAY, "<b>", 1], [TODAY, "home", -1], [TODAY + 99, "home", 1], [TODAY, None, 1]])
def test_visits_that_no_node_of_ours_tells_of_are_refused(state: ControllerState, visit: list[object]):
    with pytest.raises(BadAnswer):
        count(state, visits=[visit])
    assert visits(state) == {}


def test_downloads_are_added_to_their_day_with_the_time_they_saved(state: ControllerState):
    wheel = state.wheel("Demo", "1.0")  # building it took 12 seconds
    count(state, downloads=[[TODAY, "demo", wheel, 0, 3], [TODAY - 1, "demo", wheel, 1, 1]])
    sums = count(state, downloads=[[TODAY, "demo", wheel, 0, 1]], positions=[HERE._replace(offset=200)])
    assert (sums.downloads, sums.lookups) == (1, 0)
    assert use(state) == {("demo", TODAY): (4, 0, 48.0), ("demo", TODAY - 1): (1, 0, 12.0)}
    assert counters.totals(state.catalog.db, "served-bytes") == {"": 5 * state.one("SELECT size FROM wheel")}
    assert clients(state) == {
        ("all", ""): 5,
        ("installer", "pip"): 4,
        ("installer", "other"): 1,
        ("python", "3.11"): 4,
        ("machine", "aarch64"): 4,
        ("system", "Debian GNU/Linux 12"): 4,
    }
    assert state.one("SELECT value FROM counter WHERE kind = 'downloads'") == 5


def test_files_that_are_no_wheel_of_ours_or_lie_elsewhere_are_not_counted(state: ControllerState):
    wheel = state.wheel("Demo", "1.0")
    downloads = [[TODAY, "demo", "demo-9.9-py3-none-any.whl", 0, 3], [TODAY, "other", wheel, 0, 1]]
    assert count(state, downloads=downloads) == Sums()
    assert (use(state), clients(state)) == ({}, {})
    assert counted_positions(state.catalog.db, "web1") == [HERE]


def test_names_nobody_knows_are_kept_as_lookups_up_to_so_many_a_day(
    state: ControllerState, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(record_sums, "MOST_UNKNOWN_NAMES", 3)
    state.project("known")
    count(state, lookups=[[TODAY, name, 1] for name in ("aa", "bb")], positions=[HERE])
    names = ("bb", "cc", "dd", "ee", "known")
    count(state, lookups=[[TODAY, name, 1] for name in names] + [[TODAY - 1, "dd", 1]], positions=[THERE])
    assert {(name, day): lookups for (name, day), (_, lookups, _) in use(state).items()} == {
        ("aa", TODAY): 1,
        ("bb", TODAY): 2,
        ("cc", TODAY): 1,
        ("known", TODAY): 1,
        ("dd", TODAY - 1): 1,
    }


def test_kinds_of_clients_are_kept_up_to_so_many_a_day(state: ControllerState, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(record_sums, "MOST_KEYS", 2)
    wheel = state.wheel("demo", "1.0")
    systems = [["pip", "", "", f"System {number}"] for number in range(5)]
    downloads = [[TODAY, "demo", wheel, number, 1] for number in range(5)]
    count(state, clients=systems, downloads=downloads)
    count(state, clients=systems, downloads=downloads, positions=[HERE._replace(offset=200)])
    assert clients(state) == {
        ("all", ""): 10,
        ("installer", "pip"): 10,
        ("system", "System 0"): 2,
        ("system", "System 1"): 2,
    }


def test_the_same_answer_does_not_count_twice(state: ControllerState):
    said = read_answer(answer(lookups=[[TODAY, "demo", 1]]), NOON)
    record_answer(state.catalog, "web1", [], said, NOON)
    with pytest.raises(Overtaken):
        record_answer(state.catalog, "web1", [], said, NOON)
    assert use(state) == {("demo", TODAY): (0, 1, 0.0)}


def test_what_breaks_off_leaves_neither_sums_nor_positions(state: ControllerState, monkeypatch: pytest.MonkeyPatch):
    wheel = state.wheel("demo", "1.0")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(record_sums, "_add_clients", killed)
    with pytest.raises(KeyboardInterrupt):
        count(state, downloads=[[TODAY, "demo", wheel, 0, 1]])
    assert (use(state), counted_positions(state.catalog.db, "web1")) == ({}, [])


def test_each_web_node_has_positions_of_its_own(state: ControllerState):
    count(state, "web1", lookups=[[TODAY, "demo", 1]])
    count(state, "web2", lookups=[[TODAY, "demo", 1]])
    assert use(state) == {("demo", TODAY): (0, 2, 0.0)}


def test_an_answer_with_nothing_new_writes_nothing(state: ControllerState):
    count(state, positions=[HERE, THERE])
    before = state.one("SELECT total_changes()")
    assert count(state, positions=[THERE], lost=[HERE]) == Sums()
    assert state.one("SELECT total_changes()") == before


def test_positions_in_files_that_are_gone_are_forgotten_after_a_while(state: ControllerState):
    old = Position("ee.ff", 7, NOON - FORGET_SECONDS)
    count(state, positions=[HERE, THERE, old])
    count(state, positions=[HERE], lost=[THERE, old])
    assert counted_positions(state.catalog.db, "web1") == [HERE, THERE]


@pytest.mark.parametrize(
    "said",
    [
        {"lookups": [[TODAY, "Not-Normal", 1]]},
        {"lookups": [[TODAY, "<script>", 1]]},
        {"lookups": [[TODAY, "demo", -1]]},
        {"lookups": [[TODAY, "demo", True]]},
        {"lookups": [[TODAY, "demo", 1.5]]},
        {"lookups": [[TODAY + 9, "demo", 1]]},
        {"lookups": [[0, "demo", 1]]},
        {"lookups": [[TODAY, "demo"]]},
        {"downloads": [[TODAY, "demo", "demo.whl", 2, 1]]},
        {"downloads": [[TODAY, "demo", "demo\n.whl", 0, 1]]},
        {"clients": [["pip"] * 5]},
        {"clients": [["pip", "x" * 999]]},
        {"clients": 7},
        {"positions": [["aa.bb", -1, 0]]},
        {"positions": [["aa.bb", 1, float("nan")]]},
    ],
    ids=str,
)
def test_an_answer_of_another_form_is_refused_in_a_sentence(said: dict[str, Any]):
    with pytest.raises(BadAnswer, match="wheelfleet_downloads"):
        read_answer({**answer(), **said}, NOON)
