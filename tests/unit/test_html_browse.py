"""All projects from A to Z: each is reached by links, no page is too long, and a change writes few pages."""

from __future__ import annotations

import posixpath
import random
from collections.abc import Collection

import pytest
from wheelfleet.site.html import browse
from wheelfleet.site.renderer import Renderer, SiteFacts

from tests.support.catalogs import TEMPLATES, ControllerState
from tests.support.query_cost import steps
from tests.support.site_pages import elements

MOST = 5
RENDER = Renderer([TEMPLATES], SiteFacts("https://wheels.example"))


class Folder:
    """The pages as they are on the disk."""

    def __init__(self, state: ControllerState) -> None:
        self.state = state
        self.files: dict[str, bytes] = {}

    def update(self, changed: Collection[str] | None) -> set[str]:
        """Write and remove what changed; returns these paths."""
        touched = dict(browse.pages(self.state.catalog.db, RENDER, changed, MOST))
        for path, data in touched.items():
            if data is None:
                self.files.pop(path, None)
            else:
                self.files[path] = data
        return set(touched)

    def reached(self) -> list[str]:
        """The projects that a reader finds by following links from the first page."""
        names, seen, ahead = [], set(), ["browse/index.html"]
        while ahead:
            page = ahead.pop()
            seen.add(page)
            found = []
            for _, attributes, _ in elements(self.files[page].decode().partition("<main")[2], "a"):
                path = posixpath.normpath(posixpath.join(posixpath.dirname(page), attributes["href"] or ""))
                if path.startswith("project/"):
                    found.append(path.split("/")[1])
                elif path.startswith("browse/") and path not in seen:
                    ahead.append(path)
            assert len(found) <= MOST
            names += found
        assert len(names) == len(set(names))
        return sorted(names)


@pytest.fixture
def folder(state: ControllerState) -> Folder:
    return Folder(state)


def test_few_projects_are_on_one_page(state: ControllerState, folder: Folder) -> None:
    state.page("RPi.GPIO", summary="Pins <b>")
    state.page("numpy")
    state.page("waits", listed=False)
    assert folder.update(None) == {"browse/index.html"}
    assert folder.reached() == ["numpy", "rpi-gpio"]
    page = folder.files["browse/index.html"].decode()
    assert "Pins &lt;b&gt;" in page
    assert page.index(">numpy<") < page.index(">RPi.GPIO<")


def test_an_index_without_wheels_has_a_page_that_says_so(folder: Folder) -> None:
    folder.update(None)
    assert b"No wheels yet." in folder.files["browse/index.html"]


def test_letters_that_all_names_share_are_one_step(state: ControllerState, folder: Folder) -> None:
    names = ["a", "python", *(f"python-{letter}" for letter in "abcdef")]
    for name in names:
        state.page(name)
    folder.update(None)
    assert folder.reached() == names
    assert b"<b>python\xe2\x80\xa6</b> <small>python to python-f</small>" in folder.files["browse/index.html"]


def test_changes_leave_the_same_pages_as_a_new_site_would_have(state: ControllerState, folder: Folder) -> None:
    draw = random.Random(5)
    there: set[str] = set()
    folder.update(None)
    for _ in range(40):
        changed = set()
        for _ in range(draw.choice((1, 1, 12))):
            name = "".join(draw.choices("ab", k=draw.randint(1, 6)))
            changed.add(name)
            if name in there and draw.random() < 0.6:
                state.execute("DELETE FROM site_project WHERE name = ?", name)
                there.discard(name)
            elif name not in there:
                state.page(name)
                there.add(name)
        folder.update(changed)
        assert folder.reached() == sorted(there)
        anew = Folder(state)
        anew.update(None)
        assert folder.files == anew.files


def test_a_change_costs_as_much_among_many_projects_as_among_few(state: ControllerState, folder: Folder) -> None:
    spent, written = [], []
    for many in (300, 2000):
        for number in range(many):
            state.page(f"part{number:04}")
        folder.update(None)
        written.append(len(folder.update({"part0123"})))
        spent.append(steps(state.catalog.db, lambda: folder.update({"part0123"})))
    assert written[1] <= written[0] + 1
    assert spent[1] < 1.5 * spent[0]
