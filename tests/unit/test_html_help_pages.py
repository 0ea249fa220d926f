"""The guide, the questions and answers, the page for what is not there, robots.txt; and where our pages lead."""

from __future__ import annotations

import configparser
import re
from html import unescape
from posixpath import dirname, join, normpath
from urllib.parse import urldefrag, urlsplit

import pytest
import tomllib
from wheelfleet.site.html import feed, help_pages, home
from wheelfleet.site.renderer import Renderer, SiteFacts

from tests.support.catalogs import TEMPLATES, ControllerState
from tests.support.site_pages import elements

SITE = SiteFacts("https://wheels.example.org", "Our wheels")
FULL = SiteFacts("https://wheels.example.org", index_view="full")
PLAIN = SiteFacts("http://pi.lan:8080")
BELOW = SiteFacts("https://example.org/our/wheels")

#: What other modules put on the site, as far as our pages lead there.
OTHERS = {
    "browse/index.html",
    "search/index.html", "failures/index.html", "failures/failures.json", "fleet/index.html", "statistics/index.html",
    "report/index.html", "report/report.json", "simple/index.html", "simple/index.json", "status.json",
    "metrics.prom",
    "project/numpy/index.html",
}  # fmt: skip


def made(state: ControllerState, site: SiteFacts = SITE) -> dict[str, str]:
    return {path: data.decode() for path, data in help_pages.pages(state.catalog.db, Renderer([TEMPLATES], site))}


def examples(html: str) -> list[str]:
    """The texts of the blocks of code, as a browser gives them to who copies them."""
    return [
        unescape(re.sub("<[^>]+>", "", block)).removeprefix("\n")
        for block in re.findall("<pre>(.*?)</pre>", html, re.S)
    ]


def toml_examples(html: str) -> list[dict[str, object]]:
    return [tomllib.loads(each) for each in examples(html) if "[[" in each]


@pytest.mark.parametrize("site", [SITE, FULL, PLAIN, SiteFacts()])
def test_pips_configuration_can_be_read_and_names_the_index(state: ControllerState, site: SiteFacts) -> None:
    (text,) = [each for each in examples(made(state, site)["use/index.html"]) if "[global]" in each]
    config = configparser.RawConfigParser()
    config.read_string(text)
    assert config["global"]["extra-index-url"] == site.index_url
    assert config["global"].get("trusted-host") == ("pi.lan:8080" if site is PLAIN else None)


@pytest.mark.parametrize("site", [SITE, FULL])
def test_configurations_in_toml_can_be_read_and_are_right_for_the_view(state: ControllerState, site: SiteFacts) -> None:
    uv, uv_project, poetry, pdm = toml_examples(made(state, site)["use/index.html"])
    index = {"name": "wheelfleet", "url": "https://wheels.example.org/simple/"}
    if site is FULL:
        assert uv == {"index": [index]}
        source = {"index": "wheelfleet"}
    else:
        assert uv == {"index-strategy": "unsafe-best-match", "index": [index]}
        source = {"index": "wheelfleet", "marker": "platform_machine == 'aarch64'"}
    assert uv_project == {"tool": {"uv": {"index": [{**index, "explicit": True}], "sources": {"numpy": source}}}}
    numpy = {"numpy": {"version": "*", "source": "wheelfleet"}}
    assert poetry == {"tool": {"poetry": {"source": [{**index, "priority": "explicit"}], "dependencies": numpy}}}
    assert pdm == {"tool": {"pdm": {"source": [index]}}}


def test_over_plain_http_pdm_is_told_so(state: ControllerState) -> None:
    *_, pdm = toml_examples(made(state, PLAIN)["use/index.html"])
    source = {"name": "wheelfleet", "url": "http://pi.lan:8080/simple/", "verify_ssl": False}
    assert pdm == {"tool": {"pdm": {"source": [source]}}}


def test_only_with_upstreams_files_listed_may_the_index_be_the_only_one(state: ControllerState) -> None:
    alone = "pip install --index-url https://wheels.example.org/simple/ numpy"
    assert alone in examples(made(state, FULL)["use/index.html"])
    assert alone not in examples(made(state, SITE)["use/index.html"])
    assert "unsafe" not in made(state, FULL)["use/index.html"]


def test_tags_are_explained_by_the_words_the_project_pages_use(state: ControllerState) -> None:
    cells = [text for _, _, text in elements(made(state)["use/index.html"], "td")]
    assert "CPython 3.11, Linux on 64-bit ARM, glibc 2.36 or newer" in cells


def test_the_badge_names_the_sites_address(state: ControllerState) -> None:
    badge = "(https://wheels.example.org/project/NAME/badge.svg)](https://wheels.example.org/project/NAME/index.html)"
    assert any(each.endswith(badge) for each in examples(made(state)["use/index.html"]))


def test_a_site_that_does_not_know_its_address_says_where_to_find_it(state: ControllerState) -> None:
    assert "The site has not been told its own address" in made(state, SiteFacts())["use/index.html"]
    assert "The site has not been told its own address" not in made(state)["use/index.html"]


@pytest.mark.parametrize("site", [SITE, BELOW, SiteFacts()])
def test_the_page_for_what_is_not_there_works_at_any_depth(state: ControllerState, site: SiteFacts) -> None:
    base = "/our/wheels/" if site is BELOW else "/"
    found = elements(made(state, site)["404.html"])
    where = [url for _, attributes, _ in found for key, url in attributes.items() if key in ("href", "src", "action")]
    assert all((url or "").startswith((base, "#content")) for url in where)
    (near,) = [attributes for _, attributes, _ in found if attributes.get("id") == "near-names"]
    assert near["data-search"] == f"{base}search/"
    assert "hidden" in near


def test_robots_leave_files_and_logs_alone_and_are_told_of_the_sitemap(state: ControllerState) -> None:
    assert made(state)["robots.txt"].splitlines() == [
        "User-agent: *",
        "Disallow: /files/",
        "Disallow: /logs/",
        "Disallow: /provenance/",
        "Disallow: /simple/",
        "",
        "Sitemap: https://wheels.example.org/sitemap.xml",
    ]
    assert "Disallow: /our/wheels/files/\n" in made(state, BELOW)["robots.txt"]
    assert "Sitemap" not in made(state, SiteFacts())["robots.txt"]


@pytest.mark.parametrize("site", [SITE, FULL, PLAIN, SiteFacts()])
def test_every_link_of_the_first_page_and_the_guides_leads_somewhere(state: ControllerState, site: SiteFacts) -> None:
    state.wheel("numpy", "1.0")
    state.page("numpy")
    render = Renderer([TEMPLATES], site)
    pages = dict(page for module in (home, help_pages, feed) for page in module.pages(state.catalog.db, render))
    known = {*pages, *render.assets, *OTHERS}
    ids = {path: {attributes.get("id") for _, attributes, _ in elements(data.decode())} for path, data in pages.items()}
    broken = []
    for path, data in pages.items():
        if not path.endswith(".html"):
            continue
        for _, attributes, _ in elements(data.decode()):
            for key in ("href", "src", "action", "data-status"):
                address, fragment = urldefrag(attributes.get(key) or "")
                if not address and not fragment:
                    continue
                if attributes.get("rel") == "canonical":
                    assert address == f"{site.url}/{path.removesuffix('index.html')}"
                    continue
                assert not urlsplit(address).scheme
                target = normpath(join("/", dirname(path), address)).lstrip("/") if address else path
                if target not in known or (fragment and fragment not in ids.get(target, ())):
                    broken.append((path, attributes[key]))
    assert broken == []


def test_ids_are_unique_and_each_page_has_one_heading_of_the_first_rank(state: ControllerState) -> None:
    pages = dict(home.pages(state.catalog.db, Renderer([TEMPLATES], SITE)))
    for html in [
        *(data.decode() for data in pages.values()),
        *(h for p, h in made(state).items() if p.endswith("html")),
    ]:
        found = elements(html)
        ids = [attributes["id"] for _, attributes, _ in found if "id" in attributes]
        assert len(ids) == len(set(ids))
        assert [tag for tag, _, _ in found].count("h1") == 1
        assert not [attributes for _, attributes, _ in found if "style" in attributes]


def test_the_part_of_the_site_one_is_in_is_marked_for_screen_readers(state: ControllerState) -> None:
    pages = made(state)
    for path, name in (("use/index.html", "How to use"), ("faq/index.html", "FAQ")):
        current = [text for _, attributes, text in elements(pages[path], "a") if "aria-current" in attributes]
        assert current == [name]
    assert "aria-current" not in pages["404.html"]


def test_the_title_of_the_site_is_text(state: ControllerState) -> None:
    html = made(state, SiteFacts(title="A <b>title</b> & more"))["use/index.html"]
    assert "A &lt;b&gt;title&lt;/b&gt; &amp; more</title>" in html


def test_guides_do_not_change_with_the_catalog(state: ControllerState) -> None:
    before = made(state)
    state.wheel("numpy", "1.0")
    assert made(state) == before
