"""The plots of the statistics: their values under a tap, the pointer and the keyboard, in forced colours too."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.support.nginx import NginxSite


def test_a_tap_on_a_plot_shows_the_day_and_its_values(browser: Browser, nginx: NginxSite) -> None:
    page = browser.new_page(base_url=nginx.url, viewport={"width": 390, "height": 844}, has_touch=True)
    page.goto("/statistics/index.html")
    figure = page.locator("figure").first
    figure.locator(".column .slot").last.tap()
    expect(figure.get_by_role("status")).to_have_text(re.compile(r"^2026-11-\d\d: \d+ built, \d+ failed$"))
    page.close()


def test_the_arrow_keys_go_from_day_to_day(page: Page) -> None:
    page.goto("/statistics/index.html")
    figure = page.locator("figure").first
    figure.locator(".area").focus()
    said = figure.get_by_role("status")
    last = said.inner_text()
    page.keyboard.press("ArrowLeft")
    before = said.inner_text()
    assert before < last
    page.keyboard.press("Home")
    assert said.inner_text() < before
    page.keyboard.press("End")
    expect(said).to_have_text(last)


def test_forced_colours_leave_legend_and_progress_as_they_are(page: Page) -> None:
    page.emulate_media(forced_colors="active")
    page.goto("/statistics/index.html")
    swatch = "(each) => getComputedStyle(each, '::before').backgroundColor"
    swatches = page.locator(".legend li").evaluate_all(f"(all) => all.map({swatch})")
    assert len(set(swatches)) == 2
    page.goto("/fleet/index.html")
    page.wait_for_selector(".builds a")
    assert page.locator("progress").evaluate("(each) => getComputedStyle(each).forcedColorAdjust") == "none"
