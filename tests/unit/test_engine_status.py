"""The status file: what the terminal shows of a run, for everybody else."""

from __future__ import annotations

import json
from pathlib import Path

from wheelfleet.catalog.events import Event
from wheelfleet.engine.host_metrics import HostMetrics
from wheelfleet.engine.host_status import CONTROLLER, Building, HostState, HostStatus
from wheelfleet.engine.status import (
    HEARTBEAT,
    Lately,
    all_final,
    is_worth_writing,
    read_catalog,
    status_document,
    write_status,
)
from wheelfleet.site.layout import STATUS

from tests.support.catalogs import EPOCH, ControllerState

NOW = 1_700_000_000.4


def statuses() -> list[HostStatus]:
    building = [Building("numpy", "2.1.0", "cp311-cp311-linux_aarch64-glibc2.36", NOW - 90)]
    pi1 = HostStatus(
        "pi1", "run", state=HostState.BUILDING, building=building, built=3, left=8, seconds_left=100.0, at=NOW - 10
    )
    pi1.metrics = {"at": 1_699_999_990, "temperature": 61.3, "load": [4.0, 3.5, 1.2]}
    return [
        HostStatus(CONTROLLER, "run", state=HostState.READING, note="read 7 of 9 projects", at=NOW),
        pi1,
        HostStatus(
            "pi2", "run", state=HostState.SUSPENDED, note="three failures in a row", failed=3, left=9, at=NOW - 20
        ),
    ]


def test_it_says_what_each_builder_does_and_what_the_fleet_has_done() -> None:
    lately = Lately([Event(NOW - 20, "run", "pi2", "pi2 is suspended.")], {"pi1": 7})
    assert status_document(statuses(), run="run", now=NOW, ended=False, lately=lately) == {
        "schema": 1,
        "run": "run",
        "at": 1_700_000_000,
        "state": "running",
        "built": 3,
        "failed": 3,
        "left": 8,
        "expected_end": 1_700_000_100,
        "hosts": [
            {
                "host": "pi1",
                "state": "building",
                "note": "",
                "building": [
                    {
                        "name": "numpy",
                        "version": "2.1.0",
                        "target": "cp311-cp311-linux_aarch64-glibc2.36",
                        "since": 1_699_999_910,
                    }
                ],
                "built": 3,
                "failed": 0,
                "per_hour": 7,
                "metrics": {"at": 1_699_999_990, "temperature": 61.3, "load": [4.0, 3.5, 1.2]},
            },
            {
                "host": "pi2",
                "state": "suspended",
                "note": "three failures in a row",
                "building": [],
                "built": 0,
                "failed": 3,
                "per_hour": None,
                "metrics": {},
            },
        ],
        "events": [{"at": 1_699_999_980, "host": "pi2", "sentence": "pi2 is suspended."}],
    }


def test_before_anybody_builds_and_after_the_end_no_end_is_expected() -> None:
    early = status_document(statuses()[:1], run="run", now=NOW, ended=False)
    assert (early["state"], early["hosts"], early["left"], early["expected_end"]) == ("running", [], 0, None)
    late = status_document(statuses(), run="run", now=NOW, ended=True)
    assert (late["state"], late["expected_end"]) == ("ended", None)


def test_only_the_newest_events_are_shown() -> None:
    events = [Event(NOW + n, "run", "pi1", f"sentence {n}") for n in range(50)]
    shown = status_document(statuses(), run="run", now=NOW, ended=False, lately=Lately(events))["events"]
    assert [event["sentence"] for event in shown] == [f"sentence {n}" for n in range(30, 50)]


def test_time_alone_is_no_news_until_a_sign_of_life_is_due() -> None:
    def document(after: float, **changes: int) -> dict[str, object]:
        seen = statuses()
        seen[1].built += changes.get("built", 0)
        seen[1].at += after
        return status_document(seen, run="run", now=NOW + after, ended=False)

    first = document(0)
    assert is_worth_writing(first, None)
    assert not is_worth_writing(document(5), first)
    assert is_worth_writing(document(5, built=1), first)
    assert is_worth_writing(document(HEARTBEAT), first)


def test_a_temperature_that_rises_and_an_hour_that_passes_are_no_news() -> None:
    def document(metrics: HostMetrics, per_hour: int) -> dict[str, object]:
        seen = statuses()
        seen[1].metrics = metrics
        return status_document(seen, run="run", now=NOW, ended=False, lately=Lately(per_hour={"pi1": per_hour}))

    first = document({"temperature": 61.3}, 7)
    assert document({"temperature": 70.0}, 6) != first
    assert not is_worth_writing(document({"temperature": 70.0}, 6), first)


def test_the_catalog_says_what_each_host_finished_within_the_last_hour(tmp_path: Path) -> None:
    with ControllerState(tmp_path) as state:
        for host in ("pi1", "pi2"):
            state.builder(host)
        old = state.attempt("numpy", "1.0", outcome="built")
        state.attempt("numpy", "1.1", outcome="built", run="run0")
        state.attempt("numpy", "1.2", outcome="failed")
        state.attempt("numpy", "1.3", state="open")
        state.execute("UPDATE attempt SET finished_at = ? WHERE id = ?", EPOCH - 3600, old)
        for run, sentence in (("run0", "before"), ("run1", "now")):
            state.event(sentence, run=run)
    lately = read_catalog(tmp_path / "catalog.sqlite", "run1", EPOCH + 60)
    assert lately.per_hour == {"pi1": 2, "pi2": 0}
    assert [event.sentence for event in lately.events] == ["now"]


def test_a_catalog_that_cannot_be_read_takes_only_its_part_from_the_status(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"no database" * 100)
    assert read_catalog(tmp_path / "catalog.sqlite", "run", NOW) == Lately()


def test_a_run_is_over_when_every_builder_is_done_even_unknown_ones() -> None:
    seen = statuses()
    assert all_final(seen, [])
    seen[1].final = True
    assert all_final(seen, ["pi1"])
    assert not all_final(seen, ["pi1", "pi2"])
    assert not all_final(seen, ["pi1", "pi3"])


def test_the_file_is_replaced_whole_and_a_missing_site_is_no_trouble(tmp_path: Path) -> None:
    document = status_document(statuses(), run="run", now=NOW, ended=False)
    write_status(tmp_path, document)
    assert json.loads((tmp_path / STATUS).read_text()) == document
    assert (tmp_path / STATUS).stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == [STATUS]
    write_status(tmp_path / "no-site-yet", document)
