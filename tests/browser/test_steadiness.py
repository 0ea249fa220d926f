"""Pages that a script fills stay where they are, and a fleet of a hundred builders has a page of the usual weight."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from wheelfleet.engine.host_status import Building, HostState, HostStatus
from wheelfleet.engine.status import status_document

from tests.support.catalogs import TARGET, ControllerState
from tests.support.chromium import Watched
from tests.support.nginx import NginxSite, nginx_site
from tests.support.page_measures import DESK, MOST_BYTES, MOST_REQUESTS, MOST_SHIFT, PHONE, measure
from tests.support.sample_site import SampleSite, running_status

BUILDERS = 100
LIVE = {
    "home": ("/index.html", "#fleet-now .status.built"),
    "fleet": ("/fleet/index.html", ".builds a"),
    "search": ("/search/index.html?q=py", "#results a"),
    "nothing": ("/no/such/numpi", ""),
}
STATES = (HostState.BUILDING, HostState.WAITING, HostState.UNREACHABLE, HostState.SUSPENDED)


@pytest.fixture(autouse=True)
def status_as_before(sample: SampleSite) -> Iterator[None]:
    """The site is other tests' too."""
    file = sample.root / "status.json"
    before = file.read_bytes()
    yield
    file.write_bytes(before)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("name", LIVE)
def test_nothing_jumps_when_the_script_fills_a_page(
    browser: Browser, nginx: NginxSite, sample: SampleSite, name: str, size: tuple[int, int]
) -> None:
    (sample.root / "status.json").write_text(json.dumps(running_status(time.time())))
    path, done = LIVE[name]
    seen = measure(browser, f"{nginx.url}{path}", size, done=done)
    assert seen.shift < MOST_SHIFT, seen.shifted


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_nothing_jumps_on_the_page_of_an_idle_fleet(
    browser: Browser, nginx: NginxSite, sample: SampleSite, size: tuple[int, int]
) -> None:
    ended = running_status(time.time() - 9000, state="ended", expected_end=None)
    for host in ended["hosts"]:
        host.update(state="idle", building=[], note="")
    (sample.root / "status.json").write_text(json.dumps(ended))
    seen = measure(browser, f"{nginx.url}/fleet/index.html", size, done="#fleet-now .status.skipped")
    assert seen.shift < MOST_SHIFT, seen.shifted


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxSite]:
    """The site of a hundred builders in four states, with as many boards and systems as such a fleet may have."""
    boards = ("Raspberry Pi 5 Model B Rev 1.0", "Raspberry Pi 4 Model B Rev 1.4", "Raspberry Pi Zero 2 W Rev 1.0")
    now = time.time()
    statuses = []
    with ControllerState(tmp_path_factory.mktemp("crowd") / "var") as state:
        for number in range(BUILDERS):
            host = f"rack{number // 10}-pi{number % 10}"
            facts = {"board": boards[number % 3], "os": {"id": "debian", "version": "12"}, "cores": 4, "slots": 2}
            state.builder(host, TARGET, facts=facts, seen_at=now, speed=1.0, suspended=None)
            status = HostStatus(host, "run", STATES[number % 4], built=number, left=50, at=now)
            if status.state is HostState.BUILDING:
                status.building = [Building("numpy", f"2.{number}", TARGET, now - number)]
            elif status.state is HostState.UNREACHABLE:
                status.note = "It does not answer (timed out)."
            statuses.append(status)
        state.publish()
        document = status_document(statuses, run="run", now=now, ended=False)
        (state.site / "status.json").write_text(json.dumps(document))
        with nginx_site(state.site) as served:
            yield served


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_hundred_builders_weigh_no_more_than_other_pages(
    browser: Browser, crowd: NginxSite, size: tuple[int, int]
) -> None:
    seen = measure(browser, f"{crowd.url}/fleet/index.html", size, done=".doing a")
    assert seen.bytes < MOST_BYTES
    assert seen.requests <= MOST_REQUESTS
    assert seen.shift < MOST_SHIFT, seen.shifted


@pytest.fixture
def crowded(browser: Browser, crowd: NginxSite) -> Iterator[Page]:
    page = browser.new_page(base_url=crowd.url, viewport={"width": 1200, "height": 900}, locale="en-GB")
    watched = Watched(page, crowd.url)
    yield page
    page.close()
    assert watched.problems == []


def test_builders_of_a_large_fleet_are_sorted_by_state(crowded: Page) -> None:
    crowded.goto("/fleet/index.html")
    crowded.wait_for_selector(".doing a")
    states = crowded.locator("tbody .live-state").all_inner_texts()
    assert len(states) == BUILDERS
    assert list(dict.fromkeys(states)) == ["unreachable", "suspended", "building", "waiting"] or list(
        dict.fromkeys(states)
    ) == ["suspended", "unreachable", "building", "waiting"]
    first = crowded.locator("tbody tr[data-host]").first
    expect(first).to_contain_text("It does not answer")


def test_a_builder_that_joins_a_large_fleet_gets_a_line(crowded: Page) -> None:
    def more(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        said = answer.json()
        said["hosts"].append({**said["hosts"][0], "host": "newcomer"})
        route.fulfill(response=answer, json=said)  # type: ignore[attr-defined]

    crowded.route("**/status.json", more)
    crowded.goto("/fleet/index.html")
    expect(crowded.locator('tr[data-host="newcomer"]')).to_contain_text("building")
