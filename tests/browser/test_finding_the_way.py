"""The ways people take: from the first page to a project, on to why it failed, and back from a wrong address."""

from __future__ import annotations

import re
from email.message import Message

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.chromium import Watched
from tests.support.loopback import Answer
from tests.support.nginx import NginxSite
from tests.support.sample_site import BIG, FAILED, SampleSite
from tests.support.servers import StaticServer


def test_from_the_first_page_by_search_to_why_a_build_failed(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Find a project").fill("python")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(re.compile(r"/search/index\.html\?q=python$"))
    expect(page.locator("#results a").first).to_have_text("python-snappy")
    page.get_by_role("link", name=FAILED).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(FAILED)
    cell = page.locator("table.matrix td.failed").first
    expect(cell).to_contain_text("missing-header")
    expect(page.get_by_text("The header lber.h is missing").first).to_be_visible()
    cell.get_by_role("link", name="failed").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{FAILED} 1.4.2")
    error = page.locator("pre.log .log-evidence", has_text="fatal error: lber.h: No such file or directory")
    expect(error.get_by_role("img", name="Shows why")).to_be_visible()
    page.locator(".log-links").get_by_role("listitem").filter(has_text="fatal error: lber.h").get_by_role(
        "link"
    ).click()
    expect(page).to_have_url(re.compile(rf"#{error.get_attribute('id')}$"))
    expect(error).to_be_in_viewport()


def test_results_come_while_typing_and_enter_opens_the_project(page: Page) -> None:
    page.goto("/search/index.html")
    expect(page.get_by_label("Find a project")).to_be_focused()
    page.keyboard.type("spi")
    expect(page.locator("#results a")).to_have_text(["spidev"])
    page.keyboard.type("dev")
    expect(page.locator("#search-count")).to_have_text("1 project")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("spidev")


def test_the_arrow_keys_go_through_the_results(page: Page) -> None:
    page.goto("/search/index.html?q=py")
    first, second = page.locator("#results a").nth(0), page.locator("#results a").nth(1)
    page.get_by_label("Find a project").press("ArrowDown")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(second).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_label("Find a project")).to_be_focused()


def test_the_address_of_a_search_can_be_shared_and_gone_back_to(page: Page) -> None:
    page.goto("/search/index.html?q=gpio")
    expect(page.locator("#results a")).to_have_text(["RPi.GPIO", "lgpio"])
    page.get_by_label("Find a project").fill("pandas")
    page.get_by_label("Find a project").blur()
    expect(page).to_have_url(re.compile(r"\?q=pandas$"))
    page.reload()
    expect(page.locator("#results a")).to_have_text(["pandas"])
    page.locator("#results a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("pandas")
    page.go_back()
    expect(page.locator("#results a")).to_have_text(["pandas"])
    page.go_back()
    expect(page.get_by_label("Find a project")).to_have_value("gpio")
    expect(page.locator("#results a")).to_have_text(["RPi.GPIO", "lgpio"])


def test_a_mistyped_name_is_asked_back(page: Page) -> None:
    page.goto("/search/index.html?q=nunpy")
    expect(page.locator("#search-count")).to_have_text("No project matches “nunpy”. Did you mean this?")
    expect(page.locator("#results a")).to_have_text([BIG])


def test_a_name_that_is_not_here_leads_to_what_one_can_do(page: Page) -> None:
    page.goto("/search/index.html?q=OpenCV_Python")
    help = page.locator("#nothing-found")
    expect(help).to_contain_text("pip install opencv-python")
    expect(help.locator("#asked-in-vain")).to_contain_text(re.compile("asked this index for it [0-9]+ times"))
    page.get_by_label("Find a project").fill("zzzz")
    expect(help).to_contain_text("pip install zzzz")
    expect(help.locator("#asked-in-vain")).to_be_hidden()
    page.get_by_label("Find a project").fill("spidev")
    expect(help).to_be_hidden()


def test_all_projects_are_found_from_a_to_z_without_script(browser: Browser, nginx: NginxSite) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"{nginx.url}/index.html")
    page.get_by_role("navigation", name="Site").get_by_role("link", name="A–Z").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("All projects")
    page.get_by_role("link", name="RPi.GPIO", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("RPi.GPIO")
    page.close()


def test_a_wrong_address_shows_projects_of_about_that_name(watched: Watched) -> None:
    watched.allow_missing("/project/spidve/")
    page = watched.page
    page.goto("/project/spidve/")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
    page.locator("#near-names").get_by_role("link", name="spidev").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("spidev")


SPELLINGS = ["/project/RPi.GPIO/", "/project/rpi_gpio/", "/project/RPI--GPIO/", "/p/RPi.GPIO", "/p/rpi-gpio/"]


@pytest.mark.parametrize("address", SPELLINGS)
def test_any_spelling_of_a_name_leads_to_its_page(page: Page, address: str) -> None:
    page.goto(address)
    expect(page).to_have_url(re.compile(r"/project/rpi-gpio/$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("RPi.GPIO")


class OtherHost(StaticServer):
    """A host for plain files, which gives 404.html for what is not there."""

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        found = super().answer(method, target, headers, body)
        missing = (self.directory / "404.html").read_bytes()
        return found if found.status != 404 else Answer(404, missing, {"Content-Type": "text/html"})


@pytest.mark.parametrize("address", SPELLINGS)
def test_a_host_without_redirects_leads_there_too(browser: Browser, sample: SampleSite, address: str) -> None:
    with OtherHost(sample.root) as server:
        page = browser.new_page(base_url=server.url)
        page.goto(address)
        expect(page).to_have_url(re.compile(r"/project/rpi-gpio/index\.html$"))
        page.close()


def test_older_releases_are_one_link_away_and_back(page: Page) -> None:
    page.goto(f"/project/{BIG}/index.html")
    page.get_by_role("link", name="Older releases").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("releases 2.0.5 to 2.0.0")
    page.get_by_role("link", name="Newer releases").click()
    expect(page.locator("table.matrix th[scope=row]").first).to_contain_text("2.3.6")


def test_each_step_of_a_log_is_a_click_away_and_leads_on(page: Page, sample: SampleSite) -> None:
    (log,) = (sample.root / "logs" / "helpless").glob("*.html")
    page.goto(f"/logs/helpless/{log.name}")
    steps = page.get_by_role("navigation", name="Steps:").get_by_role("link")
    expect(steps.last).to_have_text("Install what the build asks for")
    steps.last.click()
    expect(page.get_by_role("heading", name="Install what the build asks for")).to_be_in_viewport()
    page.get_by_role("link", name="Other builds of this release").click()
    expect(page).to_have_url(re.compile("/project/helpless/index.html#v1.4.2$"))
