"""The run as it goes on: the first page and the page of the fleet follow the status file that changes underneath.

The browser's clock stands still until a test moves it; the file is the one a run writes, and nginx serves it.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.support.chromium import Watched
from tests.support.sample_site import HOSTILE, SampleSite, running_status


class Live:
    """A page with a clock of its own, and the status file it reads."""

    def __init__(self, watched: Watched, status: Path) -> None:
        self.watched, self.page, self.file = watched, watched.page, status
        self.began = float(round(time.time()))
        # Without the server's clock, which goes on, the page believes the browser's.
        self.page.route("**/status.json", self._answer)
        self.page.clock.install(time=self.began)
        self.page.clock.pause_at(self.began + 1)

    @staticmethod
    def _answer(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers={k: v for k, v in answer.headers.items() if k != "date"})

    def tell(self, document: object = None, **changes: Any) -> dict[str, Any]:
        """What the file says from now on: a run that is going on, changed so, or something else."""
        said = running_status(self.began, **changes) if document is None else document
        self.file.write_text(said if isinstance(said, str) else json.dumps(said))
        return said if isinstance(said, dict) else {}

    def open(self, path: str = "/fleet/index.html") -> None:
        self.asked(lambda: self.page.goto(path))

    def asked(self, action: Callable[[], object]) -> None:
        """Do something that makes the page read the file, until it has read it."""
        with self.page.expect_response("**/status.json") as answer:
            action()
        answer.value.finished()

    def later(self, seconds: float) -> None:
        self.page.clock.run_for(int(seconds * 1000))

    def not_asked(self, action: Callable[[], object]) -> None:
        seen: list[str] = []

        def note(request: Request) -> None:
            # The browser itself fetches a page's icon whenever it likes.
            if request.resource_type in {"fetch", "xhr"}:
                seen.append(request.url)

        self.page.on("request", note)
        action()
        self.page.remove_listener("request", note)
        assert seen == []

    def card(self, host: str) -> Locator:
        return self.page.locator(f'.builder[data-host="{host}"]')

    def field(self, name: str) -> Locator:
        return self.page.locator(f"#fleet-now [data-field={name}]").first

    @property
    def notice(self) -> Locator:
        return self.page.locator('[data-live="notice"]')


@pytest.fixture
def live(watched: Watched, sample: SampleSite) -> Iterator[Live]:
    live = Live(watched, sample.root / "status.json")
    before = live.file.read_bytes()
    live.tell()
    yield live
    live.page.unroute_all(behavior="ignoreErrors")
    live.file.write_bytes(before)


def test_each_builder_shows_what_it_builds_and_how_it_is(live: Live) -> None:
    live.open()
    expect(live.card("pi1")).to_contain_text("numpy 2.4.0")
    expect(live.card("pi1")).to_contain_text("71 °C")
    expect(live.card("pi1").get_by_role("link", name="numpy 2.4.0")).to_have_attribute(
        "href", f"{live.watched.origin}/project/numpy/index.html"
    )
    expect(live.card("pi2").locator(".live-state")).to_have_text("suspended")
    expect(live.card("pi3")).to_contain_text("It does not answer (timed out).")
    expect(live.card("pi4").locator(".live-state")).to_have_text("not in this run")
    expect(live.page.get_by_role("listitem").filter(has_text="It did not answer any more.")).to_have_count(1)


def test_a_builder_that_joined_since_the_page_was_made_gets_a_card(live: Live) -> None:
    live.open()
    expect(live.card("newcomer").locator(".live-state")).to_have_text("waiting")


@pytest.mark.parametrize("path", ["/index.html", "/fleet/index.html"])
def test_numbers_change_as_the_file_does(live: Live, path: str) -> None:
    live.open(path)
    expect(live.field("built")).to_have_text("71")
    expect(live.field("left")).to_have_text("38")
    live.tell(built=72, left=37)
    live.asked(lambda: live.later(5))
    expect(live.field("built")).to_have_text("72")
    expect(live.field("left")).to_have_text("37")


def test_builders_and_events_change_as_the_file_does(live: Live) -> None:
    live.open()
    expect(live.card("pi1").locator(".builds li")).to_have_count(2)
    events = live.page.locator("#fleet-events li")
    expect(events).to_have_count(4)
    now = running_status(live.began)
    now["hosts"][0].update(state="waiting", building=[])
    now["events"].append({"at": round(live.began), "host": "pi1", "sentence": "Something new."})
    live.tell(now)
    live.asked(lambda: live.later(5))
    expect(live.card("pi1").locator(".builds li")).to_have_count(0)
    expect(live.card("pi1").locator(".live-state")).to_have_text("waiting")
    expect(events).to_have_count(5)
    expect(events.first).to_contain_text("Something new.")


def test_builds_grow_older_without_asking(live: Live) -> None:
    live.open()
    age = live.card("pi1").locator(".age").last
    expect(age).to_have_text("42 s")
    live.not_asked(lambda: live.later(3))
    expect(age).to_have_text("45 s")


def test_a_paused_view_asks_nothing_until_it_goes_on(live: Live) -> None:
    live.open()
    live.page.get_by_role("button", name="Pause").click()
    live.not_asked(lambda: live.later(60))
    expect(live.notice).to_contain_text("Paused, read")
    live.tell(built=99)
    live.asked(lambda: live.page.get_by_role("button", name="Resume").click())
    expect(live.field("built")).to_have_text("99")


def test_a_hidden_tab_asks_nothing(live: Live) -> None:
    live.open()
    turn = """(hidden) => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    live.page.evaluate(turn, True)
    live.not_asked(lambda: live.later(60))
    live.asked(lambda: live.page.evaluate(turn, False))


def test_a_run_that_says_nothing_any_more_is_doubted(live: Live) -> None:
    said = live.tell(at=round(live.began) - 900)
    live.open()
    expect(live.field("state")).to_have_text("no news for 15 minutes")
    expect(live.notice).to_contain_text("The run is silent; read 0 s ago.")
    expect(live.page.get_by_role("button", name="Pause")).to_be_hidden()
    expect(live.card("pi1").locator(".live-state")).to_have_text("was building")
    expect(live.page.locator(".live-state.built")).to_have_count(0)
    began = said["hosts"][0]["building"][1]["since"]
    expect(live.card("pi1").locator(".age").last).to_have_text(
        f"{said['at'] - began} s" if said["at"] > began else "0 s"
    )
    expect(live.field("detail")).to_have_text("The run was interrupted or lost its connection.")
    expect(live.page.get_by_role("status")).to_have_text("No news from the run.")
    expect(live.field("expected_end")).to_have_text("–")


def test_a_run_that_falls_silent_while_it_is_watched_is_doubted_too(live: Live) -> None:
    live.open()
    expect(live.field("state")).to_have_text("building")
    expect(live.card("pi1").locator(".live-state")).to_have_class(re.compile("built"))
    live.later(240)
    expect(live.field("state")).to_have_text("no news for 4 minutes")
    expect(live.card("pi1").locator(".live-state")).not_to_have_class(re.compile("built"))


def test_a_browser_whose_clock_is_wrong_goes_by_the_server(watched: Watched, sample: SampleSite) -> None:
    (sample.root / "status.json").write_text(json.dumps(running_status(time.time())))
    watched.page.clock.install(time=time.time() + 7200)
    watched.page.goto("/fleet/index.html")
    expect(watched.page.locator("#fleet-now [data-field=state]")).to_have_text("building")


def test_after_a_run_it_is_said_when_it_ended(live: Live) -> None:
    live.tell(state="ended", expected_end=None)
    live.open()
    expect(live.field("state")).to_contain_text("idle since")
    expect(live.page.get_by_role("status")).to_have_text("No run in progress.")
    expect(live.page.get_by_role("button", name="Pause")).to_be_hidden()
    live.not_asked(lambda: live.later(50))


def test_before_the_first_run_there_is_nothing_live(live: Live) -> None:
    live.file.unlink()
    live.watched.allow_missing("/status.json")
    live.open()
    expect(live.notice).to_contain_text("No run yet")
    expect(live.field("state")).to_have_text("no run yet")
    expect(live.field("built")).to_have_text("–")
    expect(live.page.get_by_role("button", name="Pause")).to_be_hidden()
    expect(live.card("pi1")).to_contain_text("Raspberry Pi 5")


def test_what_is_no_status_is_not_shown(live: Live) -> None:
    for nonsense in ("", "null", "[]", "{}", '{"schema": 2}', "<html>"):
        live.tell(nonsense)
        live.open()
        expect(live.notice).to_contain_text(re.compile("status cannot be read|outdated"))
        expect(live.field("state")).to_have_text("not known")
        expect(live.field("built")).to_have_text("–")


def test_builders_that_lie_are_shown_as_text_and_hurt_no_other(live: Live) -> None:
    now = running_status(live.began, built=HOSTILE, left=None, expected_end="x")
    now["hosts"][0].update(
        state=HOSTILE, note=HOSTILE, built=HOSTILE, per_hour={},
        metrics={"at": [], "temperature": HOSTILE, "load": {}, "memory_total": -1, "memory_free": 5, "disk_total": 0},
        building=[
            {"name": "../../evil", "version": HOSTILE, "target": HOSTILE, "since": HOSTILE}, None, 4, {"name": {}},
        ],
    )  # fmt: skip
    now["hosts"] += [None, 4, {"host": HOSTILE, "metrics": None, "building": "x"}, {"host": {}}, {"host": "__proto__"}]
    now["events"] = [None, {"at": HOSTILE, "host": HOSTILE, "sentence": HOSTILE}, {}]
    live.tell(now)
    live.open()
    expect(live.card("pi1")).to_contain_text("../../evil")
    expect(live.card("pi1").get_by_role("link")).to_have_count(0)
    expect(live.card("pi2")).to_contain_text("It cannot build lxml")
    text = live.page.locator("body").inner_text()
    assert [word for word in ("NaN", "undefined", "[object", "\u202e") if word in text] == []
    assert_nothing_ran(live.page)


def assert_nothing_ran(page: Page) -> None:
    assert page.evaluate("window.hacked") is None
    expect(page.locator("img[src*='elsewhere'], [onerror], [onmouseover], [href^=javascript]")).to_have_count(0)
