"""What is known of a project without a page of its own is shown in the browser, from a file that it shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from wheelfleet.planner.inputs import PlanInputs

from tests.support.catalogs import ControllerState
from tests.support.chromium import Watched
from tests.support.nginx import NginxSite, nginx_site


@pytest.fixture
def everything(tmp_path: Path) -> Iterator[NginxSite]:
    """The site of a fleet that builds everything, before it has built anything."""
    with ControllerState(tmp_path) as state:
        with state.catalog.writing() as db:
            PlanInputs([], [], True, "1", {}).remember(db)
        state.want("Only.Known", "2.0", reason="a reason with <b>signs</b>")
        state.publish()
    with nginx_site(state.site) as nginx:
        yield nginx


def test_a_project_without_a_page_is_found_and_shown(browser: Browser, everything: NginxSite) -> None:
    page = browser.new_page(base_url=everything.url)
    watched = Watched(page, everything.url)
    page.goto("/search/index.html?q=only")
    page.get_by_role("link", name="Only.Known").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Only.Known")
    expect(page.locator("#packed-releases tbody tr")).to_contain_text(["2.0"])
    page.goto("/project/only-known/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Only.Known")
    page.goto("/project/index.html#nobody-knows-it")
    expect(page.locator("#packed-lead")).to_contain_text("knows no project of this name")
    page.close()
    # A file that is not there says that the project is not known.
    assert [each for each in watched.problems if "404" not in each] == []
