"""What each kind of page weighs and how it behaves in Chromium: bytes, requests, height and layout shift, on a phone
and on a desk, beside the limits of the browser tests."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from tests.support.chromium import chromium
from tests.support.nginx import nginx_site
from tests.support.page_measures import DESK, MOST_BYTES, MOST_REQUESTS, MOST_SHIFT, PHONE, Measures
from tests.support.page_measures import measure as visit
from tests.support.sample_site import BIG, FAILED, running_status, sample_site

#: The kinds of pages, each with what is there once its script has done its part.
PAGES = {
    "home": ("index.html", "#fleet-now .status.built"),
    "search": ("search/index.html?q=py", "#results a"),
    "all projects": ("browse/index.html", ""),
    "project with 31 releases": (f"project/{BIG}/index.html", ""),
    "project that failed": (f"project/{FAILED}/index.html", ""),
    "log": ("{log}", ""),
    "failures": ("failures/index.html", ""),
    "failure class": ("failures/missing-header/index.html", ""),
    "fleet": ("fleet/index.html", ".builds a"),
    "statistics": ("statistics/index.html", ""),
    "how to use": ("use/index.html", ""),
    "faq": ("faq/index.html", ""),
    "report": ("report/index.html", ""),
    "no such page": ("no/such/numpi", ""),
}


def measure() -> None:
    """Print a row for each kind of page, as a table of Markdown. Needs nginx and Chromium."""
    with tempfile.TemporaryDirectory() as folder:
        sample = sample_site(Path(folder) / "var")
        print(
            "| page | bytes | requests | height 390 / 1280 px | `layout-shift` 390 / 1280 px |\n|---|---|---|---|---|"
        )
        with nginx_site(sample.root) as nginx, chromium() as browser:
            for name, (path, done) in PAGES.items():
                # A status of some minutes ago is that of a run that fell silent.
                (sample.root / "status.json").write_text(json.dumps(running_status(time.time())))
                address = f"{nginx.url}/{path.format(log=sample.failed_log)}"
                print(_row(name, *(visit(browser, address, size, done=done) for size in (PHONE, DESK))))
        print(f"| limit | {MOST_BYTES:,} | {MOST_REQUESTS} | | {MOST_SHIFT} |")


def _row(name: str, phone: Measures, desk: Measures) -> str:
    size, requests = max(phone.bytes, desk.bytes), max(phone.requests, desk.requests)
    heights, shifts = f"{phone.height:,} / {desk.height:,}", f"{phone.shift:.3f} / {desk.shift:.3f}"
    return f"| {name} | {size:,} | {requests} | {heights} | {shifts} |"
