"""The first page: how to install, what is new, how much there is, when something was last built."""

from __future__ import annotations

import re

import pytest
from packaging.utils import canonicalize_name
from wheelfleet import __version__
from wheelfleet.site.html import home
from wheelfleet.site.html.feed import newest_wheels
from wheelfleet.site.renderer import Renderer, SiteFacts

from tests.support.catalogs import TEMPLATES, ControllerState, insert
from tests.support.query_cost import steps
from tests.support.site_pages import elements

SITE = SiteFacts("https://wheels.example.org", "Our wheels")
HOSTILE = "<script>alert(1)</script>\" onclick='alert(1)' \x1b[2J\u202e"


def page(state: ControllerState, site: SiteFacts = SITE) -> str:
    ((path, data),) = home.pages(state.catalog.db, Renderer([TEMPLATES], site))
    assert path == "index.html"
    return data.decode()


def commands(html: str) -> list[str]:
    """The lines in the box that says how to install."""
    box = html[html.index('<dl class="install') : html.index("</dl>")]
    return [text for _, _, text in elements(box, "code")]


def new_releases(html: str) -> list[str]:
    return [attributes["href"] or "" for _, attributes, _ in elements(html, "a") if "project/" in attributes["href"]]


def test_beside_upstream_uv_is_told_to_compare_as_pip_does(state: ControllerState) -> None:
    state.wheel("RPi.GPIO", "0.7.1")
    state.page("RPi.GPIO")
    assert commands(page(state)) == [
        "python3 -m venv ~/env",
        "~/env/bin/pip install --extra-index-url https://wheels.example.org/simple/ rpi-gpio",
        "uv venv",
        "uv pip install --index https://wheels.example.org/simple/ --index-strategy unsafe-best-match rpi-gpio",
        "poetry source add --priority=explicit wheelfleet https://wheels.example.org/simple/",
        "poetry add --source wheelfleet rpi-gpio",
        "pdm config --local pypi.wheelfleet.url https://wheels.example.org/simple/",
        "pdm add rpi-gpio",
    ]


def test_pages_that_list_upstreams_files_too_need_no_strategy(state: ControllerState) -> None:
    full = SiteFacts("https://wheels.example.org", index_view="full")
    assert "uv pip install --index https://wheels.example.org/simple/ numpy" in commands(page(state, full))
    assert "unsafe" not in page(state, full)


def test_over_plain_http_the_host_has_to_be_trusted(state: ControllerState) -> None:
    lines = commands(page(state, SiteFacts("http://pi.lan:8080")))
    assert (
        "~/env/bin/pip install --extra-index-url http://pi.lan:8080/simple/ --trusted-host pi.lan:8080 numpy" in lines
    )
    assert "pdm config --local pypi.wheelfleet.verify_ssl false" in lines


def test_a_site_that_does_not_know_its_address_says_what_to_replace(state: ControllerState) -> None:
    html = page(state, SiteFacts())
    assert "~/env/bin/pip install --extra-index-url https://WHEELS.EXAMPLE/simple/ numpy" in commands(html)
    assert "Replace <code>https://WHEELS.EXAMPLE</code> with" in html


def test_the_newest_releases_come_first_each_once_with_all_it_is_for(state: ControllerState) -> None:
    for name in ("numpy", "lxml"):
        state.page(name, summary=f"All about {name}")
        for tag in ("cp311-cp311-linux_aarch64", "cp313-cp313-linux_aarch64", "cp313-cp313-linux_armv7l"):
            state.wheel(name, "1.0", tag)
    html = page(state)
    assert new_releases(html) == ["project/lxml/index.html", "project/numpy/index.html"]
    assert html.count("32-bit ARM (ARMv7): CPython 3.13; 64-bit ARM: CPython 3.11, CPython 3.13") == 2
    assert "All about lxml" in html


def test_what_cannot_be_installed_is_not_news(state: ControllerState) -> None:
    for name in ("listed", "unlisted"):
        state.wheel(name, "1.0")
        state.page(name, listed=name == "listed")
    gone = state.wheel("listed", "2.0")
    state.execute("UPDATE wheel SET removed_at = 1 WHERE filename = ?", gone)
    html = page(state)
    assert new_releases(html) == ["project/listed/index.html"]
    assert "2.0" not in html


def test_the_projects_installed_most_stand_beside_the_new_ones(state: ControllerState) -> None:
    for name, downloads in (("lxml", 20), ("RPi.GPIO", 300), ("numpy", 0)):
        state.page(name)
        state.wheel(name, "1.0")
        with state.catalog.writing() as db:
            insert(db, "use_total", name=canonicalize_name(name), downloads=downloads, lookups=0, saved_seconds=0)
    html = page(state)
    ranked = html[html.index('<ol class="ranked">') :]
    assert new_releases(ranked[: ranked.index("</ol>")]) == ["project/rpi-gpio/index.html", "project/lxml/index.html"]
    assert "<b>300</b> downloads" in ranked


def test_a_page_says_where_it_is_and_what_it_is_about(state: ControllerState) -> None:
    html = page(state)
    assert '<link rel="canonical" href="https://wheels.example.org/">' in html
    assert '<meta property="og:title" content="Our wheels: Python wheels' in html
    assert html.count('name="description"') == 1
    assert "canonical" not in page(state, SiteFacts())


def test_numbers_are_those_of_the_catalogs_counters(state: ControllerState) -> None:
    for number in range(3):
        state.page(f"p{number}")
        state.wheel(f"p{number}", "1.0")
    state.execute("INSERT INTO counter (kind, key, value) VALUES ('status', 'waiting', 1), ('downloads', '', 12345)")
    counts = re.sub(r"<[^>]+>", "", page(state))
    assert "3 projects with wheels" in counts
    assert "3 wheels, " in counts
    assert "1 build queued" in counts
    assert "12,345 downloads" in counts
    assert "of compiling saved" not in counts


def test_without_script_the_page_says_when_something_was_last_built(state: ControllerState) -> None:
    state.wheel("numpy", "1.0")
    state.attempt("lxml", "1.0")
    html = page(state)
    assert "The last build ended" in html
    assert "2023-11-14 22:13" in html
    assert "1 build succeeded and 1 failed" in " ".join(html.split())
    (live,) = [attributes for tag, attributes, _ in elements(html) if attributes.get("id") == "fleet-now"]
    assert live["data-status"] == "status.json"
    assert "hidden" not in live


def test_an_empty_catalog_has_a_page_too(state: ControllerState) -> None:
    html = page(state)
    assert "No wheels yet." in html
    assert "Nothing has been built yet." in html
    assert commands(html)[1].endswith(" numpy")


def test_nothing_a_package_says_becomes_part_of_the_page(state: ControllerState) -> None:
    state.wheel("evil", "1.0")
    state.page("evil", summary=HOSTILE)
    state.execute("UPDATE site_project SET display_name = ?", HOSTILE)
    html = page(state)
    assert [attributes for tag, attributes, _ in elements(html) if tag == "script"] == [
        {"src": Renderer([TEMPLATES]).asset("live.js"), "defer": None}
    ]
    assert not [name for _, attributes, _ in elements(html) for name in attributes if name.startswith("on")]
    assert "alert(1)" in html
    assert "\x1b" not in html
    assert "\u202e" not in html


@pytest.mark.slow
def test_the_page_costs_the_same_however_much_there_is(state: ControllerState) -> None:
    def grow(names: range) -> None:
        for number in names:
            state.page(f"p{number}")
            state.wheel(f"p{number}", "1.0", serves=["t"])
            state.want(f"p{number}", "1.0", target="t")

    grow(range(70))
    before = steps(state.catalog.db, lambda: page(state))
    grow(range(70, 140))
    assert steps(state.catalog.db, lambda: page(state)) <= before * 1.1


def test_the_same_catalog_gives_the_same_bytes(state: ControllerState) -> None:
    state.wheel("numpy", "1.0")
    state.page("numpy")
    assert page(state) == page(state)


def test_the_page_says_which_version_made_it(state: ControllerState) -> None:
    html = page(state)
    assert f'<meta name="generator" content="wheelfleet {__version__}">' in html
    assert f"Made by <b>wheelfleet {__version__}</b>" in html


def test_a_yanked_wheel_is_no_news_whoever_yanked_it(state: ControllerState) -> None:
    for name in ("good", "by-operator", "release-by-operator", "by-upstream", "partly"):
        state.page(name)
        state.wheel(name, "1.0")
    state.execute("UPDATE wheel SET yanked = '' WHERE filename LIKE 'by_operator-%'")
    state.execute("UPDATE release SET yanked = 'bad' WHERE id = ?", state.release("release-by-operator", "1.0"))
    state.execute("UPDATE upstream_file SET yanked = 'bad' WHERE release_id = ?", state.release("by-upstream", "1.0"))
    state.upstream_file(state.release("partly", "1.0"), "partly-1.0-py3-none-any.whl", yanked="bad")
    assert new_releases(page(state)) == ["project/partly/index.html", "project/good/index.html"]
    assert {wheel.name for wheel in newest_wheels(state.catalog.db, 10)} == {"partly", "good"}


def test_it_says_for_which_boards_systems_and_pythons_there_are_wheels(state: ControllerState) -> None:
    bookworm = {"board": "Raspberry Pi 4 Model B Rev 1.4", "os": {"id": "debian", "version": "12"}}
    targets = [f"{python}-{python}-linux_aarch64-glibc2.36" for python in ("cp311", "cp313")]
    for target in targets:
        state.target(target, platform="linux_aarch64")
    state.builder("pi1", *targets, facts=bookworm)
    state.target("cp39-cp39-linux_armv7l-glibc2.31", platform="linux_armv7l")
    state.wheel("spam", "1.0", "cp311-cp311-linux_aarch64", serves=[targets[0]])
    state.wheel("eggs", "1.0", "cp311-abi3-linux_aarch64", serves=targets)
    table = page(state).partition("works-on")[2].partition("</table>")[0]
    cells = [" ".join(text_of(row).split()) for row in table.split("<tr>")[2:]]
    assert cells == [
        "Raspberry Pi 3 and later, Zero 2 W Raspberry Pi OS 12, 64-bit Python 3.11 2 wheels , Python 3.13 1 wheel"
    ]


def test_a_site_without_builders_and_wheels_claims_no_machines(state: ControllerState) -> None:
    assert "Works on" not in page(state)


def text_of(html: str) -> str:
    """The text of a piece of HTML."""
    return re.sub("<[^>]*>", " ", html)
