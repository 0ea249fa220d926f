"""The commands on pages: they can be copied, and have the site's own address where nobody has told it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.catalogs import TARGET, ControllerState
from tests.support.chromium import Watched
from tests.support.nginx import NginxSite, nginx_site
from tests.support.sample_site import BIG

PIP = "#install ~ .command code"


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose operator has not told its address."""
    with ControllerState(tmp_path_factory.mktemp("unnamed") / "var") as state:
        state.target()
        state.builder("pi1", TARGET, facts={"board": "Raspberry Pi 4", "os": {"id": "debian", "version": "12"}})
        state.want("spam", "1.0")
        state.wheel("spam", "1.0", "cp311-cp311-linux_aarch64", serves=[TARGET])
        state.publish()
        return state.site


@pytest.fixture(scope="module")
def served(unnamed: Path) -> Iterator[NginxSite]:
    with nginx_site(unnamed) as site:
        yield site


def test_a_command_has_the_address_under_which_the_page_was_opened(browser: Browser, served: NginxSite) -> None:
    page = browser.new_page()
    watched = Watched(page, served.url)
    page.goto(f"{served.url}/project/spam/index.html")
    host = urlsplit(served.url).hostname
    last = f"~/env/bin/pip install --extra-index-url {served.url}/simple/ --trusted-host {host} spam"
    assert page.locator(PIP).first.inner_text().split("\n")[-1] == last
    expect(page.get_by_text("Write the address of this site")).to_be_hidden()
    page.close()
    assert watched.problems == []


@pytest.mark.parametrize(
    ("path", "note"), [("index.html", "Replace https://"), ("use/index.html", "has not been told its own address")]
)
def test_other_pages_with_commands_have_the_address_too(
    browser: Browser, served: NginxSite, path: str, note: str
) -> None:
    page = browser.new_page()
    page.goto(f"{served.url}/{path}")
    command = f"pip install --extra-index-url {served.url}/simple/ --trusted-host {urlsplit(served.url).hostname}"
    expect(page.get_by_text(command).first).to_be_visible()
    expect(page.get_by_text(note)).to_be_hidden()
    assert "WHEELS.EXAMPLE" not in page.locator("body").inner_text()
    page.close()


def test_a_command_of_a_site_on_a_disk_installs_from_that_folder(browser: Browser, unnamed: Path) -> None:
    page = browser.new_page()
    page.goto((unnamed / "project" / "spam" / "index.html").as_uri())
    expect(page.locator(PIP).first).to_contain_text(f"--extra-index-url {unnamed.as_uri()}/simple/ spam")
    page.close()


def test_without_script_the_page_says_what_to_write(browser: Browser, served: NginxSite) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{served.url}/project/spam/index.html")
    expect(page.locator(PIP).first).to_contain_text("https://WHEELS.EXAMPLE/simple/")
    expect(page.get_by_text("Write the address of this site")).to_be_visible()
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    page.close()


def test_a_button_copies_the_commands_as_they_are_shown(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/project/{BIG}/index.html")
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator(PIP).first.inner_text()
    assert copied.splitlines()[0] == "sudo apt install python3-venv"


@pytest.mark.parametrize("width", [1280, 390])
def test_no_line_of_a_command_is_broken(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"/project/{BIG}/index.html")
    for details in page.locator("#install ~ details").all():
        details.evaluate("(each) => { each.open = true; }")
    for command in page.locator(PIP).all():
        lines = command.inner_text().count("\n") + 1
        tall = command.evaluate(
            "(each) => each.getBoundingClientRect().height / parseFloat(getComputedStyle(each).lineHeight)"
        )
        assert round(tall) == lines
