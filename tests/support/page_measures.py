"""What a page costs and how it behaves in Chromium: bytes over the wire, requests, height, layout shift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, Request

#: CSS pixels: a phone, held upright, and a desk.
PHONE, DESK = (390, 844), (1280, 900)
#: The most that a page may weigh and ask for, and how much may move: web.dev calls 0.1 good.
MOST_BYTES, MOST_REQUESTS, MOST_SHIFT = 20_000, 6, 0.05

#: Adds up the layout shifts that no input of the reader caused (Layout Instability API of the WICG).
_WATCH_SHIFTS = """
(() => {
  window.layoutShift = 0;
  window.shifted = [];
  new PerformanceObserver((seen) => {
    for (const entry of seen.getEntries()) {
      if (entry.hadRecentInput) continue;
      window.layoutShift += entry.value;
      window.shifted.push(...entry.sources.map((source) => (source.node?.outerHTML ?? "").slice(0, 100)));
    }
  }).observe({ type: "layout-shift", buffered: true });
})()
"""
#: Until what was drawn is known to the observer.
_TWO_FRAMES = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"
)


@dataclass
class Measures:
    """Of one visit. `bytes` are those of all bodies as they were sent, compressed where they were; `requests` counts
    the addresses asked for (the browser takes the logo again from its cache, as the icon); `height` is in CSS pixels;
    `shift` is the sum of layout shift scores, and `shifted` names what moved."""

    bytes: int
    requests: int
    height: int
    shift: float
    shifted: list[str] = field(default_factory=list)


def measure(
    browser: Browser,
    address: str,
    size: tuple[int, int],
    *,
    done: str = "",
    before: Callable[[Page], None] | None = None,
) -> Measures:
    """Visit an address with a window of this size and an empty cache. `done` is a selector of what is there once the
    page's script has done its part; `before` prepares the page."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, locale="en-GB")
    try:
        asked: dict[str, Request] = {}
        page.on("requestfinished", lambda request: asked.update({request.url: asked.get(request.url, request)}))
        page.add_init_script(_WATCH_SHIFTS)
        if before:
            before(page)
        page.goto(address, wait_until="networkidle")
        if done:
            page.wait_for_selector(done)
        page.evaluate(_TWO_FRAMES)
        return Measures(
            sum(each.sizes()["responseBodySize"] for each in asked.values()),
            len(asked),
            page.evaluate("document.documentElement.scrollHeight"),
            page.evaluate("window.layoutShift"),
            page.evaluate("window.shifted"),
        )
    finally:
        page.close()
