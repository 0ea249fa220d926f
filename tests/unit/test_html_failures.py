"""The failures pages: what blocks most comes first, with what would help; the catalog's size costs nothing."""

from __future__ import annotations

import json
import re

import pytest
from wheelfleet.failure_classes import FAILURE_CLASSES
from wheelfleet.site.html import failures
from wheelfleet.site.renderer import Renderer

from tests.support.catalogs import EPOCH, TARGET, TEMPLATES, ControllerState

OTHER_TARGET = "cp313-cp313-linux_armv7l-glibc2.41"


@pytest.fixture(scope="module")
def render() -> Renderer:
    return Renderer([TEMPLATES])


def show(state: ControllerState, name: str, *, status: str = "failed", listed: bool = False) -> int:
    """A project that has a page."""
    return state.page(name, status=status, listed=listed)


def block(
    state: ControllerState,
    name: str,
    failure: str,
    version: str = "1.0",
    *,
    target: str = TARGET,
    sentence: str | None = None,
    log: str | None = "The log.\n",
    at: float | None = None,
) -> str:
    """A release that failed for a target and is shown so; returns the attempt."""
    project = show(state, name)
    attempt = state.attempt(name, version, failure_class=failure, target=target, sentence=sentence, log=log)
    if at is not None:
        state.execute("UPDATE attempt SET finished_at = ? WHERE id = ?", at, attempt)
    state.execute(
        "INSERT INTO site_release (release_id, target_id, project_id, status, failure_class, finished_at) "
        "SELECT release_id, target_id, ?, 'failed', failure_class, finished_at FROM attempt WHERE id = ?",
        project, attempt,
    )  # fmt: skip
    return attempt


def look_up(state: ControllerState, name: str, times: int) -> None:
    state.insert("use_day", name=name, day=20000, lookups=times)


def made(state: ControllerState, render: Renderer) -> dict[str, str]:
    return {path: data.decode() for path, data in failures.pages(state.catalog.db, render)}


def test_where_nothing_failed_the_page_says_so_and_no_class_has_one(state: ControllerState, render: Renderer) -> None:
    pages = made(state, render)
    assert list(pages) == ["failures/index.html", "failures/failures.json"]
    assert "Nothing has been built yet." in pages["failures/index.html"]
    assert "The web logs show no requests for missing packages" in pages["failures/index.html"]
    assert json.loads(pages["failures/failures.json"]) == {"classes": [], "proposals": [], "remedies": [], "wanted": []}


def test_what_the_fleet_tried_by_itself_stands_with_how_often_it_helped(
    state: ControllerState, render: Renderer
) -> None:
    for name, tried, helped in (("setuptools<58", 5, 4), ("requirement <b>numpy", 9, 7)):
        state.insert("remedy_use", name=name, applied=tried, helped=helped)
    pages = made(state, render)
    assert [each["name"] for each in json.loads(pages["failures/failures.json"])["remedies"]] == [
        "requirement <b>numpy",
        "setuptools<58",
    ]
    page = pages["failures/index.html"]
    assert "use_2to3 left setuptools in 58." in page
    assert "7 times" in page
    assert "<b>numpy" not in page


def test_classes_that_block_more_projects_come_first(state: ControllerState, render: Renderer) -> None:
    block(state, "alone", "time-out")
    block(state, "asked", "python2-syntax")
    look_up(state, "asked", 7)
    for version in ("1.0", "2.0"):
        block(state, "first", "missing-header", version)
    block(state, "second", "missing-header")
    look_up(state, "second", 2)
    pages = made(state, render)
    data = json.loads(pages["failures/failures.json"])
    numbers = [(entry["name"], entry["projects"], entry["builds"], entry["lookups"]) for entry in data["classes"]]
    assert numbers == [("missing-header", 2, 3, 2), ("python2-syntax", 1, 1, 7), ("time-out", 1, 1, 0)]
    assert re.findall(r'<h3><a href="([\w-]+)/index.html">', pages["failures/index.html"]) == [
        "missing-header",
        "python2-syntax",
        "time-out",
    ]
    assert data["classes"][0]["examples"] == [
        {"name": "second", "builds": 1, "lookups": 2},
        {"name": "first", "builds": 2, "lookups": 0},
    ]


@pytest.mark.parametrize("path", ["failures/index.html", "failures/missing-tool/index.html"])
def test_a_class_is_explained_with_what_would_help_and_how_to_try_it_again(
    state: ControllerState, render: Renderer, path: str
) -> None:
    block(state, "demo", "missing-tool")
    page = made(state, render)[path]
    assert FAILURE_CLASSES["missing-tool"].meaning in page
    assert FAILURE_CLASSES["missing-tool"].advice in page
    assert """ansible-playbook build.yml -e '{"controller_retry": ["missing-tool"]}'""" in page


def test_a_class_that_blocks_nothing_any_more_has_no_page(state: ControllerState, render: Renderer) -> None:
    block(state, "demo", "missing-tool")
    block(state, "demo", "time-out", "2.0")
    assert "failures/time-out/index.html" in made(state, render)
    state.execute("UPDATE site_release SET status = 'built', failure_class = NULL WHERE failure_class = 'time-out'")
    assert [path for path in made(state, render) if path.startswith("failures/time")] == []


def test_a_project_of_a_class_is_linked_with_its_newest_log(state: ControllerState, render: Renderer) -> None:
    block(state, "Demo", "time-out", "2.0", sentence="It took 2 h.", at=EPOCH + 100)
    newest = block(state, "Demo", "time-out", "1.0", sentence="It took 3 h.", at=EPOCH + 200)
    block(state, "Demo", "missing-tool", "3.0", at=EPOCH + 300)
    page = made(state, render)["failures/time-out/index.html"]
    assert '<a href="../../project/demo/index.html">Demo</a>' in page
    assert re.findall(r'href="([^"]*logs/[^"]*)"', page) == [f"../../logs/demo/{newest}.html"]
    assert "It took 3 h." in page
    assert f"1.0 for {TARGET}" in page


def test_the_attempt_behind_a_failure_may_have_been_for_another_target(
    state: ControllerState, render: Renderer
) -> None:
    attempt = block(state, "demo", "python2-syntax")
    state.execute("UPDATE site_release SET target_id = ?", state.target(OTHER_TARGET))
    page = made(state, render)["failures/python2-syntax/index.html"]
    assert f"../../logs/demo/{attempt}.html" in page
    assert f"for {TARGET}" in page


def test_a_forgiven_failure_tells_nothing(state: ControllerState, render: Renderer) -> None:
    kept = block(state, "demo", "time-out")
    later = state.attempt("demo", "1.0", failure_class="time-out")
    state.execute("UPDATE attempt SET superseded = 1 WHERE id = ?", later)
    assert re.findall(r"logs/demo/([^\"]*)\.html", made(state, render)["failures/time-out/index.html"]) == [kept]


@pytest.mark.parametrize("log", [None, "The log.\n"], ids=["none was kept", "it got lost"])
def test_a_log_that_is_not_there_is_not_linked(state: ControllerState, render: Renderer, log: str | None) -> None:
    block(state, "demo", "host-lost", log=log)
    pages = dict(failures.pages(state.catalog.db, render, has=lambda path: log is None))
    assert b"logs/" not in pages["failures/host-lost/index.html"]


def test_builders_that_never_answered_are_a_class_of_their_own(state: ControllerState, render: Renderer) -> None:
    attempt = state.attempt("demo", "1.0", state="lost")
    project = show(state, "demo")
    state.execute(
        "INSERT INTO site_release (release_id, target_id, project_id, status, failure_class) "
        "SELECT release_id, target_id, ?, 'failed', 'lost' FROM attempt WHERE id = ?", project, attempt
    )  # fmt: skip
    pages = made(state, render)
    assert "The builder did not come back with a result." in pages["failures/index.html"]
    assert f"for {TARGET}" in pages["failures/lost/index.html"]


def test_a_long_class_tells_of_the_most_wanted_and_counts_the_rest(
    state: ControllerState, render: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "MOST_WITH_LOG", 2)
    monkeypatch.setattr(failures, "MOST_NAMED", 5)
    for number in range(9):
        block(state, f"project{number}", "time-out")
        look_up(state, f"project{number}", 10 * number + 1)
    page = made(state, render)["failures/time-out/index.html"]
    shown = page.partition("<tbody>")[2].partition("</tbody>")[0]
    assert re.findall(r'project/(project\d)/index.html"', shown) == ["project8", "project7"]
    named = page.partition("failure-others")[2]
    assert re.findall(r'project/(project\d)/index.html"', named) == ["project6", "project5", "project4"]
    assert "and 4 more" in page


def test_names_that_the_index_has_no_page_of_are_listed_with_the_reason(
    state: ControllerState, render: Renderer
) -> None:
    block(state, "Broken", "missing-header")
    block(state, "Broken", "time-out", "2.0")
    block(state, "Broken", "time-out", "3.0")
    show(state, "served", status="built", listed=True)
    show(state, "elsewhere", status="upstream")
    show(state, "soon", status="waiting")
    show(state, "typo", status="not-found")
    for times, name in enumerate(("nobody-asked", "served", "elsewhere", "soon", "typo", "broken"), start=1):
        look_up(state, name, times * 1000)
    pages = made(state, render)
    wanted = json.loads(pages["failures/failures.json"])["wanted"]
    assert [(each["name"], each["lookups"], each["status"], each["classes"]) for each in wanted] == [
        ("broken", 6000, "failed", ["time-out", "missing-header"]),
        ("typo", 5000, "not-found", []),
        ("soon", 4000, "waiting", []),
        ("nobody-asked", 1000, None, []),
    ]
    assert wanted[3]["why"] == "This fleet was not asked to build it; the operator names it in controller_packages."
    table = pages["failures/index.html"].partition('id="wanted"')[2]
    assert '<a href="../project/broken/index.html">Broken</a>' in table
    assert '<a class="failure-class" href="time-out/index.html">' in table
    assert "6,000 times" in table
    assert "project/nobody-asked" not in table


def test_names_and_sentences_of_strangers_are_text(state: ControllerState, render: Renderer) -> None:
    look_up(state, "<script>alert(1)</script>", 9)
    look_up(state, "x\u202e\x1b[31m" + "y" * 10_000, 8)
    block(state, "demo", "time-out", sentence="<img src=x>\u202e")
    state.execute("UPDATE project SET display_name = '<b>Demo</b>\x07'")
    pages = made(state, render)
    for page in pages.values():
        assert "<script>alert" not in page or page.startswith("{")
        assert "<img src=x" not in page
        assert "<b>Demo" not in page
        assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", page)
        assert "y" * 100 not in page
    assert "PyPI can have no project of this name." in pages["failures/index.html"]


def test_pages_are_the_same_each_time(state: ControllerState, render: Renderer) -> None:
    for name in ("b", "a", "c"):
        block(state, name, "time-out")
        look_up(state, name, 3)
    assert made(state, render) == made(state, render)


def test_no_question_reads_a_whole_table(state: ControllerState, render: Renderer) -> None:
    block(state, "demo", "time-out")
    look_up(state, "demo", 3)
    asked: list[str] = []
    state.catalog.db.set_trace_callback(asked.append)
    made(state, render)
    state.catalog.db.set_trace_callback(None)
    plans = [row["detail"] for question in asked for row in state.catalog.db.execute(f"EXPLAIN QUERY PLAN {question}")]
    assert len(plans) > 20
    # What is read from end to end is what another part of the question has limited.
    limited = {"top", "newest", "examples", "asked"}
    assert [plan for plan in plans if plan.startswith("SCAN") and plan.split()[1] not in limited] == []
