"""What was asked for and could not be considered: kept by source, told in the summary, on the report page, in JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from packaging.utils import canonicalize_name
from wheelfleet.planner.scope import ScopeRule
from wheelfleet.planner.unconsidered import Unconsidered, read_unconsidered, replace_unconsidered
from wheelfleet.planner.unknown_projects import unknown_projects
from wheelfleet.site.run_summary import summary_lines

from tests.support.catalogs import ControllerState

LINE = Unconsidered("nosuchthing>=1", "requirements.txt:3", "requirement", "No project is called so.", "Correct it.")


def say(state: ControllerState, source: str, *found: Unconsidered) -> bool:
    with state.catalog.writing() as db:
        return replace_unconsidered(db, source, found)


def asked(state: ControllerState, *names: str, specifier: str = "") -> list[Unconsidered]:
    return unknown_projects(
        state.catalog.db, [ScopeRule(canonicalize_name(name), specifier, spelled=name) for name in names]
    )


def test_a_source_takes_back_its_own_entries_and_no_others(state: ControllerState) -> None:
    other = replace(LINE, what="other")
    assert say(state, "requirements", LINE, replace(LINE, what="second"))
    assert say(state, "packages", other)
    assert say(state, "requirements", LINE)
    assert read_unconsidered(state.catalog.db) == [other, LINE]
    assert not say(state, "requirements", LINE), "the same again is no change"
    assert say(state, "requirements")
    assert read_unconsidered(state.catalog.db) == [other]


def test_a_reason_that_programs_do_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="none of the codes"):
        replace(LINE, code="whatever")


def test_the_summary_the_report_page_and_its_json_tell_it(state: ControllerState) -> None:
    state.publish()
    say(state, "requirements", LINE)
    assert {"report/index.html", "report/report.json"} <= set(state.publish().changed)
    told = "Not considered: nosuchthing>=1 (requirements.txt:3): No project is called so. Correct it."
    assert told in summary_lines(state.catalog.db, "run1")
    page = (state.site / "report/index.html").read_text()
    assert "nosuchthing&gt;=1" in page and "requirements.txt:3" in page and "Correct it." in page
    report = json.loads((state.site / "report/report.json").read_text())
    assert report["not_considered"] == [LINE.as_data()]


def test_a_project_that_is_told_of_so_has_no_second_line_in_the_summary(state: ControllerState) -> None:
    state.project("no-such-thing", state="absent")
    say(state, "packages", *asked(state, "No_Such.Thing"))
    state.publish()
    lines = summary_lines(state.catalog.db, "run1")
    assert [line.split(":")[0] for line in lines] == ["Not on upstream 1.", "Not considered"]


def test_a_misspelt_project_is_told_with_the_known_one_that_is_nearest(state: ControllerState) -> None:
    state.wheel("RPi.GPIO", "0.7.1")
    state.project("rpi-gpoi", state="absent")
    (found,) = asked(state, "RPi.GPOI", "RPi.GPIO")
    assert (found.what, found.where, found.code) == ("RPi.GPOI", "controller_packages", "unknown-project")
    assert found.sentence == "Upstream knows no project of this name; do you mean rpi-gpio?"
    assert "controller_packages" in found.cure


def test_a_removed_project_is_told_and_an_unanswered_one_is_not(
    state: ControllerState,
) -> None:
    state.project("removed", state="deleted")
    state.project("not-read-yet", state="new")
    state.project("held-back", state="quarantined")
    (found,) = asked(state, "removed", "not-read-yet", "held-back", "never-seen")
    assert (found.what, found.code, found.sentence) == (
        "removed", "unknown-project", "Upstream has removed the project."
    )  # fmt: skip


def test_versions_that_no_release_has_are_told_with_the_newest_there_is(state: ControllerState) -> None:
    state.wheel("spidev", "3.6")
    state.wheel("spidev", "3.10")
    (found,) = asked(state, "spidev", specifier=">=99")
    assert (found.what, found.code) == ("spidev>=99", "no-release")
    assert found.sentence == "Upstream has no release that matches >=99; its newest is 3.10."
    assert not asked(state, "spidev", specifier=">3.6")
