"""A project with thousands of wheels: its page comes at once, and is as usable as any."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from wheelfleet.catalog.database import Catalog
from wheelfleet.site.publication import Settings, publish_site
from wheelfleet.site.renderer import SiteFacts

from benchmarks.catalogs import Generated
from tests.support.catalogs import TEMPLATES
from tests.support.chromium import Watched
from tests.support.nginx import NginxSite, nginx_site

FILES = 7000
MOST_BYTES = 100_000


@pytest.fixture(scope="module")
def largest(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    made = Generated(tmp_path_factory.mktemp("largest") / "var", 3, FILES + 8, largest=FILES)
    made.place_files()
    with Catalog(made.path) as catalog:
        publish_site(
            catalog,
            files_dir=made.root / "files",
            logs_dir=made.root / "logs",
            site_dir=made.site,
            template_dirs=[TEMPLATES],
            settings=Settings(SiteFacts()),
        )
    return made


@pytest.fixture(scope="module")
def nginx(largest: Generated) -> Iterator[NginxSite]:
    with nginx_site(largest.site) as served:
        yield served


def test_its_first_page_is_small_on_the_wire_and_usable(browser: Browser, nginx: NginxSite, largest: Generated) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    watched = Watched(page, nginx.url)
    page.goto(f"{nginx.url}/project/{largest.largest}/index.html", wait_until="load")
    expect(page.get_by_role("heading", level=1)).to_have_text(largest.largest)
    first_visit = {request.path: request.bytes for request in nginx.requests()}
    print("\nbytes on the wire, first visit:", first_visit)
    assert sum(first_visit.values()) < MOST_BYTES
    expect(page.get_by_text(f"Page 1 of {FILES // 4 // 25}", exact=True)).to_be_visible()
    newest = page.locator("table.matrix th[scope=row]").first.inner_text().split()[0]
    page.get_by_role("link", name="Older releases").click()
    expect(page.locator("table.matrix th[scope=row]").first).not_to_contain_text(newest)
    page.close()
    assert watched.problems == []


def test_the_index_page_of_it_is_compressed(nginx: NginxSite, largest: Generated) -> None:
    whole = (largest.site / "simple" / largest.largest / "index.json").stat().st_size
    packed = (largest.site / "simple" / largest.largest / "index.json.gz").stat().st_size
    print(f"\nindex JSON of {FILES} files: {whole:,} bytes, {packed:,} on the wire")
    assert packed < whole / 2
