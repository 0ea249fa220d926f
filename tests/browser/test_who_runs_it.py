"""Whom a reader asks: a report that is filled in, a contact on the page of a wrong address, an announcement."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect
from wheelfleet.site.contact import Contact

from tests.support.catalogs import TARGET, ControllerState
from tests.support.chromium import Watched
from tests.support.nginx import NginxSite, nginx_site
from tests.support.sample_site import running_status

HOSTILE = "<img src=//elsewhere.invalid/x onerror=alert(1)>"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxSite]:
    """A site whose operator says who runs it, with one failed build."""
    with ControllerState(tmp_path_factory.mktemp("contact") / "var") as state:
        state.builder("pi1", TARGET)
        state.want("spam", "1.0")
        told = {"failure_class": "missing-header", "blocks": "target", "sentence": "The header png.h is missing."}
        state.attempt("spam", "1.0", log="no png.h\n", **told)
        contact = Contact(
            f"For the school {HOSTILE}",
            "wheels@example.org",
            "https://tracker.example/new?t={project}+{class}&log={log}",
        )
        state.publish(url="https://wheels.example.org", contact=contact, announcement=f"Down on Saturday. {HOSTILE}")
        (state.site / "status.json").write_text(json.dumps(running_status(time.time())))
        with nginx_site(state.site) as served:
            yield served


@pytest.fixture
def watched(browser: Browser, nginx: NginxSite) -> Iterator[Watched]:
    page = browser.new_page(base_url=nginx.url, viewport={"width": 390, "height": 800})
    watched = Watched(page, nginx.url)
    yield watched
    page.close()
    assert watched.problems == []


def test_a_failed_build_is_reported_with_what_it_was(page: Page) -> None:
    page.goto("/project/spam/index.html")
    report = page.get_by_role("link", name="Report this")
    expect(report).to_be_visible()
    address = report.get_attribute("href") or ""
    told = parse_qs(urlsplit(address).query)
    page.locator("table.matrix td.failed").get_by_role("link", name="failed").click()
    assert told == {
        "t": ["spam missing-header"],
        "log": [page.url.replace(f"http://{urlsplit(page.url).netloc}", "https://wheels.example.org")],
    }
    expect(page.get_by_role("link", name="Report this")).to_have_attribute("href", address)


def test_a_wrong_address_and_an_empty_search_say_where_to_ask(watched: Watched) -> None:
    watched.allow_missing("/no/such/page")
    page = watched.page
    page.goto("/no/such/page")
    assert page.get_by_role("link", name="please tell us").get_attribute("href") == "mailto:wheels@example.org"
    page.goto("/search/index.html?q=zzzz")
    assert page.get_by_role("link", name="Ask for a project").get_attribute("href") == "mailto:wheels@example.org"


def test_an_announcement_is_seen_first_and_fits_a_phone(page: Page) -> None:
    page.goto("/index.html")
    said = page.get_by_role("complementary", name="Announcement")
    expect(said).to_contain_text(f"Down on Saturday. {HOSTILE}")
    expect(said).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.get_by_role("contentinfo")).to_contain_text(f"For the school {HOSTILE}")
    page.goto("/project/spam/index.html")
    expect(said).to_have_count(0)
