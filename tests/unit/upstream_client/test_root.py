"""The list of all projects."""

from __future__ import annotations

import pytest
from wheelfleet.upstream.client import Root, RootUnchanged
from wheelfleet.upstream.client import Upstream as Client

from tests.support.asking import trouble_of
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream


@pytest.mark.parametrize("form", ["json", "html"])
def test_the_list_of_all_projects_is_read_in_either_form(upstream: Upstream, asking: Client, form: str) -> None:
    setattr(upstream, "html" if form == "json" else "json", False)
    upstream.add_release(pure_sdist("RPi.Fake", "1.0"))
    answer = asking.root()
    assert isinstance(answer, Root)
    assert set(answer.root.projects) == {"spam", "rpi-fake"}
    assert answer.root.projects["spam"] == (upstream.serial_of("spam") if form == "json" else None)
    assert answer.root.serial == upstream.serial
    assert asking.root(answer.etag, answer.last_modified) == RootUnchanged()
    upstream.touch("spam")
    assert isinstance(asking.root(answer.etag, answer.last_modified), Root)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("404", "no list of all projects"), ("403", "credentials"), ("503", "out of order"), ("garbage", "not JSON")],
)
def test_a_list_that_cannot_be_read_is_trouble(upstream: Upstream, asking: Client, kind: str, words: str) -> None:
    upstream.fault("/simple/", kind)  # type: ignore[arg-type]
    assert words in trouble_of(asking.root()).sentence
