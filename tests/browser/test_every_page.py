"""Every kind of page: whole, without errors, readable on a phone and on a desk, by day and by night, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
import urllib3
from playwright.sync_api import Page

from tests.support.chromium import Watched
from tests.support.nginx import NginxSite
from tests.support.sample_site import BIG, ENEMY, FAILED, GONE, URL, SampleSite
from tests.support.site_pages import elements

#: The kinds of pages, each by an address that has much of what the kind can have.
PAGES = {
    "home": "/index.html",
    "search": "/search/index.html?q=py",
    "all projects": "/browse/index.html",
    "project": f"/project/{BIG}/index.html",
    "older releases": f"/project/{BIG}/page-2.html",
    "failed project": f"/project/{FAILED}/index.html",
    "archived project": "/project/archived-thing/index.html",
    "quarantined project": f"/project/{GONE}/index.html",
    "project that upstream serves": "/project/markupsafe/index.html",
    "project that is not found": "/project/spydev/index.html",
    "enemy's project": f"/project/{ENEMY}/index.html",
    "log": "/{failed_log}",
    "enemy's log": "/{hostile_log}",
    "failures": "/failures/index.html",
    "failure class": "/failures/missing-header/index.html",
    "fleet": "/fleet/index.html",
    "statistics": "/statistics/index.html",
    "how to use": "/use/index.html",
    "faq": "/faq/index.html",
    "report": "/report/index.html",
    "nothing": "/no/such/page",
}
#: What is there once a page's script has done its part.
SCRIPTED = {
    "home": ["#fleet-now [data-field=built]:not(:empty)"],
    "search": ["#results a"],
    "fleet": [".builds a"],
}
WIDTHS = (1200, 360)
SCHEMES = ("light", "dark")

#: Text that is hard to read: what it says, and its contrast with what lies under it (WCAG 2, 1.4.3).
FAINT = """
() => {
  const channels = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[\\d.]+/g).map(Number);
    return [red, green, blue, alpha];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const grounds = new Map([[null, [255, 255, 255]]]);
  const ground = (element) => {
    if (!grounds.has(element)) {
      grounds.set(element, over(channels(getComputedStyle(element).backgroundColor), ground(element.parentElement)));
    }
    return grounds.get(element);
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = new Map();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement;
    const isRead = node.data.trim() && !element.closest("title, desc, meter, progress") && element.checkVisibility();
    if (!isRead) continue;
    const style = getComputedStyle(element);
    const behind = ground(element);
    const letters = over(channels(element.closest("svg") ? style.fill : style.color), behind);
    const [light, dark] = [luminance(letters), luminance(behind)].sort((one, other) => other - one);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) found.set(style.color + behind, `${node.data.trim().slice(0, 40)}: ${contrast}`);
  }
  return [...found.values()];
}
"""

#: What of the page sticks out of it sideways, if anything does.
WIDE = """
() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
  [...document.querySelectorAll("main *")].filter((each) => each.getBoundingClientRect().right > innerWidth + 1
    && !each.closest(".wide")).map((each) => each.outerHTML.slice(0, 100)).slice(0, 5).concat("wider than the window")
"""

UNLABELLED = """
() => [...document.querySelectorAll("input, select, textarea, button, meter, progress")]
  .filter((each) => each.checkVisibility() && !each.labels?.length && !each.ariaLabel && !each.textContent.trim())
  .map((each) => each.outerHTML)
"""

#: Where links, pictures, scripts and styles lead: [attribute, address].
LINKS = """
() => [...document.querySelectorAll("[href], [src]")].map((each) => each.href?.baseVal ?? each.href ?? each.src)
"""


@pytest.fixture(params=PAGES)
def visited(request: pytest.FixtureRequest, watched: Watched, sample: SampleSite) -> Iterator[Page]:
    address = PAGES[request.param].format(failed_log=sample.failed_log, hostile_log=sample.hostile_log)
    if request.param == "nothing":
        watched.allow_missing(address)
    watched.page.goto(address)
    for done in SCRIPTED.get(request.param, ()):
        watched.page.wait_for_selector(done)
    yield watched.page


def test_a_page_is_whole_readable_and_leads_to_what_exists(
    visited: Page, nginx: NginxSite, answers: dict[str, tuple[int, str]]
) -> None:
    problems: dict[str, Any] = {}
    for width in WIDTHS:
        visited.set_viewport_size({"width": width, "height": 800})
        problems[f"{width} wide"] = visited.evaluate(WIDE)
    for scheme in SCHEMES:
        visited.emulate_media(color_scheme=scheme)
        problems[f"hard to read, {scheme}"] = visited.evaluate(FAINT)
    problems["without a label"] = visited.evaluate(UNLABELLED)
    problems["headings"] = [] if visited.locator("h1").count() == 1 and visited.title() else [visited.title()]
    problems["lead nowhere"] = [
        link for link in visited.evaluate(LINKS) if not leads_somewhere(link, nginx.url, answers)
    ]
    assert {what: which for what, which in problems.items() if which} == {}


@pytest.fixture(scope="module")
def answers() -> dict[str, tuple[int, str]]:
    """What the server said to each address that was asked for: status, and the page if it is one."""
    return {}


def leads_somewhere(link: str, site: str, answers: dict[str, tuple[int, str]]) -> bool:
    link = link.replace(URL, site, 1)
    address, fragment = urldefrag(link)
    if not address.startswith(f"{site}/"):
        # Only sdists lie elsewhere, and what a package names as its own pages: others answer for them.
        return urlsplit(link).scheme == "https" and (urlsplit(link).hostname or "").endswith(".invalid")
    if address not in answers:
        answer = urllib3.request("GET", address, retries=False)
        is_page = answer.headers.get("Content-Type", "").startswith("text/html")
        answers[address] = (answer.status, answer.data.decode() if is_page else "")
    status, text = answers[address]
    if address == f"{site}/no/such/page":
        return status == 404
    return status == 200 and (
        not fragment or any(found.get("id") == unquote(fragment) for _, found, _ in elements(text))
    )


@pytest.mark.parametrize("path", [PAGES["home"], PAGES["failed project"], PAGES["fleet"]])
def test_the_keyboard_reaches_content_and_navigation_and_shows_where_it_is(page: Page, path: str) -> None:
    page.goto(path)
    focus = page.locator(":focus")
    page.keyboard.press("Tab")
    assert focus.inner_text() == "Skip to the content"
    assert focus.bounding_box()["x"] >= 0  # type: ignore[index]
    reached = []
    for _ in range(9):
        page.keyboard.press("Tab")
        style = focus.evaluate("(each) => [getComputedStyle(each).outlineStyle, getComputedStyle(each).outlineWidth]")
        assert style == ["solid", "3px"]
        reached.append(focus.inner_text())
    assert reached == ["wheelfleet", "Home", "Search", "A–Z", "Failures", "Fleet", "Statistics", "How to use", "FAQ"]
    for _ in range(9):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert focus.get_attribute("id") == "content"
    page.keyboard.press("Tab")
    assert focus.evaluate("(each) => Boolean(each.closest('main'))")
