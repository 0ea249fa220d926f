"""The page of a project: short on a phone, small on the wire, its details folded, its table usable where it is wide."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.chromium import Watched
from tests.support.nginx import NginxSite
from tests.support.sample_site import BIG, FAILED

#: Pixels, bytes over the wire, and requests of a first visit.
TALLEST, LARGEST, MOST_REQUESTS = 3_000, 20_000, 6


@pytest.mark.parametrize("width", [390, 1280])
def test_the_largest_project_is_no_endless_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"/project/{BIG}/index.html")
    assert page.evaluate("document.documentElement.scrollHeight") <= TALLEST
    assert page.locator("table.matrix th[scope=row]").count() == 25


@pytest.mark.parametrize("name", [BIG, FAILED])
def test_a_first_visit_is_small_on_the_wire(browser: Browser, nginx: NginxSite, name: str) -> None:
    nginx.requests()
    page = browser.new_page(viewport={"width": 390, "height": 800})
    watched = Watched(page, nginx.url)
    page.goto(f"{nginx.url}/project/{name}/index.html", wait_until="load")
    requests = {request.path: request.bytes for request in nginx.requests()}
    page.close()
    print(f"\n{name}:", requests)
    assert len(requests) <= MOST_REQUESTS
    assert sum(requests.values()) <= LARGEST
    assert watched.problems == []


def test_a_built_cell_opens_the_details_of_its_release(page: Page) -> None:
    page.goto(f"/project/{BIG}/index.html")
    file = page.get_by_role("link", name=f"{BIG}-2.3.5-cp311-cp311-manylinux_2_28_aarch64.whl")
    expect(file).to_be_hidden()
    page.locator("tbody", has=page.get_by_role("rowheader", name="2.3.5")).get_by_role(
        "link", name="built"
    ).first.click()
    expect(file).to_be_visible()


def test_older_releases_open_without_script(browser: Browser, nginx: NginxSite) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{nginx.url}/project/{BIG}/index.html")
    oldest = page.locator("table.matrix th[scope=row]").last
    expect(oldest).to_be_hidden()
    page.get_by_text("19 older releases").click()
    expect(oldest).to_be_visible()
    page.close()


def test_on_a_phone_each_target_is_a_chip_that_names_it(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(f"/project/{BIG}/index.html")
    chips = page.locator("table.matrix tbody").nth(1).locator("tr").first.locator("td")
    said = chips.evaluate_all("(all) => all.map((each) => getComputedStyle(each, '::before').content)")
    assert said == ['"3.11 aarch64 "', '"3.13 aarch64 "', '"3.11 armv7l "']
    right = chips.evaluate_all("(all) => Math.max(...all.map((each) => each.getBoundingClientRect().right))")
    assert right <= 390


def test_releases_stay_in_sight_while_the_table_scrolls(page: Page) -> None:
    page.set_viewport_size({"width": 700, "height": 800})
    page.goto(f"/project/{BIG}/index.html")
    region = page.locator(".scrolls").first
    region.evaluate("(each) => { each.style.width = '320px'; each.scrollLeft = 100; }")
    assert region.evaluate("(each) => each.scrollLeft") == 100
    page.get_by_role("rowheader", name="2.3.6").scroll_into_view_if_needed()
    assert region.evaluate("(each) => each.scrollLeft") == 100
    left = region.evaluate("(each) => each.getBoundingClientRect().left")
    box = page.get_by_role("rowheader", name="2.3.6").bounding_box()
    assert box is not None
    assert abs(box["x"] - left) < 3


def test_links_licence_and_dependencies_stand_above_the_releases(page: Page) -> None:
    page.goto("/project/pandas/index.html")
    about = page.get_by_role("region", name="About")
    expect(about.get_by_role("link", name="Home page")).to_have_attribute("href", "https://elsewhere.invalid/pandas")
    expect(about).to_contain_text("BSD 3-Clause")
    about.get_by_text("numpy, python-dateutil, lxml, spydev").click()
    badge = about.get_by_alt_text("State of lxml here")
    badge.scroll_into_view_if_needed()
    page.wait_for_function("(each) => each.complete && each.naturalWidth > 50", arg=badge.element_handle())
    expect(about).to_contain_text("python-dateutil >=2.8.2 from PyPI")
    expect(about).not_to_contain_text("tzdata")
    about.get_by_role("link", name="lxml").click()
    expect(page.get_by_role("heading", name="lxml")).to_be_visible()


def test_no_badge_of_a_dependency_is_asked_for_before_it_is_looked_at(browser: Browser, nginx: NginxSite) -> None:
    nginx.requests()
    page = browser.new_page()
    page.goto(f"{nginx.url}/project/pandas/index.html", wait_until="networkidle")
    paths = [request.path for request in nginx.requests()]
    page.close()
    assert [path for path in paths if path.endswith("badge.svg")] == ["/project/pandas/badge.svg"]
