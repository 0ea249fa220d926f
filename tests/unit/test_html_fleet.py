"""The page of the fleet: what each builder is and has done, and what is believed of what it says."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from wheelfleet.control import orders
from wheelfleet.site.html import fleet
from wheelfleet.site.renderer import Renderer

from tests.support.catalogs import EPOCH, TARGET, TEMPLATES, ControllerState

TODAY = int(EPOCH // 86400)
PI = {
    "machine": "aarch64",
    "os": {"id": "debian", "version": "12"},
    "cores": 4,
    "memory": 4 << 30,
    "slots": 2,
    "board": "Raspberry Pi 4 Model B Rev 1.4",
    "toolchain": {"gcc": "gcc (Debian 12.2.0-14) 12.2.0"},
}
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>\u202e\x1b[2J'


def add_builder(
    state: ControllerState, host: str, facts: Any = PI, *, target: str | None = TARGET, **more: object
) -> None:
    state.builder(host, *([target] if target else []), facts=facts, **{"speed": 1.0, "seen_at": EPOCH, **more})


def builds(state: ControllerState, host: str, day: int, *, built: int = 0, failed: int = 0) -> None:
    for outcome, count in (("built", built), ("failed", failed)):
        if count:
            # As the triggers of `attempt` do.
            state.insert("build_day", day=day, host=host, outcome=outcome, builds=count, seconds=10.0 * count)
            for kind, more in (
                ("host-builds", count),
                ("host-built", count if outcome == "built" else 0),
                ("host-seconds", 10.0 * count),
            ):
                state.execute(
                    "INSERT INTO counter VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
                    kind, host, more,
                )  # fmt: skip


def published(state: ControllerState) -> tuple[str, dict[str, Any]]:
    """The page, and the same for programs."""
    made = dict(fleet.pages(state.catalog.db, Renderer([TEMPLATES])))
    assert sorted(made) == ["fleet/fleet.json", "fleet/index.html", "fleet/queue.json"]
    return made["fleet/index.html"].decode(), json.loads(made["fleet/fleet.json"])


class Page(HTMLParser):
    """A page's elements and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_each_builder_is_shown_with_what_it_is(state: ControllerState) -> None:
    add_builder(state, "pi1", speed=2.06)
    html, data = published(state)
    page = Page(html)
    for words in (
        "Raspberry Pi 4 Model B Rev 1.4 Debian 12 aarch64 4 cores 4.0 GiB",
        "1 target, 2 builds at once, speed 2.1",
        "gcc (Debian 12.2.0-14) 12.2.0",
        "No build finished yet.",
    ):
        assert words in page.text
    (builder,) = data["builders"]
    assert (builder["host"], builder["board"], builder["system"], builder["cores"]) == (
        "pi1", "Raspberry Pi 4 Model B Rev 1.4", "Debian 12", 4,
    )  # fmt: skip
    assert builder["targets"] == [
        {"target": TARGET, "implementation": "cpython", "python_version": "3.11", "interpreter": "/usr/bin/python3"}
    ]
    assert "pi1" in [attributes.get("data-host") for attributes in page.all("article")]


def test_work_is_counted_over_the_newest_seven_days_with_builds_and_in_all(state: ControllerState) -> None:
    add_builder(state, "pi1")
    add_builder(state, "pi2")
    for day in range(TODAY - 20, TODAY, 2):
        builds(state, "pi1", day, built=8, failed=2)
    builds(state, "pi2", TODAY - 20, built=1)
    html, data = published(state)
    first, second = data["builders"]
    assert first["lately"] == {"built": 56, "failed": 14, "success": 0.8, "seconds": 700}
    assert first["ever"] == {"built": 80, "failed": 20, "success": 0.8, "seconds": 1000}
    assert list(first["days"]) == list(second["days"])
    assert len(first["days"]) == fleet.DAYS
    assert second["lately"] == {"built": 0, "failed": 0, "success": None, "seconds": 0}
    text = Page(html).text
    assert "70 builds, 80% succeeded on the last 7 active days; 100 in all, 80%" in text
    assert "No builds on the last 7 active days; 1 build in all, 100% succeeded." in text


def test_the_bars_of_a_day_are_stacked_and_the_highest_fills_the_field(state: ControllerState) -> None:
    add_builder(state, "pi1")
    builds(state, "pi1", TODAY, built=3, failed=1)
    builds(state, "pi1", TODAY - 1, built=1)
    (builder,) = fleet.read_fleet(state.catalog.db).builders
    assert dict(builder.bars) == {
        "ground": "M1 32h18v1h-18zM21 32h18v1h-18z",
        "built": "M1 32h18v-8h-18zM21 32h18v-24h-18z",
        "failed": "M21 8h18v-8h-18z",
    }


def test_a_suspended_builder_says_why(state: ControllerState) -> None:
    add_builder(state, "pi1", suspended="It cannot build lxml 5.3.0, which was built before: compile-error.")
    html, data = published(state)
    assert "pi1 suspended" in Page(html).text
    assert data["builders"][0]["suspended"] in Page(html).text


def test_a_builder_outside_the_last_run_stands_apart_with_its_last_build(
    state: ControllerState,
) -> None:
    add_builder(state, "pi1")
    add_builder(state, "pi2", target=None)
    state.attempt("numpy", "1.0", outcome="built", host="pi2")
    html, data = published(state)
    assert html.index('data-host="pi1"') < html.index("Not in the last run") < html.index('data-host="pi2"')
    assert [builder["seen_at"] for builder in data["builders"]] == ["2023-11-14T22:13:20Z", "2023-11-14T22:13:21Z"]
    assert data["as_of"] == "2023-11-14T22:13:21Z"


def test_a_target_nobody_offers_is_shown_as_long_as_something_waits_for_it(state: ControllerState) -> None:
    add_builder(state, "pi1")
    gone, forgotten = "cp39-cp39-linux_armv7l-glibc2.31", "cp38-cp38-linux_armv7l-glibc2.28"
    state.target(forgotten)
    state.want("numpy", "1.0", target=gone, need="now")
    state.want("numpy", "1.0", need="now")
    state.want("numpy", "0.9", need="none")
    state.wheel("pure", "1.0", serves=[TARGET])
    html, data = published(state)
    rows = {row["name"]: (row["builders"], row["wheels"], row["waiting"]) for row in data["targets"]}
    assert rows == {TARGET: (1, 1, 1), gone: (0, 0, 1)}
    assert f"{gone} none 0 1" in Page(html).text


def test_the_queue_and_what_happened_are_told_newest_first(state: ControllerState) -> None:
    state.execute("INSERT OR REPLACE INTO counter (kind, key, value) VALUES ('status', 'waiting', 1204)")
    for number in range(60):
        state.event(f"Event {number}.", run="run", at=EPOCH + number)
    html, data = published(state)
    assert "1,204 builds wait in the queue" in Page(html).text
    assert data["queue"] == 1204
    assert [event["sentence"] for event in data["events"]] == [f"Event {number}." for number in range(59, 9, -1)]


def test_a_fleet_that_has_done_nothing_yet_has_a_page(state: ControllerState) -> None:
    html, data = published(state)
    text = Page(html).text
    assert "No builder has reported yet." in text
    assert "No builders yet." in text
    assert "Nothing has happened yet." in text
    assert "0 builders" not in text
    assert (data["as_of"], data["builders"], data["targets"], data["events"]) == (None, [], [], [])


def test_nothing_that_a_builder_says_becomes_markup(state: ControllerState) -> None:
    facts = {
        "machine": HOSTILE,
        "os": {"id": HOSTILE, "version": HOSTILE},
        "cores": HOSTILE,
        "memory": HOSTILE,
        "board": HOSTILE * 1000,
        "toolchain": {HOSTILE: HOSTILE},
    }
    add_builder(state, "pi1", facts, target=f"cp311{HOSTILE}", suspended=HOSTILE)
    state.want("numpy", "1.0", target=f"cp39{HOSTILE}", need="now")
    state.execute("UPDATE builder_target SET interpreter = ?", HOSTILE)
    state.execute("UPDATE target SET tags = ?", json.dumps([HOSTILE]))
    state.event(HOSTILE, run="run")
    html, data = published(state)
    page = Page(html)
    assert [script["src"] for script in page.all("script")] == [f"../{Renderer([TEMPLATES]).asset('live.js')}"]
    assert not [tag for tag, attributes in page.elements if "onerror" in attributes or "style" in attributes]
    assert not re.search("[\u202e\x1b]", html + json.dumps(data, ensure_ascii=False))
    assert len(data["builders"][0]["board"]) == fleet.LONGEST_FACT


@pytest.mark.parametrize(
    "said",
    [
        "no json",
        "[]",
        "null",
        '{"os": [], "toolchain": "gcc", "board": 4, "machine": null}',
        '{"os": {"id": {}, "version": 12}, "toolchain": {"gcc": null}, "cores": NaN, "memory": Infinity}',
        '{"cores": -4, "memory": 1e99, "slots": true, "board": "\\u202e \\n"}',
        json.dumps({"memory": 1 << 70, "cores": "4", "slots": 2.5}),
    ],
)
def test_facts_that_have_no_form_of_a_fact_are_not_known(state: ControllerState, said: str) -> None:
    add_builder(state, "pi1", said)
    _, data = published(state)
    known = {key: data["builders"][0][key] for key in ("system", "machine", "cores", "memory", "slots", "toolchain")}
    assert known == dict.fromkeys(known) | {"toolchain": {}}


def test_the_same_catalog_gives_the_same_bytes(state: ControllerState) -> None:
    add_builder(state, "pi2")
    add_builder(state, "pi1")
    builds(state, "pi1", TODAY, built=3)
    assert published(state) == published(state)
    assert [builder["host"] for builder in published(state)[1]["builders"]] == ["pi1", "pi2"]


def test_without_javascript_the_page_says_when_it_was_made(state: ControllerState) -> None:
    add_builder(state, "pi1")
    page = Page(published(state)[0])
    assert ("Totals as of 2023-11-14 22:13 UTC. The live view needs JavaScript.") in page.text
    (now,) = [attributes for attributes in page.all("section") if attributes.get("id") == "fleet-now"]
    assert "hidden" not in now
    assert now["data-status"] == "../status.json"


@pytest.mark.parametrize(("verb", "shown"), [("pause", "paused"), ("drain", "drained")])
def test_a_builder_that_an_operator_holds_is_shown_with_who_when_and_why(
    state: ControllerState, verb: str, shown: str
) -> None:
    add_builder(state, "pi1")
    terms: dict[str, Any] = {"noun": "builder", "subject": "pi1", "now": EPOCH}
    orders.order(state.catalog, who="alice", verb=verb, reason=f"new SD card {HOSTILE}", **terms)
    page, data = published(state)
    hold = data["builders"][0]["hold"]
    assert (hold["state"], hold["who"], hold["at"]) == (shown, "alice", "2023-11-14T22:13:20Z")
    assert hold["reason"].startswith("new SD card")
    assert re.search(rf'<span class="status waiting">{shown}</span>', page)
    assert "By alice since" in page
    assert "<script>alert" not in page
    assert [(e["host"], e["who"], e["why"][:11]) for e in data["events"]] == [("pi1", "alice", "new SD card")]
    orders.order(state.catalog, who="bob", verb="resume", **terms)
    assert published(state)[1]["builders"][0]["hold"] is None


def test_what_is_built_next_is_listed_with_the_reason_why_it_waits(state: ControllerState) -> None:
    add_builder(state, "pi1")
    state.want("Alpha", "2.0", need="now", predicted_seconds=600.0)
    state.want("beta", "1.0", need="now", predicted_seconds=3600.0)
    state.want("gamma", "1.0", need="none", predicted_seconds=3600.0)
    state.attempt("beta", "1.0", state="open", host="pi1")
    html, data = published(state)
    text = Page(html).text
    assert "1 hBegins next on pi1." in text
    assert "10 minIn the queue: after the newest releases of all projects." in text
    assert [(each["project"], each["seconds"]) for each in data["waiting"]] == [("beta", 3600), ("alpha", 600)]
    state.execute("UPDATE attempt SET begun_at = 1")
    _, data = published(state)
    assert [each["project"] for each in data["waiting"]] == ["alpha"]


def test_what_is_being_built_does_not_count_as_waiting(state: ControllerState) -> None:
    add_builder(state, "pi1")
    for name in ("alpha", "beta", "gamma"):
        state.want(name, "1.0", need="now")
    state.attempt("beta", "1.0", state="open", host="pi1", outcome=None, begun_at=1.0)
    state.attempt("gamma", "1.0", state="open", host="pi1", outcome=None)
    state.want("gamma", "1.0", target="cp313-cp313-linux_aarch64-glibc2.41", need="later")
    # A wheel of this one is published, and it is built again.
    state.want("delta", "1.0", need="now")
    state.attempt("delta", "1.0", state="open", host="pi1", outcome=None, begun_at=1.0)
    state.execute(
        """
        INSERT INTO site_release (release_id, target_id, project_id, status)
        SELECT w.release_id, w.target_id, p.id, CASE p.name WHEN 'delta' THEN 'built' ELSE 'waiting' END
        FROM release_target w JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id
        """
    )
    html, data = published(state)
    assert "2 builds go on, 3 builds wait in the queue." in Page(html).text
    assert "1 build waits until the release was built for another target." in Page(html).text
    assert (data["building"], data["queue"], data["later"]) == (2, 3, 1)
    assert [target["waiting"] for target in data["targets"]] == [2]


def test_a_large_fleet_stands_in_a_table_those_in_trouble_first(state: ControllerState) -> None:
    for number in range(fleet.MOST_CARDS + 1):
        add_builder(state, f"pi{number:02}", suspended="It cannot build lxml." if number == 9 else None)
    orders.order(
        state.catalog, noun="builder", subject="pi05", verb="pause", who="ana", reason="new SD card", now=EPOCH
    )
    builds(state, "pi03", TODAY, built=3, failed=1)
    html, _ = published(state)
    page = Page(html)
    rows = [row["data-host"] for row in page.all("tr") if row.get("data-rank")]
    assert rows[:3] == ["pi09", "pi05", "pi00"]
    assert len(rows) == fleet.MOST_CARDS + 1
    assert "pi09Raspberry Pi 4 Model B Rev 1.4, Debian 12 suspended It cannot build lxml." in page.text
    assert "475% succeeded" in page.text
    assert [article for article in page.all("article") if article.get("data-host")] == []


def test_failures_are_counted_by_class(state: ControllerState) -> None:
    for name, builds in (("missing-header", 3), ("time-out", 5)):
        state.insert("counter", kind="class-builds", key=name, value=builds)
    html, data = published(state)
    assert data["failures"] == [{"class": "time-out", "builds": 5}, {"class": "missing-header", "builds": 3}]
    assert {"href": "../failures/time-out/index.html"} in Page(html).all("a")


def test_temperature_and_load_of_a_day_are_drawn_with_gaps(state: ControllerState) -> None:
    add_builder(state, "pi1")
    add_builder(state, "pi2")
    for slot, temperature, load in ((1000, 30.0, 0.0), (1001, 90.0, 8.0), (1004, 60.0, None)):
        state.insert("builder_metrics", host="pi1", slot=slot, temperature=temperature, load=load)
    html, data = published(state)
    page = Page(html)
    assert [attributes["d"] for attributes in page.all("path") if attributes["d"]] == [
        "M283 40L284 0M287 20",
        "M283 40L284 0",
    ]
    assert "Temperature: 30 to 90 °C, last 60 °C" in page.text
    assert "Load: 0 to 8, last 8" in page.text
    assert data["builders"][0]["history"][0] == {"at": "1970-01-04T11:20:00Z", "temperature": 30.0, "load": 0.0}
    assert data["builders"][1]["history"] == []


def test_what_comes_first_is_listed_before_what_takes_longest(state: ControllerState) -> None:
    add_builder(state, "pi1", target=TARGET)
    state.builder("pi1", "cp313-cp313-linux_aarch64-glibc2.41")
    state.want("long", "1.0", need="now", predicted_seconds=9000.0)
    state.want("first", "1.0", need="now", predicted_seconds=1.0, priority=0)
    other = "cp313-cp313-linux_aarch64-glibc2.41"
    state.want("new", "1.0", target=other, need="now", predicted_seconds=2.0, priority=10)
    _, data = published(state)
    assert [each["project"] for each in data["waiting"]] == ["first", "new", "long"]
