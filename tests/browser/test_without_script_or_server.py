"""Without JavaScript, and from a disk: the pages say what they know, and where something is missing they say that."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.chromium import Watched
from tests.support.nginx import NginxSite
from tests.support.sample_site import BIG, FAILED, SampleSite

COMPLETE = {
    "/index.html": ["New wheels", "python-snappy 0.7.3", "The last build ended on"],
    f"/project/{FAILED}/index.html": ["missing-header", "The header lber.h is missing on the builder.", "queued"],
    f"/project/{BIG}/index.html": ["2.3.6", "pip install", "Older releases"],
    "/failures/index.html": ["missing-header", "4 projects", "opencv-python"],
    "/fleet/index.html": ["pi1", "Raspberry Pi 5", "suspended", "cp311-cp311-linux_aarch64-glibc2.36"],
    "/statistics/index.html": ["Builds by day", "Most downloaded projects", "pip 25.3"],
    "/{failed_log}": ["The header lber.h is missing", "fatal error: lber.h"],
    "/report/index.html": ["Being built on pi1", "Takes three days on a Pi"],
}


@pytest.fixture
def plain(browser: Browser, nginx: NginxSite) -> Iterator[Page]:
    """A page without JavaScript."""
    page = browser.new_page(base_url=nginx.url, java_script_enabled=False)
    watched = Watched(page, nginx.url)
    yield page
    page.close()
    assert watched.problems == []


@pytest.mark.parametrize("path", COMPLETE)
def test_pages_are_complete_without_script(plain: Page, sample: SampleSite, path: str) -> None:
    plain.goto(path.format(failed_log=sample.failed_log))
    for words in COMPLETE[path]:
        expect(plain.locator("main")).to_contain_text(words)


def test_the_fleet_says_that_the_present_needs_script(plain: Page) -> None:
    plain.goto("/fleet/index.html")
    expect(plain.locator('[data-live="notice"]')).to_contain_text("The live view needs JavaScript.")
    expect(plain.locator("#fleet-now")).to_be_hidden()


def test_search_says_that_it_needs_script_and_leads_to_the_plain_list(plain: Page) -> None:
    plain.goto("/")
    plain.get_by_label("Find a project").fill(BIG)
    plain.get_by_role("button", name="Search").click()
    expect(plain.locator("main")).to_contain_text("Searching needs JavaScript.")
    plain.locator("#search").get_by_role("link", name="the list").click()
    plain.get_by_role("link", name=BIG, exact=True).click()
    expect(plain.get_by_role("link", name=f"{BIG}-2.3.6-cp311-cp311-manylinux_2_28_aarch64.whl")).to_be_visible()


@pytest.fixture
def on_disk(browser: Browser, sample: SampleSite) -> Iterator[Page]:
    """A page that is opened from the files."""
    page = browser.new_page()
    watched = Watched(page, "file://")
    page.goto((sample.root / "project" / BIG / "index.html").as_uri())
    yield page
    page.close()
    assert watched.problems == []


def test_from_a_disk_pages_are_styled_and_their_links_work(on_disk: Page) -> None:
    style = on_disk.locator(".scrolls").first.evaluate("(each) => getComputedStyle(each).borderRadius")
    assert style == "8px"
    expect(on_disk.get_by_role("img", name=re.compile("^wheelfleet: "))).to_have_js_property("complete", True)
    on_disk.get_by_role("link", name="Older releases").click()
    expect(on_disk.get_by_role("heading", level=1)).to_contain_text("releases 2.0.5 to 2.0.0")
    for part in ("Failures", "Fleet", "Statistics", "How to use", "FAQ", "Home"):
        on_disk.get_by_role("navigation", name="Site").get_by_role("link", name=part).click()
        expect(on_disk.locator("nav a[aria-current]")).to_have_text(part)


def test_from_a_disk_search_and_fleet_say_what_needs_a_server(on_disk: Page) -> None:
    on_disk.get_by_role("link", name="Search", exact=True).click()
    expect(on_disk.get_by_role("status")).to_contain_text("needs a web server")
    on_disk.get_by_role("link", name="Fleet", exact=True).click()
    expect(on_disk.locator('[data-live="notice"]')).to_contain_text("needs a web server")
