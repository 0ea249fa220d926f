"""In everything mode projects without wheels, builds and askers share files; everybody else has a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.site.html.packed import BUCKETS, bucket_path, merged
from wheelfleet.site.html.search_shards import shard_path

from tests.support.catalogs import TARGET, TEMPLATES, ControllerState

SITE = "https://wheels.example.org"


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[ControllerState]:
    """Everything is in scope: one project with a wheel, one named, one that failed, one looked up, and two others."""
    with ControllerState(tmp_path) as state:
        remember(state)
        state.wheel("built", "1.0")
        for name in ("named", "failed", "lookedup", "served", "Waits.For.It"):
            state.want(name, "1.0", reason=f"about {name}")
        state.attempt("failed", "1.0")
        state.execute("INSERT INTO use_day (name, day, lookups) VALUES ('lookedup', 1, 3)")
        state.execute("UPDATE release_target SET verdict = 'upstream' WHERE reason = 'about served'")
        yield state


def remember(state: ControllerState, *packages: str, everything: bool = True) -> None:
    with state.catalog.writing() as db:
        PlanInputs(["named", *packages], [], everything, "1", {}).remember(db)


def own_pages(state: ControllerState) -> list[str]:
    return sorted(path.parent.name for path in state.site.glob("project/*/index.html"))


def packed(state: ControllerState) -> dict[str, Any]:
    return {
        name: entry
        for path in state.site.glob("projects/*.json")
        for name, entry in json.loads(path.read_text()).items()
        if path.name == Path(bucket_path(name)).name
    }


def tree(state: ControllerState) -> dict[str, bytes]:
    return {
        str(path.relative_to(state.site)): path.read_bytes()
        for path in state.site.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".gz"
    }


def test_only_projects_with_something_of_their_own_have_a_page(controller: ControllerState) -> None:
    controller.publish(url=SITE)
    assert own_pages(controller) == ["built", "failed", "lookedup", "named"]
    assert (controller.site / "project/index.html").is_file()
    entries = packed(controller)
    assert entries.keys() == {"served", "waits-for-it"}
    assert entries["served"] == ["served", [["1.0", TARGET, "upstream", "About served"]]]
    name, ((version, target, status, _),) = entries["waits-for-it"]
    assert (name, version, target, status) == ("Waits.For.It", "1.0", TARGET, "waiting")
    # No folder, page, badge or JSON for them.
    assert not list(controller.site.rglob("served*"))


def test_nothing_links_to_a_page_that_is_not_there(controller: ControllerState) -> None:
    controller.publish(url=SITE)
    rows = {row[0]: row[1] for row in json.loads((controller.site / shard_path("")).read_text())["rows"]}
    assert (rows["served"], rows["waits-for-it"], rows["built"]) == ("U", "W", "b")
    report = (controller.site / "report/index.html").read_text()
    assert '"../project/index.html#served"' in report
    assert "project/served/" not in "".join(
        path.read_text() for path in controller.site.rglob("*") if path.suffix in (".html", ".xml", ".atom")
    )
    assert "project/built/" in (controller.site / "sitemaps/0.xml").read_text()


def test_a_project_that_is_tried_named_or_asked_for_gets_its_page(controller: ControllerState) -> None:
    controller.publish()
    controller.attempt("served", "1.0")
    remember(controller, "waits.for.it")
    changed = controller.publish().changed
    assert {"project/served/index.html", "project/waits-for-it/index.html"} <= set(changed)
    assert packed(controller) == {}
    assert not list(controller.site.glob("projects/*.json"))
    remember(controller)
    controller.publish()
    assert own_pages(controller) == ["built", "failed", "lookedup", "named", "served"]
    assert packed(controller).keys() == {"waits-for-it"}


def test_one_change_writes_one_shared_file(controller: ControllerState) -> None:
    for number in range(40):
        controller.want(f"p{number}", "1.0")
    controller.publish()
    controller.execute("UPDATE release_target SET reason = 'news', verdict = 'skip' WHERE reason = 'about served'")
    changed = controller.publish().changed
    assert [path for path in changed if path.startswith("projects/")] == [bucket_path("served")]
    assert packed(controller)["served"][1][0][3] == "News"


def test_shared_files_rendered_anew_have_the_same_bytes(controller: ControllerState) -> None:
    for number in range(40):
        controller.want(f"p{number}", "1.0")
        controller.publish()
    before = tree(controller)
    controller.publish(full=True)
    assert tree(controller) == before


def test_without_everything_each_project_has_a_page_again(controller: ControllerState) -> None:
    controller.publish()
    remember(controller, everything=False)
    controller.publish()
    assert own_pages(controller) == ["built", "failed", "lookedup", "named", "served", "waits-for-it"]
    assert not (controller.site / "project/index.html").exists()
    assert not list(controller.site.glob("projects/*"))


def test_a_damaged_shared_file_is_made_again() -> None:
    assert merged(b"{", {"a": b"[1]"}) == b'{"a":[1]}\n'
    assert merged(b'{"a":[1]}', {"a": None}) is None


def test_script_and_publisher_agree_on_the_file_of_a_name() -> None:
    # The values of FNV-1a (32 bits) for these words, modulo 4096.
    assert [bucket_path(name) for name in ("", "a", "foobar")] == [
        f"projects/{value % BUCKETS:03x}.json" for value in (0x811C9DC5, 0xE40C292C, 0xBF9CF968)
    ]
    script = (TEMPLATES / "assets" / "packed.js").read_text()
    assert re.findall(r"\d{4,}", script) == ["2166136261", "16777619", str(BUCKETS)]


def test_what_was_listed_and_never_read_is_shown_nowhere(controller: ControllerState) -> None:
    for name in ("unread", "read"):
        controller.insert("project", name=name, display_name=name, in_scope=1, listed=1)
    controller.publish()
    controller.publish(full=True)
    assert packed(controller).keys() == {"served", "waits-for-it"}
    # Its page came: nothing of it is in scope.
    controller.execute("UPDATE project SET state = 'present', judged = 1 WHERE name = 'read'")
    controller.publish()
    assert packed(controller).keys() == {"served", "waits-for-it", "read"}
    assert packed(controller)["read"][1][0][2] == "skipped"
