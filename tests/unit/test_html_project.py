"""The page of a project with its JSON and badge: what each says of every release, target, file and build."""

from __future__ import annotations

import gzip
import json
import re
import xml.etree.ElementTree as ET
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.site.html import badge, project
from wheelfleet.site.html.project_facts import ProjectFacts, read_project
from wheelfleet.site.kinds import read_kinds
from wheelfleet.site.listing import project_files
from wheelfleet.site.renderer import Renderer, SiteFacts
from wheelfleet.site.status_rows import project_rows

from tests.support.catalogs import TARGET, TEMPLATES, ControllerState
from tests.support.site_pages import elements

ARMV7 = "cp311-cp311-linux_armv7l-glibc2.36"
HOSTILE = "<script>alert(1)</script>\u202e\x1b[2J\"'&"
OWN = Renderer([TEMPLATES], SiteFacts("https://wheels.example"))
FULL = Renderer([TEMPLATES], SiteFacts("https://wheels.example", index_view="full"))


@pytest.fixture
def state(state: ControllerState) -> ControllerState:
    state.target()
    state.target(ARMV7)
    state.execute("UPDATE target SET preference = 2, platform = 'linux_armv7l' WHERE name = ?", ARMV7)
    return state


def facts_of(state: ControllerState, name: str = "spam", summary: str = "", view: str = "own") -> ProjectFacts:
    db, project_id = state.catalog.db, state.project(name)
    rows = project_rows(db, [project_id]).get(project_id, [])
    logs = {row["log"] for row in db.execute("SELECT log FROM attempt WHERE log IS NOT NULL")}
    return read_project(db, project_id, project_files(db, project_id, view), rows, summary, logs)


def pages_of(state: ControllerState, name: str = "spam", summary: str = "", render: Renderer = OWN) -> dict[str, bytes]:
    facts = facts_of(state, name, summary, render.site.index_view)
    prefix = f"project/{facts.name}/"
    return {
        path.removeprefix(prefix): data for path, data in project.pages(facts, render, read_kinds(state.catalog.db))
    }


def html_of(state: ControllerState, **options: Any) -> str:
    return pages_of(state, **options)["index.html"].decode()


def json_of(state: ControllerState, name: str = "spam") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(pages_of(state, name)["json"])
    return document


def matrix(html: str) -> list[list[str]]:
    """The cells of the tables of releases, as their text; without the details of each release."""
    rows = html.split('<tr><th scope="row">')[1:]
    cells = [
        row.partition("</tr>")[0].split("<td")[1:] for row in rows if "</th>\n<td" in row and 'class="more"' in row
    ]
    return [[" ".join(text_of(cell).split()) for cell in row] for row in cells]


def details(html: str, version: str) -> str:
    """The details of a release, as their text."""
    text = html.partition(f' id="v{version}">')[2].partition("</td></tr>")[0]
    return " ".join(unescape(re.sub(r"<[^>]*>", "", text)).split())


def text_of(html: str) -> str:
    """What is left of a piece of HTML without its tags; it may begin inside one."""
    root = html if html.startswith("<") else f"<td{html}"
    return "".join(f" {text}" for _, _, text in elements(root))


def build(state: ControllerState, version: str = "1.0", target: str = TARGET, name: str = "spam") -> str:
    state.want(name, version, target=target)
    return state.wheel(name, version, "-".join(target.split("-")[:3]), serves=[target])


def fail(state: ControllerState, version: str = "1.0", target: str = TARGET, **told: Any) -> str:
    state.want("spam", version, target=target)
    told = {"failure_class": "missing-header", "blocks": "target", "sentence": "The header png.h is missing.", **told}
    return state.attempt("spam", version, target=target, **told)


def test_each_cell_says_in_a_word_what_became_of_the_release_on_the_target(state: ControllerState) -> None:
    filename = build(state, "2.0")
    fail(state, "2.0", ARMV7)
    state.want("spam", "1.0", verdict="upstream", reason="upstream serves spam-1.0-py3-none-any.whl")
    state.want("spam", "1.0", target=ARMV7, need="now")
    size = (state.files_dir / "spam" / filename).stat().st_size
    assert matrix(html_of(state)) == [
        [f"built {size} bytes", "failed missing-header"],
        ["on PyPI", "queued"],
    ]


def test_the_details_of_a_release_say_why_it_has_no_wheel_for_a_target(state: ControllerState) -> None:
    fail(state, "2.0", ARMV7)
    state.want("spam", "1.0", verdict="upstream", reason="upstream serves spam-1.0-py3-none-any.whl")
    state.want("spam", "1.0", target=ARMV7, need="now")
    html = html_of(state)
    where = "Linux on 32-bit ARM (ARMv7), glibc 2.36"
    assert f"failed for CPython 3.11, {where} missing-header: The header png.h is missing." in details(html, "2.0")
    assert "on PyPI for CPython 3.11, Linux on 64-bit ARM, glibc 2.36: PyPI serves spam" in details(html, "1.0")
    assert f"No builder of the last run offers {ARMV7}." in details(html, "1.0")
    assert 'href="../../failures/missing-header/index.html"' in html


def test_the_columns_of_one_system_stand_side_by_side_under_its_name(state: ControllerState) -> None:
    for order, target in enumerate(("cp313-cp313-linux_aarch64-glibc2.36", "cp313-cp313-linux_armv7l-glibc2.36"), 3):
        state.target(target, platform=target.split("-")[2], preference=order)
        build(state, "1.0", target)
    build(state)
    build(state, "1.0", ARMV7)
    head = html_of(state).partition('<thead>\n<tr><th scope="col" rowspan')[2].partition("</thead>")[0]
    heads = [(tag.get("colspan"), text) for _, tag, text in elements(head, "th") if text != "Release"]
    assert heads == [
        ("2", "Linux on 64-bit ARM, glibc 2.36"), ("2", "Linux on 32-bit ARM (ARMv7), glibc 2.36"),
        (None, "CPython 3.11"), (None, "CPython 3.13"), (None, "CPython 3.11"), (None, "CPython 3.13"),
    ]  # fmt: skip


def test_a_built_cell_leads_to_the_details_and_the_file_is_linked_there(state: ControllerState) -> None:
    filename = build(state, "2.0")
    build(state, "1.0")
    html = html_of(state)
    links = [tag["href"] for _, tag, text in elements(html, "a") if text == "built"]
    assert links == ["#v2.0", "#v1.0"]
    assert re.findall(r"<details( open)?><summary>1 file", html) == [" open", ""]
    assert filename in details(html, "2.0")
    assert filename not in details(html, "1.0")


def test_older_releases_and_builds_are_folded_away(state: ControllerState) -> None:
    for number in range(project.RELEASES_IN_SIGHT + 2):
        build(state, f"{number}.0")
    html = html_of(state)
    in_sight, _, folded = html.partition("<summary>2 older releases</summary>")
    assert (len(matrix(in_sight)), len(matrix(folded))) == (project.RELEASES_IN_SIGHT, 2)
    for number in range(project.MOST_BUILDS + 1):
        state.attempt("spam", "9.0", failure_class="time-out", sentence=f"try {number}")
    assert "1 earlier build: the JSON has all." in details(html_of(state), "9.0")
    assert len(json_of(state)["attempts"]) == project.RELEASES_IN_SIGHT + 2 + project.MOST_BUILDS + 1


def test_releases_come_newest_first_and_targets_in_order_of_preference(state: ControllerState) -> None:
    for version in ("1.9", "1.10", "1.10rc1"):
        state.want("spam", version, target=ARMV7)
        state.want("spam", version)
    document = json_of(state)
    assert list(document["releases"]) == ["1.10", "1.10rc1", "1.9"]
    assert [target["name"] for target in document["targets"]] == [TARGET, ARMV7]
    assert document["targets"][0] | {"name": ""} == {
        "name": "", "python": "CPython 3.11", "system": "Linux on 64-bit ARM, glibc 2.36", "machine": "aarch64",
    }  # fmt: skip


def test_a_release_not_judged_has_an_empty_cell_one_not_wanted_is_counted(
    state: ControllerState,
) -> None:
    state.want("spam", "1.0")
    state.want("spam", "2.0", target=ARMV7)
    state.release("spam", "0.9")
    html = html_of(state)
    assert [row.count("not requested") for row in matrix(html)] == [1, 1]
    assert "PyPI has 1 more release, which this fleet was not asked to build." in html


def test_every_address_leads_to_what_the_site_has(state: ControllerState) -> None:
    filename = build(state)
    attempt = fail(state, "2.0")
    page = Path("/site/project/spam/index.html")
    html = html_of(state)
    there = {str((page.parent / a["href"]).resolve()) for _, a, _ in elements(html, "a") if a["href"] is not None}
    built_from = state.one("SELECT attempt_id FROM wheel")
    wanted = {
        f"/site/files/spam/{filename}",
        f"/site/provenance/spam/{filename}.json",
        f"/site/logs/spam/{built_from}.html",
        f"/site/logs/spam/{built_from}.log.gz",
        f"/site/logs/spam/{attempt}.html",
        f"/site/logs/spam/{attempt}.log.gz",
        "/site/project/spam/json",
        "/site/simple/spam/index.html",
    }
    assert wanted <= there
    document = json_of(state)
    said = [value for each in [*document["attempts"], *document["releases"]["1.0"]["files"]] for value in each.values()]
    addresses = {str((page.parent / value).resolve()) for value in said if str(value).startswith("../")}
    assert addresses == wanted - {"/site/project/spam/json", "/site/simple/spam/index.html"}


def test_the_files_of_a_quarantined_project_are_linked_from_nowhere(state: ControllerState) -> None:
    filename = build(state)
    state.execute("UPDATE project SET state = 'quarantined', status = 'quarantined', status_reason = 'malware'")
    pages = pages_of(state)
    assert "Quarantined." in pages["index.html"].decode()
    assert "They say: malware" in pages["index.html"].decode()
    assert all(filename.encode() not in data for data in pages.values())


@pytest.mark.parametrize(
    ("status", "words"), [("archived", "have archived the project"), ("deprecated", "call the project deprecated")]
)
def test_upstreams_word_on_the_project_stands_above_everything(state: ControllerState, status: str, words: str) -> None:
    build(state)
    state.execute("UPDATE project SET status = ?, status_reason = 'Use eggs.'", status)
    html = html_of(state)
    assert words in html
    assert html.index("They say: Use eggs.") < html.index('id="install"')
    assert json_of(state)["status"] == {"status": status, "reason": "Use eggs."}


def test_a_project_upstream_does_not_know_says_what_to_check(state: ControllerState) -> None:
    state.project("spam", state="absent")
    html = html_of(state)
    assert "Upstream has no project of this name. Is it misspelled?" in html
    assert "Install" not in html
    assert json_of(state)["status"] == {"status": "absent"}


def test_a_project_out_of_scope_says_that_nothing_new_is_built(state: ControllerState) -> None:
    filename = build(state)
    state.execute("UPDATE project SET in_scope = 0")
    html = html_of(state)
    assert "it is no longer in scope" in html
    assert filename in html


def test_a_failure_shows_its_class_its_lines_and_what_would_help(state: ControllerState) -> None:
    fail(state, evidence="a.c:1: fatal error: png.h", advice="Install libpng-dev.", host="kitchen")
    html = html_of(state)
    for words in ("missing-header", "The header png.h is missing.", "a.c:1: fatal error: png.h", "Install libpng-dev."):
        assert words in html
    (attempt,) = json_of(state)["attempts"]
    assert (attempt["outcome"], attempt["builder"], attempt["seconds"]) == ("failed", "kitchen", 12.0)
    assert json_of(state)["releases"]["1.0"]["targets"][TARGET]["advice"] == "Install libpng-dev."


def test_an_attempt_says_what_it_differed_in_and_what_was_tried_after_it(state: ControllerState) -> None:
    entry = {"name": "setuptools<58", "why": "use_2to3 left setuptools.", "change": {"constraints": ["setuptools<58"]}}
    dated = {"name": "date-matched", "why": "As of then.", "change": {"date_matched": True}}
    fail(state, remedies=json.dumps([entry]), retry_with=json.dumps([entry, dated]), blocks="target")
    state.execute("UPDATE release_target SET need = 'now'")
    state.builder("pi1", TARGET)
    (attempt,) = json_of(state)["attempts"]
    assert attempt["tried_with"] == [{**entry, "change": "setuptools<58"}]
    assert attempt["next_try"] == "It was tried again with date-matched."
    assert "<b>Tried with setuptools&lt;58:</b> use_2to3 left setuptools." in html_of(state)
    assert "In the queue again, with date-matched: " in json_of(state)["releases"]["1.0"]["targets"][TARGET]["reason"]


def test_a_build_whose_host_was_lost_is_told_as_such(state: ControllerState) -> None:
    state.want("spam", "1.0")
    attempt = state.attempt("spam", "1.0", state="open")
    state.execute("UPDATE attempt SET state = 'lost' WHERE id = ?", attempt)
    assert "pi1 was lost while it built this." in html_of(state)
    assert [each["outcome"] for each in json_of(state)["attempts"]] == ["lost"]


def test_a_build_still_going_on_is_in_the_matrix_alone(state: ControllerState) -> None:
    state.want("spam", "1.0")
    state.attempt("spam", "1.0", state="open")
    assert matrix(html_of(state)) == [["being built"]]
    assert "Being built on pi1." in details(html_of(state), "1.0")
    assert json_of(state)["attempts"] == []


def test_files_say_what_they_are_for_yanks_and_what_an_install_saves(state: ControllerState) -> None:
    state.release("spam", "1.0", yanked="broken <on> ARM")
    state.want("spam", "1.0")
    filename = state.wheel("spam", "1.0", "cp311-abi3-manylinux_2_31_aarch64", requires_python=">=3.8", serves=[TARGET])
    html = html_of(state)
    assert "CPython 3.11 or newer, Linux on 64-bit ARM, glibc 2.31 or newer; needs Python &gt;=3.8" in html
    assert "yanked: broken &lt;on&gt; ARM" in html
    assert "saves 12 s" in html
    (file,) = json_of(state)["releases"]["1.0"]["files"]
    assert file["filename"] == filename
    assert (file["yanked"], file["build_seconds"], file["listed"]) == ("broken <on> ARM", 12.0, True)


def test_a_withdrawn_file_is_shown_as_kept_for_those_who_pinned_it(state: ControllerState) -> None:
    build(state)
    state.execute('UPDATE target SET tags = \'["cp311-cp311-linux_aarch64", "cp311-cp311-manylinux_2_17_aarch64"]\'')
    state.upstream_file(state.release("spam", "1.0"), "spam-1.0-cp311-cp311-manylinux_2_17_aarch64.whl")
    assert "Withdrawn, because upstream has a wheel for these targets now; kept for those who pinned it." in html_of(
        state
    )
    (file,) = json_of(state)["releases"]["1.0"]["files"]
    assert file["listed"] is False


def test_a_file_of_a_release_upstream_removed_says_that_it_is_only_kept(state: ControllerState) -> None:
    build(state)
    state.upstream_removes("spam", "1.0")
    html = html_of(state)
    assert "No longer on the index; kept for those who pinned it." in html
    assert "On PyPI: nothing any more" in html


def test_upstreams_sdist_is_linked_where_its_address_is_a_web_address(state: ControllerState) -> None:
    state.want("spam", "1.0")
    state.want("spam", "2.0")
    one, two = state.release("spam", "1.0"), state.release("spam", "2.0")
    state.execute("UPDATE upstream_file SET url = 'https://f.example/s.tar.gz' WHERE release_id = ?", one)
    state.execute("UPDATE upstream_file SET url = 'javascript:alert(1)' WHERE release_id = ?", two)
    html = html_of(state)
    assert 'href="https://f.example/s.tar.gz"' in html
    assert "javascript:" not in html
    assert "javascript:" not in pages_of(state)["json"].decode()


@pytest.mark.parametrize(
    ("ending", "refused"), [("tar.gz", False), ("zip", False), ("tar.bz2", True), ("tar.xz", True), ("tgz", True)]
)
def test_an_sdist_that_uv_cannot_build_is_called_so(state: ControllerState, ending: str, refused: bool) -> None:
    state.want("spam", "1.0")
    state.execute("UPDATE upstream_file SET filename = ?", f"spam-1.0.{ending}")
    assert ("(which uv cannot build)" in html_of(state)) == refused


def test_downloads_and_what_they_saved_are_shown(state: ControllerState) -> None:
    build(state)
    state.insert("use_day", name="spam", day=1, downloads=1234, saved_seconds=7200)
    html = html_of(state)
    assert "<b>1,234</b> downloads" in html
    assert "<b>2 h</b> of compiling saved" in html


def test_strangers_text_is_shown_as_text_everywhere(state: ControllerState) -> None:
    state.insert(
        "project",
        name="spam",
        display_name=HOSTILE,
        state="present",
        in_scope=1,
        judged=1,
        status="archived",
        status_reason=HOSTILE,
    )
    state.release("spam", "1.0", yanked=HOSTILE)
    build(state)
    state.execute("UPDATE wheel SET requires_python = ?", HOSTILE)
    fail(state, "2.0", sentence=HOSTILE, evidence=HOSTILE, advice=HOSTILE)
    state.want("spam", "3.0", verdict="skip", reason=HOSTILE)
    pages = pages_of(state, summary=HOSTILE)
    html = pages["index.html"].decode()
    assert [script["src"] for _, script, _ in elements(html, "script")] == [f"../../{OWN.asset('install.js')}"]
    assert not [
        1 for _, attributes, _ in elements(html) for name in attributes if name in ("style", "onclick", "onload")
    ]
    for data in pages.values():
        assert "\u202e" not in data.decode()
        assert "\x1b" not in data.decode()
    assert json.loads(pages["json"])["summary"].startswith("<script>alert(1)</script>\ufffd\ufffd[2J")
    ET.fromstring(pages["badge.svg"])


def test_a_long_history_is_spread_over_pages_that_lead_to_each_other(state: ControllerState) -> None:
    many = project.RELEASES_A_PAGE * 2 + 1
    for each in range(many):
        state.want("spam", f"{each}.0", verdict="passed", reason="yanked")
    pages = pages_of(state)
    html = {path: data.decode() for path, data in pages.items() if path.endswith(".html")}
    assert list(html) == ["index.html", "page-2.html", "page-3.html"]
    assert [len(matrix(page)) for page in html.values()] == [25, 25, 1]
    onward = {path: [a["href"] for _, a, _ in elements(page, "a") if "rel" in a] for path, page in html.items()}
    assert onward == {
        "index.html": ["page-2.html"],
        "page-2.html": ["index.html", "page-3.html"],
        "page-3.html": ["page-2.html"],
    }
    assert len(json.loads(pages["json"])["releases"]) == many


def test_a_page_of_the_largest_project_is_small_on_the_wire(state: ControllerState) -> None:
    targets = [f"cp3{minor}-cp3{minor}-linux_aarch64-glibc2.36" for minor in range(9, 15)]
    for each in range(project.RELEASES_A_PAGE):
        for target in targets:
            if each % 3:
                build(state, f"{each}.0", target)
            else:
                fail(
                    state,
                    f"{each}.0",
                    target,
                    evidence=f"a.c:{each}: fatal error: {target}.h: No such file",
                    seconds=each,
                )
    data = pages_of(state)["index.html"]
    assert data.count(b"<td") > 6 * project.RELEASES_A_PAGE
    assert len(gzip.compress(data)) < 60_000


def test_the_same_catalog_gives_the_same_bytes(state: ControllerState) -> None:
    build(state)
    fail(state, "2.0", ARMV7)
    assert pages_of(state) == pages_of(state)


def says(state: ControllerState) -> str:
    """The badge, as somebody hears it who does not see it."""
    picture = ET.fromstring(pages_of(state)["badge.svg"])
    assert picture.get("role") == "img"
    space = "{http://www.w3.org/2000/svg}"
    shown = [element.text for element in picture.iter(f"{space}text")]
    title = str(picture.findtext(f"{space}title"))
    assert title == ": ".join(map(str, shown))
    return title


def test_the_badge_says_what_can_be_installed_else_why_nothing_can(state: ControllerState) -> None:
    state.project("spam")
    assert says(state) == "wheelfleet: no wheel"
    state.want("spam", "1.0", need="now")
    assert says(state) == "wheelfleet: waiting to be built"
    fail(state, "0.9")
    assert says(state) == "wheelfleet: failed: missing-header"
    state.want("spam", "0.8", verdict="upstream", reason="upstream serves it")
    assert says(state) == "wheelfleet: 0.8 · PyPI"
    build(state, "1.1")
    build(state, "1.1", ARMV7)
    assert says(state) == "wheelfleet: 1.1 · aarch64, armv7l"


def test_a_badge_has_room_for_its_words_and_cuts_endless_ones(state: ControllerState) -> None:
    facts = facts_of(state, "spam") if state.project("spam") else None
    assert facts is not None
    narrow, wide, endless = (badge.svg(label, facts) for label in ("iiii", "mmmm", "x" * 500))
    widths = [int(str(ET.fromstring(each).get("width"))) for each in (narrow, wide, endless)]
    assert widths == sorted(set(widths))
    assert widths[-1] < 500


def test_the_page_has_the_markdown_of_its_badge(state: ControllerState) -> None:
    build(state)
    here = "https://wheels.example/project/spam"
    assert f"[![wheelfleet]({here}/badge.svg)]({here}/index.html)" in html_of(state)


def test_a_wheel_s_libraries_and_import_are_told_to_people_and_programs(state: ControllerState) -> None:
    state.wheel("spam", "1.0", "cp311-cp311-linux_aarch64", serves=[TARGET])
    repair = {"tool": "auditwheel 6", "outcome": "repaired", "platform": None, "vendored": ["libz.so.1"]}
    state.execute("UPDATE project SET pages_stale = 0")
    state.execute(
        "UPDATE wheel SET repaired = ?, apt_packages = ?, imports = 'failed', import_facts = ?",
        json.dumps({**repair, "message": HOSTILE}), '["libssl3"]', json.dumps({"modules": [], "message": HOSTILE}),
    )  # fmt: skip
    assert state.one("SELECT pages_stale FROM project") == 1, "the page is due"
    html = html_of(state)
    assert "carries libz.so.1" in html
    assert "apt install libssl3" in html
    assert "<script>alert" not in html
    assert "\x1b" not in html
    (file,) = json_of(state)["releases"]["1.0"]["files"]
    assert (file["repair"]["vendored"], file["apt"], file["check"]["verdict"]) == (["libz.so.1"], ["libssl3"], "failed")
    state.execute("UPDATE wheel SET imports = 'imported', import_facts = ?", '{"modules": ["spam"], "message": null}')
    assert "was imported where only its dependencies were installed" in html_of(state)


def test_packages_are_named_for_each_release_that_a_wheel_serves(state: ControllerState) -> None:
    """Built on Debian 12; on Debian 13 the same library has another package."""
    state.builder("old", TARGET, facts={"os": {"id": "debian", "version": "12"}})
    state.wheel("spam", "1.0", "cp311-abi3-manylinux_2_36_aarch64", serves=[TARGET, ARMV7])
    facts = json.dumps({"builder": {"os": {"id": "debian", "version": "12"}}})
    state.execute("UPDATE attempt SET built_with = ?", facts)
    state.execute("UPDATE wheel SET apt_packages = ?", '["libcups2", "libopenblas0"]')
    assert "needs of the system on Debian 12: apt install libcups2 libopenblas0" in html_of(state)
    state.builder("new", ARMV7, facts={"os": {"id": "raspbian", "version": "13"}})
    state.builder("other", TARGET, facts={"os": {"id": "fedora", "version": "42"}})
    said = "on Debian 12: apt install libcups2 libopenblas0; on Debian 13: apt install libcups2t64 libopenblas0"
    assert f"needs of the system {said}" in html_of(state)
    (file,) = json_of(state)["releases"]["1.0"]["files"]
    assert file["apt"] == ["libcups2", "libopenblas0"]
    assert file["apt_by_release"] == {
        "debian 12": ["libcups2", "libopenblas0"],
        "debian 13": ["libcups2t64", "libopenblas0"],
    }
    state.execute("UPDATE wheel SET apt_packages = ?", '["libopenblas0"]')
    assert "on Debian 12 and Debian 13: apt install libopenblas0" in html_of(state)


@pytest.mark.parametrize(
    ("tag", "libc", "says"),
    [
        ("linux_aarch64", "glibc>=2.38", "needs glibc 2.38 or newer, which its tag does not say"),
        ("linux_aarch64", "musl>=0.0", "works with musl alone, which its tag does not say"),
        ("linux_aarch64", "glibc>=2.4,<2.39", "glibc 2.4 or newer, and older than 2.39, which its tag does not say"),
        ("linux_aarch64", "glibc>=0.0,<2.39", "works with glibc older than 2.39, which its tag does not say"),
        ("manylinux_2_38_aarch64", "glibc>=2.38", None),
        ("linux_aarch64", None, None),
    ],
)
def test_a_page_warns_of_what_a_bare_tag_does_not_say(
    state: ControllerState, tag: str, libc: str | None, says: str | None
) -> None:
    state.wheel("spam", "1.0", f"cp311-cp311-{tag}", serves=[TARGET])
    state.execute("UPDATE wheel SET libc = ?", libc)
    html = html_of(state)
    assert says in html if says else "does not say" not in html
    assert json_of(state)["releases"]["1.0"]["files"][0].get("libc") == libc


def test_a_wheel_of_an_earlier_sdist_says_so_until_there_is_a_new_one(state: ControllerState) -> None:
    old = state.wheel("spam", "1.0")
    state.want("spam", "1.0")
    state.execute("UPDATE wheel SET sdist_filename = 'spam-1.0.tar.gz', sdist_sha256 = 'aa'")
    state.execute("UPDATE upstream_file SET sha256 = 'aa'")
    assert "earlier" not in html_of(state)
    state.execute("UPDATE project SET pages_stale = 0")
    state.execute("UPDATE upstream_file SET sha256 = 'bb'")
    assert state.one("SELECT pages_stale FROM project") == 1
    sentence = "The wheels of 1.0 were built from an earlier spam-1.0.tar.gz, which upstream has replaced since."
    said = json_of(state)
    assert said["notice"]["sentence"] == sentence
    assert [file["earlier_sdist"] for file in said["releases"]["1.0"]["files"]] == ["spam-1.0.tar.gz"]
    assert sentence in html_of(state)

    new = state.wheel("spam", "1.0", build="1")
    state.execute("UPDATE wheel SET sdist_filename = 'spam-1.0.tar.gz', sdist_sha256 = 'bb' WHERE filename = ?", new)
    said = json_of(state)
    assert "notice" not in said
    assert {file["filename"]: file.get("earlier_sdist") for file in said["releases"]["1.0"]["files"]} == {
        old: "spam-1.0.tar.gz", new: None,
    }  # fmt: skip
    assert "was built from an earlier spam-1.0.tar.gz, which upstream has replaced since" in html_of(state)


def published(state: ControllerState, path: str) -> str:
    """A file of the site as a publication makes it."""
    state.publish()
    return (state.site / "project" / path).read_text()


def test_what_metadata_says_stands_on_the_page_and_in_the_json(state: ControllerState) -> None:
    fields = {
        "License-Expression": "MIT",
        "Author": HOSTILE,
        "Project-URL": ["Source, https://code.invalid/?a=1&b=2", "Docs, javascript:alert(1)"],
    }
    state.wheel("spam", "1.0", requires_dist=["eggs>=2", "pytest; extra == 'test'"], fields=fields)
    html = published(state, "spam/index.html")
    about = html.partition('<dl class="card about">')[2].partition("</dl>")[0]
    assert '<a href="https://code.invalid/?a=1&amp;b=2" rel="nofollow">Source</a>' in about
    assert "MIT" in about
    assert "<script>" not in about
    assert "javascript:" not in about
    assert [attributes["href"] for _, attributes, _ in elements(about, "a")][1:] == ["../../search/index.html?q=eggs"]
    assert "pytest" not in about
    said = json.loads((state.site / "project/spam/json").read_text())["about"]
    assert said["license"] == "MIT"
    assert said["links"] == [{"label": "Source", "url": "https://code.invalid/?a=1&b=2"}]
    assert said["dependencies"] == [
        {"name": "eggs", "versions": ">=2"},
        {"name": "pytest", "marker": 'extra == "test"', "extra": True},
    ]


def test_a_dependency_shows_the_badge_of_its_page_where_it_has_one(state: ControllerState) -> None:
    state.wheel("spam", "1.0", requires_dist=["Built-Here>=1", "wanted", "unknown", "tzdata; sys_platform == 'win32'"])
    state.wheel("built-here", "1.0")
    state.want("wanted", "1.0")
    html = published(state, "spam/index.html")
    needs = html.partition('<ul class="needs">')[2].partition("</ul>")[0]
    assert [attributes["href"] for _, attributes, _ in elements(needs, "a")] == [
        "../../project/built-here/index.html", "../../project/wanted/index.html", "../../search/index.html?q=unknown",
    ]  # fmt: skip
    badges = [attributes["src"] for _, attributes, _ in elements(needs, "img")]
    assert badges == ["../../project/built-here/badge.svg", "../../project/wanted/badge.svg"]
    assert all((state.site / "project/spam" / badge).is_file() for badge in badges)
    assert "unknown</a>  <small>from PyPI; this fleet was not asked to build it" in needs
    said = json.loads((state.site / "project/spam/json").read_text())["about"]["dependencies"]
    assert [each.get("page") for each in said] == [
        "../../project/built-here/index.html", "../../project/wanted/index.html", None, None,
    ]  # fmt: skip


def test_what_becomes_of_a_dependency_makes_no_page_of_others(state: ControllerState) -> None:
    state.wheel("spam", "1.0", requires_dist=["eggs"])
    state.want("eggs", "1.0", need="now")
    state.publish()
    state.wheel("eggs", "1.0")
    changed = state.publish().changed
    assert "project/eggs/badge.svg" in changed
    assert "project/spam/index.html" not in changed


def test_many_dependencies_are_folded_away(state: ControllerState) -> None:
    state.wheel("spam", "1.0", requires_dist=[f"part{number}" for number in range(70)])
    about = published(state, "spam/index.html").partition('<dl class="card about">')[2].partition("</dl>")[0]
    assert "<summary>part0, part1, part2, part3, part4 and 65 more</summary>" in about
    assert about.count("<li>") == 61
    assert "and 10 more" in about


def test_a_wheel_that_says_nothing_gets_no_card(state: ControllerState) -> None:
    state.wheel("spam", "1.0")
    assert 'id="about"' not in published(state, "spam/index.html")


def test_downloads_of_30_days_end_with_the_last_day_that_had_one(state: ControllerState) -> None:
    state.wheel("spam", "1.0")
    for day, downloads in ((20_000, 7), (20_020, 5), (20_029, 3), (20_030, 0)):
        state.insert("use_day", name="spam", day=day, downloads=downloads)
    html = published(state, "spam/index.html")
    assert "15 in 30 days to 2024-11-02" in html
    lately = json.loads((state.site / "project/spam/json").read_text())["downloads_lately"]
    assert lately["until"] == "2024-11-02"
    assert lately["by_day"] == [7, *[0] * 19, 5, *[0] * 8, 3]
