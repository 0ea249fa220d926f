"""What strangers write is shown as they wrote it, and does nothing: no script, no picture, no link of theirs."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.sample_site import ENEMY, SampleSite

#: Pages that show the enemy's words: by name and by what of them leads to the place.
SHOWN = {
    "project": f"/project/{ENEMY}/index.html",
    "log": "/{hostile_log}",
    "search": "/search/index.html?q=not",
    "report": "/report/index.html",
    "failures": "/failures/index.html",
    "failure class": "/failures/compile-error/index.html",
    "fleet": "/fleet/index.html",
    "statistics": "/statistics/index.html",
}


@pytest.mark.parametrize("kind", SHOWN)
def test_hostile_words_are_shown_and_do_nothing(page: Page, sample: SampleSite, kind: str) -> None:
    page.goto(SHOWN[kind].format(hostile_log=sample.hostile_log))
    expect(page.locator("main")).to_contain_text("<script>window.hacked = 1</script><img")
    # Whatever could be pointed at or followed is.
    for element in page.locator("main a[href*='elsewhere'], main article, main td").all()[:20]:
        element.dispatch_event("mouseover")
    for opened in page.locator("main details summary").all():
        opened.click()
    assert page.evaluate("window.hacked") is None
    theirs = "main script, main img:not([src='badge.svg']), [onerror], [onmouseover], [onclick], [href^='javascript:']"
    expect(page.locator(theirs)).to_have_count(0)
    assert "\u202e" not in page.locator("body").inner_text()
    assert "49" not in page.locator("h1").inner_text()


def test_what_leads_to_upstream_says_that_nobody_vouches_for_it(page: Page) -> None:
    page.goto(SHOWN["project"])
    links = page.locator("a[href*='elsewhere.invalid']").all()
    assert {link.get_attribute("rel") for link in links} == {"nofollow"}
    assert [link.inner_text() for link in links] == ["Source", "sdist"]


def test_the_raw_log_is_text(page: Page, sample: SampleSite) -> None:
    answer = page.goto(f"/{sample.hostile_log.removesuffix('.html')}.log.gz")
    assert answer is not None
    assert answer.header_value("content-type") == "text/plain; charset=utf-8"
    assert page.evaluate("window.hacked") is None
    expect(page.locator("body")).to_contain_text("<script>window.hacked = 8</script>")
