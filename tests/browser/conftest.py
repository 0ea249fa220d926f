"""One browser and one site for all of these tests: nginx serves it as a web node does, with the real policy."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support.chromium import Watched, chromium
from tests.support.nginx import NginxSite, nginx_site
from tests.support.sample_site import SampleSite, running_status, sample_site


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleSite:
    """The site, while a run is going on."""
    made = sample_site(tmp_path_factory.mktemp("sample") / "var")
    (made.root / "status.json").write_text(json.dumps(running_status(time.time())))
    return made


@pytest.fixture(scope="session")
def nginx(sample: SampleSite) -> Iterator[NginxSite]:
    with nginx_site(sample.root) as served:
        yield served


@pytest.fixture
def watched(browser: Browser, nginx: NginxSite) -> Iterator[Watched]:
    """A page that is about to visit the site; the test fails if anything is wrong with what it then sees."""
    page = browser.new_page(base_url=nginx.url, viewport={"width": 1200, "height": 900}, locale="en-GB")
    watched = Watched(page, nginx.url)
    yield watched
    page.close()
    assert watched.problems == []


@pytest.fixture
def page(watched: Watched) -> Page:
    return watched.page


@pytest.fixture
def at(sample: SampleSite) -> Callable[[str], Path]:
    """A file of the site, by its path below the top."""
    return lambda path: sample.root / path
