"""The feed of new wheels, read as strictly as RFC 4287 is written."""

from __future__ import annotations

import re
from urllib.parse import urlsplit
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from wheelfleet.site.html import feed
from wheelfleet.site.renderer import Renderer, SiteFacts

from tests.support.catalogs import EPOCH, TEMPLATES, ControllerState
from tests.support.query_cost import steps

SITE = SiteFacts("https://wheels.example.org", "Our wheels")
ATOM = "{http://www.w3.org/2005/Atom}"
#: RFC 3339, with the T and Z in capitals that Atom asks for.
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def add(state: ControllerState, name: str, *, version: str = "1.0", summary: str = "") -> str:
    filename = state.wheel(name, version)
    state.page(name, summary=summary)
    return filename


def read(state: ControllerState, site: SiteFacts = SITE) -> Element:
    """The feed of all."""
    ((path, data),) = feed.pages(state.catalog.db, Renderer([TEMPLATES], site))
    assert path == "feed.atom"
    return checked(data)


def read_project(state: ControllerState, name: str) -> Element:
    """The feed of a published project."""
    return checked((state.site / f"project/{name}/feed.atom").read_bytes())


def checked(data: bytes) -> Element:
    """A feed, after a look at everything RFC 4287 asks of one."""
    root = ElementTree.fromstring(data)
    assert root.tag == f"{ATOM}feed"
    entries = root.findall(f"{ATOM}entry")
    # 4.1.1: exactly one id, title and updated; an author, which entries without their own inherit.
    for element in (root, *entries):
        for child in ("id", "title", "updated"):
            (only,) = element.findall(f"{ATOM}{child}")
            assert only.text
            assert only.text.strip() == only.text
        assert DATE.fullmatch(element.findtext(f"{ATOM}updated") or "")
        # 4.2.6: an id is an absolute IRI.
        assert urlsplit(element.findtext(f"{ATOM}id") or "").scheme
        # 4.1.2: an entry without content has an alternate link, and no two of the same type.
        alternates = [link for link in element.findall(f"{ATOM}link") if link.get("rel") == "alternate"]
        assert [link.get("type") for link in alternates] == ["text/html"]
        assert len(element.findall(f"{ATOM}summary")) <= 1
    assert root.findtext(f"{ATOM}author/{ATOM}name")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    assert len(set(ids)) == len(ids)
    known = {
        "id",
        "title",
        "subtitle",
        "updated",
        "author",
        "generator",
        "icon",
        "link",
        "entry",
        "category",
        "summary",
    }
    assert {element.tag.removeprefix(ATOM) for element in (*root, *(child for e in entries for child in e))} <= known
    return root


def texts(root: Element, child: str) -> list[str]:
    return [entry.findtext(f"{ATOM}{child}") or "" for entry in root.findall(f"{ATOM}entry")]


def hrefs(root: Element) -> list[str]:
    return [link.get("href") or "" for link in root.iter(f"{ATOM}link")]


def test_each_new_wheel_is_an_entry_the_newest_first(state: ControllerState) -> None:
    add(state, "numpy", summary="Arrays")
    add(state, "RPi.GPIO")
    root = read(state)
    assert texts(root, "title") == [
        "RPi.GPIO 1.0 for any Python 3, any system",
        "numpy 1.0 for any Python 3, any system",
    ]
    assert texts(root, "summary")[1].startswith("Arrays. numpy-1.0-py3-none-any.whl, ")
    assert texts(root, "updated") == ["2023-11-14T22:13:20Z"] * 2
    assert root.findtext(f"{ATOM}updated") == "2023-11-14T22:13:20Z"


def test_an_entry_keeps_its_id_when_others_come(state: ControllerState) -> None:
    add(state, "numpy")
    before = texts(read(state), "id")
    add(state, "lxml")
    assert texts(read(state), "id")[1:] == before


def test_two_sites_have_two_feeds(state: ControllerState) -> None:
    add(state, "numpy")
    ours, theirs = read(state), read(state, SiteFacts("https://other.example.org"))
    assert ours.findtext(f"{ATOM}id") != theirs.findtext(f"{ATOM}id")
    assert texts(ours, "id") != texts(theirs, "id")


def test_links_are_absolute_where_the_address_is_known(state: ControllerState) -> None:
    add(state, "RPi.GPIO")
    assert hrefs(read(state)) == [
        "https://wheels.example.org/index.html",
        "https://wheels.example.org/feed.atom",
        "https://wheels.example.org/project/rpi-gpio/index.html",
    ]


def test_links_are_relative_to_the_feed_where_it_is_not(state: ControllerState) -> None:
    add(state, "RPi.GPIO")
    assert hrefs(read(state, SiteFacts())) == ["index.html", "project/rpi-gpio/index.html"]


def test_a_feed_without_entries_is_a_feed(state: ControllerState) -> None:
    root = read(state)
    assert texts(root, "id") == []
    assert root.findtext(f"{ATOM}updated") == "1970-01-01T00:00:00Z"


def test_the_feed_ends_with_the_fiftieth_wheel(state: ControllerState) -> None:
    for number in range(52):
        add(state, f"p{number}")
    titles = texts(read(state), "title")
    assert len(titles) == 50
    assert titles[0].startswith("p51 ")
    assert titles[-1].startswith("p2 ")


def test_the_feed_was_updated_when_its_newest_entry_was(state: ControllerState) -> None:
    add(state, "numpy")
    newer = add(state, "lxml")
    state.execute("UPDATE wheel SET added_at = ? WHERE filename = ?", EPOCH + 86400.75, newer)
    assert read(state).findtext(f"{ATOM}updated") == "2023-11-15T22:13:20Z"


@pytest.mark.parametrize("letter", ["\x00", "\x0b", "\x1b", "\ufffe", "\uffff", "\u202e", "]]>", "<b>", "&", '"'])
def test_what_a_package_says_of_itself_stays_text(state: ControllerState, letter: str) -> None:
    add(state, "evil", summary=f"before{letter}after")
    (summary,) = texts(read(state), "summary")
    shown = letter if letter.isprintable() else "\ufffd"
    assert summary.startswith(f"before{shown}after. ")


def test_a_project_has_a_feed_with_an_entry_for_each_release(state: ControllerState) -> None:
    for version in ("1.0", "2.0"):
        state.want("RPi.GPIO", version)
        state.wheel("RPi.GPIO", version)
    state.publish(url="https://wheels.example.org")
    before = read_project(state, "rpi-gpio")
    assert texts(before, "title") == ["RPi.GPIO 2.0", "RPi.GPIO 1.0"]
    assert texts(before, "summary")[0].startswith("rpi_gpio-2.0-py3-none-any.whl, ")
    assert before.findtext(f"{ATOM}title") == "New wheels of RPi.GPIO · wheelfleet"
    assert hrefs(before) == [
        "https://wheels.example.org/project/rpi-gpio/index.html",
        "https://wheels.example.org/project/rpi-gpio/feed.atom",
        *["https://wheels.example.org/project/rpi-gpio/index.html"] * 2,
    ]
    state.at += 3600.5
    state.wheel("RPi.GPIO", "1.0", "cp311-cp311-linux_aarch64")
    state.publish(url="https://wheels.example.org")
    after = read_project(state, "rpi-gpio")
    assert texts(after, "id") == texts(before, "id")
    assert texts(after, "updated")[0] == texts(before, "updated")[0] < texts(after, "updated")[1]
    assert texts(after, "id")[0] != read(state).findtext(f"{ATOM}id")


def test_a_projects_feed_leads_anywhere_from_disk(state: ControllerState) -> None:
    state.wheel("RPi.GPIO", "1.0")
    state.publish()
    for href in hrefs(read_project(state, "rpi-gpio")):
        assert (state.site / "project/rpi-gpio" / href).resolve() == state.site / "project/rpi-gpio/index.html"


def test_a_project_that_has_no_wheels_any_more_has_no_feed(state: ControllerState) -> None:
    file = state.wheel("spam", "1.0")
    state.want("spam", "1.0")
    state.publish()
    assert (state.site / "project/spam/feed.atom").is_file()
    state.execute("DELETE FROM wheel WHERE filename = ?", file)
    state.publish()
    assert not (state.site / "project/spam/feed.atom").exists()
    assert 'href="feed.atom"' not in (state.site / "project/spam/index.html").read_text()


@pytest.mark.slow
def test_the_feed_costs_the_same_however_many_wheels_there_are(state: ControllerState) -> None:
    for number in range(110):
        add(state, f"p{number}")
    before = steps(state.catalog.db, lambda: read(state))
    for number in range(110, 170):
        add(state, f"p{number}")
    assert steps(state.catalog.db, lambda: read(state)) <= before * 1.1
