"""The list of all projects is read in either form; what is none is a BadPage."""

from __future__ import annotations

import pytest
from wheelfleet.upstream.pages import JSON_TYPE, BadPage, read_root_list

from tests.support.page_samples import MARK, root_json


def test_the_root_list_gives_the_serial_of_every_project() -> None:
    root = read_root_list(
        root_json({"name": "RPi.GPIO", "_last-serial": 3}, {"_last-serial": "4", "name": "spidev"}, {"name": "x"}),
        JSON_TYPE,
    )
    assert (root.serial, root.projects) == (90, {"rpi-gpio": 3, "spidev": 4, "x": None})


def test_one_project_under_two_spellings_has_the_higher_serial() -> None:
    rows = [{"name": "a.b", "_last-serial": 5}, {"name": "A_B", "_last-serial": 4}, {"name": "a-b"}]
    assert read_root_list(root_json(*rows), JSON_TYPE).projects == {"a-b": 5}


def test_names_that_are_none_are_not_taken_from_the_root_list() -> None:
    rows = [{"name": name} for name in ("good", "../up", "a b", "", "x\x00", "ü", "y" * 300, None, 7, ["z"])]
    assert read_root_list(root_json(*rows), JSON_TYPE).projects == {"good": None}


def test_later_versions_of_the_format_may_say_more_about_a_project() -> None:
    rows = [{"name": "a", "namespace": {"name": "b", "owners": [{"name": "c"}]}}]
    assert read_root_list(root_json(*rows, meta={"api-version": "1.9", "name": "x"}), JSON_TYPE).projects == {"a": None}


def test_the_header_tells_the_roots_serial_where_the_page_does_not() -> None:
    assert read_root_list(root_json(meta={"api-version": "1.0"}), JSON_TYPE, serial="8").serial == 8


def test_the_root_list_as_html() -> None:
    root = read_root_list(
        f"""<html><head>{MARK}<title>Simple index</title></head><body>
        <a href="/simple/rpi-gpio/">RPi.GPIO</a><a href="spidev/">spidev</a>
        <a href="https://index.example/simple/">simple</a><a href="/help">Get help</a>
        </body></html>""".encode(),
        "text/html",
        serial="12",
    )
    assert root.projects.keys() >= {"rpi-gpio", "spidev"}
    assert "help" not in root.projects
    assert (root.serial, set(root.projects.values())) == (12, {None})


def test_a_folder_listing_is_a_root_list_though_it_cuts_long_names_short() -> None:
    listing = b"""<h1>Index of /simple/</h1><a href="../">../</a><a href="?C=N">Name</a>
        <a href="a-very-long-name-of-a-project/">a-very-long-na..&gt;</a><a href="b/">b/</a>"""
    assert set(read_root_list(listing, "text/html").projects) == {"a-very-long-name-of-a-project", "b"}


def test_a_list_whose_links_name_the_page_in_each_folder_is_a_list_too() -> None:
    """dumb-pypi's and static mirrors' links; the text of a link is the name (PEP 503)."""
    listing = b"""<title>Simple Index</title><h1>Simple Index</h1><a href="../index.html">Home</a>
        <a href="rpi-gpio/index.html">RPi.GPIO</a><br><a href="/pi/simple/spidev/index.html">spidev</a>"""
    assert set(read_root_list(listing, "text/html").projects) == {"rpi-gpio", "spidev"}


@pytest.mark.parametrize(
    ("body", "content_type", "why"),
    [
        (b"{}", JSON_TYPE, '"meta"'),
        (b'{"meta": {"api-version": "1.0"}}', JSON_TYPE, '"projects"'),
        (root_json({"title": "a"}), JSON_TYPE, "none with a name"),
        (root_json("a"), JSON_TYPE, "none with a name"),
        (root_json(meta={"api-version": "3.0"}), JSON_TYPE, "version 3.0"),
        (b'{"projects": ' * 50_000, JSON_TYPE, "nested|not JSON"),
        (b"<html>Welcome</html>", "text/html", "does not look like an index"),
        (b'<a href="/a/">a</a><a href="/login">Log in now</a>', "text/html", "does not look like an index"),
        (b"<title>Simple index</title><a href='/login'>Log in now</a>", "text/html", "none of them to a project"),
    ],
)
def test_what_is_no_root_list_is_a_bad_page(body: bytes, content_type: str, why: str) -> None:
    with pytest.raises(BadPage, match=why):
        read_root_list(body, content_type)
