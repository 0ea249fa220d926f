"""What a person sees of the queue on the page of a project that waits; also where no script or server is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.support.nginx import NginxSite

#: A project of the sample whose newest release waits.
WAITS = "/project/lxml/index.html"


def test_a_project_that_waits_says_its_place_and_what_comes_before_it(page: Page) -> None:
    page.goto(WAITS)
    places = page.locator("[data-place]")
    expect(places.first).to_contain_text("of 5 in the queue")
    said = places.all_inner_texts()
    expected = "Its build is expected to take about 20 min. What is built next"
    assert said == [
        f"1st of 5 in the queue. {expected}",
        f"2nd of 5 in the queue; about 4 min of building comes before it. {expected}",
    ]
    places.first.get_by_role("link", name="What is built next").click()
    expect(page.locator("#waiting")).to_be_in_viewport()


def test_without_script_it_says_what_stays_true(browser: Browser, nginx: NginxSite) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(nginx.url + WAITS)
    expect(page.locator("[data-place]").first).to_have_text(
        "Its build is expected to take about 20 min. What is built next"
    )
    page.close()


def test_from_disk_nothing_is_asked_of_a_server(browser: Browser, at: Callable[[str], Path]) -> None:
    page = browser.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(at(WAITS[1:]).as_uri())
    expect(page.locator("[data-place]").first).to_have_text(
        "Its build is expected to take about 20 min. What is built next"
    )
    assert problems == []
    page.close()
