"""The statistics: what is counted, over which time, and that it stays cheap and harmless."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.catalog.database import Catalog
from wheelfleet.downloads.access_log import VISIT_KINDS
from wheelfleet.site.html import statistics
from wheelfleet.site.renderer import Renderer

from tests.support.catalogs import TARGET, TEMPLATES, ControllerState

#: 2026-11-22, as days since the epoch.
TODAY = 20779
EMPTY = "Nothing has been built or downloaded yet."


@pytest.fixture(scope="module")
def render() -> Renderer:
    return Renderer([TEMPLATES])


def site(state: ControllerState, render: Renderer) -> dict[str, bytes]:
    return dict(statistics.pages(state.catalog.db, render))


def page(state: ControllerState, render: Renderer) -> str:
    return site(state, render)["statistics/index.html"].decode()


def data(state: ControllerState, render: Renderer) -> dict[str, Any]:
    return json.loads(site(state, render)["statistics/statistics.json"])


def built(state: ControllerState, day: int, builds: int = 1, *, outcome: str = "built", host: str = "pi1") -> None:
    state.insert("build_day", day=day, host=host, outcome=outcome, builds=builds, seconds=builds * 60.0)


def downloaded(state: ControllerState, day: int, downloads: int, kind: str = "all", key: str = "") -> None:
    state.insert("client_day", day=day, kind=kind, key=key, downloads=downloads)


def test_a_fleet_that_has_done_nothing_says_so_in_place_of_empty_plots(
    state: ControllerState, render: Renderer
) -> None:
    assert EMPTY in page(state, render)
    assert "<svg" not in page(state, render)
    assert data(state, render)["days"] == []


def test_builds_are_counted_as_they_end(state: ControllerState, render: Renderer) -> None:
    state.wheel("spidev", "3.8", "cp311-cp311-linux_aarch64", serves=[TARGET])
    state.attempt("spidev", "3.7", outcome="failed", seconds=60)
    state.attempt("spidev", "3.6", outcome="refused", seconds=30)
    told = data(state, render)
    assert told["totals"] == {
        "wheels": 1, "bytes": state.one("SELECT size FROM wheel"), "built": 1, "failed": 1, "refused": 1,
        "build_seconds": 102.0, "downloads": 0, "saved_seconds": 0,
    }  # fmt: skip
    (day,) = (day for day in told["days"] if day["built"])
    assert day == {
        "day": "2023-11-14", "built": 1, "failed": 1, "refused": 1, "build_seconds": 102.0, "downloads": 0,
        "saved_seconds": 0.0,
    }  # fmt: skip
    assert told["targets"] == [{"target": TARGET, "wheels": 1, "bytes": told["totals"]["bytes"]}]
    assert "CPython 3.11, Linux on 64-bit ARM, glibc 2.36" in page(state, render)
    assert "Of the builds of the last 14 days, 33% succeeded." in page(state, render)


def test_all_builders_of_a_day_count_together(state: ControllerState, render: Renderer) -> None:
    for host in ("pi1", "pi2"):
        built(state, TODAY, 3, host=host)
    assert data(state, render)["days"][-1]["built"] == 6
    assert "2026-11-22: 6 built, 0 failed" in page(state, render)


def test_now_is_the_newest_day_that_anything_is_known_of(state: ControllerState, render: Renderer) -> None:
    built(state, TODAY - 3)
    downloaded(state, TODAY, 5)
    told = data(state, render)
    assert told["days"][-1] == {
        "day": "2026-11-22", "built": 0, "failed": 0, "refused": 0, "build_seconds": 0.0, "downloads": 5,
        "saved_seconds": 0.0,
    }  # fmt: skip
    assert len(told["days"]) == statistics.FEWEST_DAYS


def test_a_short_history_is_shown_by_day_alone(state: ControllerState, render: Renderer) -> None:
    built(state, TODAY - 89)
    built(state, TODAY)
    assert [len(data(state, render)[key]) for key in ("days", "months")] == [90, 0]
    assert "Builds by month" not in page(state, render)


def test_a_longer_one_by_month_too_from_its_first_month(state: ControllerState, render: Renderer) -> None:
    built(state, TODAY - 90, 7)
    built(state, TODAY, 2)
    told = data(state, render)
    assert len(told["days"]) == 90
    assert [(month["month"], month["built"]) for month in told["months"]] == [
        ("2026-08", 7), ("2026-09", 0), ("2026-10", 0), ("2026-11", 2),
    ]  # fmt: skip
    assert "2026-08: 7 built, 0 failed" in page(state, render)


@pytest.mark.slow
def test_ten_years_are_shown_as_two_years_of_months(state: ControllerState, render: Renderer) -> None:
    built(state, TODAY - 3650)
    built(state, TODAY)
    months = [month["month"] for month in data(state, render)["months"]]
    assert (months[0], months[-1], len(months)) == ("2024-12", "2026-11", 24)


def test_the_queue_is_told_by_its_peak_of_each_day(state: ControllerState, render: Renderer) -> None:
    for day, hour, queued in ((-3, 5, 40), (-3, 9, 90), (-3, 20, 10), (0, 1, 25)):
        state.insert("queue_hour", hour=(TODAY + day) * 24 + hour, queued=queued)
    days = data(state, render)["days"]
    assert [day.get("queued") for day in days[-5:]] == [None, 90, 10, 10, 25]
    assert "Longest queue of each day" in page(state, render)


def test_a_queue_unchanged_for_months_is_still_shown(state: ControllerState, render: Renderer) -> None:
    state.insert("queue_hour", hour=(TODAY - 200) * 24, queued=12)
    built(state, TODAY)
    assert {day["queued"] for day in data(state, render)["days"]} == {12}


def test_downloads_are_told_by_day_by_project_and_by_what_downloads(state: ControllerState, render: Renderer) -> None:
    state.wheel("numpy", "2.0", serves=[TARGET])
    state.insert("use_day", name="numpy", day=TODAY, downloads=30, lookups=50, saved_seconds=7200)
    state.insert("use_day", name="unknown", day=TODAY, downloads=1, lookups=1, saved_seconds=0)
    state.insert("use_day", name="looked-up-only", day=TODAY, downloads=0, lookups=9, saved_seconds=0)
    downloaded(state, TODAY, 31)
    for key, downloads in (("3.13", 30), ("", 1)):
        downloaded(state, TODAY, downloads, "python", key)
    told = data(state, render)
    assert (told["totals"]["downloads"], told["totals"]["saved_seconds"]) == (31, 7200)
    assert [use["name"] for use in told["projects"]] == ["numpy", "unknown"]
    assert told["clients"] == {"python": [{"name": "3.13", "downloads": 30}, {"name": "not said", "downloads": 1}]}
    assert told["days"][-1]["saved_seconds"] == 7200
    assert "Each download saves the time that the build took here: 2 h so far." in page(state, render)
    assert "Building saved by downloads, by day" in page(state, render)


def test_only_projects_with_a_page_are_linked(state: ControllerState, render: Renderer) -> None:
    state.wheel("numpy", "2.0", serves=[TARGET])
    state.publish()
    for name in ("numpy", "unknown"):
        state.insert("use_day", name=name, day=TODAY, downloads=30, lookups=50, saved_seconds=7200)
    assert 'href="../project/numpy/index.html"' in page(state, render)
    assert "project/unknown" not in page(state, render)


def test_projects_are_called_as_they_call_themselves(state: ControllerState, render: Renderer) -> None:
    state.wheel("RPi.GPIO", "0.7.1", serves=[TARGET])
    state.publish()
    state.insert("use_day", name="rpi-gpio", day=TODAY, downloads=30, lookups=50, saved_seconds=7200)
    downloaded(state, TODAY, 30)
    assert '<a href="../project/rpi-gpio/index.html">RPi.GPIO</a>' in page(state, render)
    assert data(state, render)["projects"][0]["name"] == "rpi-gpio"


def test_of_a_young_site_nothing_is_shown_as_zero(state: ControllerState, render: Renderer) -> None:
    built(state, TODAY)
    state.insert("queue_hour", hour=TODAY * 24, queued=0)
    html = page(state, render)
    assert "No downloads have been counted yet." in html
    assert "downloads</span>" not in html
    assert "of compiling saved" not in html
    assert "Longest queue of each day" not in html


def test_clients_are_those_of_the_days_shown_and_the_rarest_are_one_line(
    state: ControllerState, render: Renderer
) -> None:
    downloaded(state, TODAY, 500)
    downloaded(state, TODAY - 90, 1000, "machine", "armv6l")
    for number in range(12):
        downloaded(state, TODAY, 20 - number, "machine", f"m{number:02}")
    machines = data(state, render)["clients"]["machine"]
    assert len(machines) == statistics.MOST_CLIENTS + 1
    assert machines[0] == {"name": "m00", "downloads": 20}
    assert machines[-1] == {"name": "all others", "downloads": 10 + 9}


def visited(state: ControllerState, day: int, kind: str, visits: int) -> None:
    state.execute("INSERT INTO visit_day VALUES (?, ?, ?)", day, kind, visits)


def test_visits_are_told_by_kind_of_page_the_most_visited_first(state: ControllerState, render: Renderer) -> None:
    built(state, TODAY)
    for day in (TODAY, TODAY - 1):
        visited(state, day, "project", 30)
    visited(state, TODAY, "json", 7)
    visited(state, TODAY, "home", 12)
    visited(state, TODAY - 400, "home", 1000)
    assert list(data(state, render)["visits"].items()) == [("project", 60), ("home", 12), ("json", 7)]
    html = page(state, render)
    assert "JSON, by programs" in html
    assert html.index("Projects <") < html.index("First page <") < html.index("JSON, by programs <")


def test_each_kind_of_visit_that_is_counted_has_words() -> None:
    assert set(statistics.VISITED) == set(VISIT_KINDS)


def test_what_clients_say_of_themselves_is_text_and_short(state: ControllerState, render: Renderer) -> None:
    downloaded(state, TODAY, 2)
    downloaded(state, TODAY, 1, "system", "<script>alert(1)</script>")
    downloaded(state, TODAY, 1, "system", "\x1b[2J\u202e" + "x" * 5000)
    shown = page(state, render)
    assert "<script>alert" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "x" * statistics.MOST_LETTERS not in shown


def test_a_builder_that_never_fails_has_a_hundred_percent(state: ControllerState, render: Renderer) -> None:
    built(state, TODAY, 99_999)
    assert "100% succeeded" in page(state, render)
    built(state, TODAY, 1, outcome="failed")
    assert "99% succeeded" in page(state, render)


def test_time_spent_is_told_in_minutes_until_a_day_has_hours_of_it(state: ControllerState, render: Renderer) -> None:
    built(state, TODAY, 30)
    assert "2026-11-22: 30 minutes" in page(state, render)
    built(state, TODAY - 1, 90)
    assert "2026-11-22: 0.5 hours" in page(state, render)


def test_the_columns_of_a_new_fleet_are_labelled_by_week(state: ControllerState, render: Renderer) -> None:
    built(state, TODAY)
    assert re.findall(r">(\d+ [A-Z][a-z]+)</text>", page(state, render))[:2] == ["15 Nov", "22 Nov"]


def test_the_same_catalog_gives_the_same_bytes(state: ControllerState, render: Renderer) -> None:
    for day in range(TODAY - 120, TODAY):
        built(state, day, day % 7)
        downloaded(state, day, day % 50)
    assert site(state, render) == site(state, render)


@pytest.mark.slow
def test_ten_years_of_builds_cost_no_more_than_what_is_shown(tmp_path: Path, render: Renderer) -> None:
    """Counted in steps of the database's machine, which no other process on this one can make more."""

    def steps_with_years(years: int, hosts: int) -> int:
        with Catalog(tmp_path / f"{years}.sqlite") as catalog:
            days = range(TODAY - 365 * years, TODAY)
            with catalog.writing() as db:
                db.executemany(
                    "INSERT INTO build_day VALUES (?, ?, 'built', 3, 60)",
                    ((day, f"pi{host}") for day in days for host in range(hosts)),
                )
                db.executemany(
                    "INSERT INTO queue_hour VALUES (?, 3)",
                    ((hour,) for day in days for hour in range(day * 24, day * 24 + 24)),
                )
                db.executemany(
                    "INSERT INTO client_day VALUES (?, ?, ?, 3)",
                    (
                        (day, kind, key)
                        for day in days
                        for kind, key in (("all", ""), ("python", "3.11"), ("system", "Debian"))
                    ),
                )
            return _steps(catalog.db, lambda: statistics.read(catalog.db))

    assert steps_with_years(8, hosts=3) < 1.1 * steps_with_years(3, hosts=3)


def _steps(db: sqlite3.Connection, ask: Callable[[], object]) -> int:
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    db.set_progress_handler(count, 10)
    ask()
    db.set_progress_handler(None, 0)
    return counted


@pytest.mark.parametrize(
    ("names", "marks"),
    [
        ([f"2026-11-{day:02}" for day in range(1, 15)], ["7 Nov", "14 Nov"]),
        ([f"2026-{month:02}-{day:02}" for month in (9, 11) for day in range(1, 31)], ["2 Nov", "16 Nov", "30 Nov"]),
        ([f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13)], ["Jun 2026", "Dec 2026"]),
    ],
)  # fmt: skip
def test_a_time_axis_has_labels_at_equal_distances(names: list[str], marks: list[str]) -> None:
    labels = statistics._marks(names)
    assert list(labels.values())[-len(marks) :] == marks
    columns = list(labels)
    assert len({later - earlier for earlier, later in zip(columns, columns[1:])}) == 1
    assert columns[-1] == len(names) - 1
    assert len(labels) <= statistics.MOST_MARKS
