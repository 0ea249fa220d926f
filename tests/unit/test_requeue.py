"""When failures go back to the queue: after growing waits, or because something changed that they depended on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.catalog.events import events
from wheelfleet.engine.run_builders import builders_of_run
from wheelfleet.planner import remedy_table, requeue
from wheelfleet.planner.builders import record_builders
from wheelfleet.planner.queue import progress
from wheelfleet.planner.recipes import read_recipes, record_recipes
from wheelfleet.planner.requeue import requeue_for_changes, requeue_for_recipes, requeue_for_remedies
from wheelfleet.planner.retries import WAITS

from tests.support.fleet_catalog import MAX_ATTEMPTS, NOW, Fleet
from tests.support.query_cost import steps

TERMS: dict[str, Any] = {"run": "run2", "now": NOW, "max_attempts": MAX_ATTEMPTS}


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    arrive(fleet, "arm1")
    return fleet


def arrive(
    fleet: Fleet,
    host: str,
    toolchain: Mapping[str, str] | None = None,
    packages: Sequence[str] | None = ("gcc",),
    join: bool = True,
    tools: Mapping[str, str] | None = None,
) -> int:
    """The host says in a run what it is; returns how many failures go back to the queue for it.

    With `join` it was provisioned on the way; without, it was ready when the run began, after provision.yml or apt.
    """
    target = {
        "name": "cp311",
        "python_version": "3.11",
        "implementation": "cpython",
        "platform": "linux",
        "tags": ["cp311-cp311-linux"],
        "tools": "/tools/python",
        "interpreter": "/usr/bin/python3",
    }
    report: dict[str, Any] = {"facts": {"slots": 1, "toolchain": dict(toolchain or {})}, "targets": [target]}
    if tools is not None:
        report["facts"]["interpreters"] = {"cp311": {"cflags": "-O2", "tools": dict(tools)}}
    if packages is not None:
        report["packages"] = list(packages)
    ready = {host: report} if join else builders_of_run([host], {host: {"builder_report": report}})["ready"]
    with fleet.catalog.writing() as db:
        news = record_builders(db, ready, NOW, join=join)
        return requeue_for_changes(db, news, **TERMS)


def fail(fleet: Fleet, name: str, failure: str, host: str = "arm1", **more: Any) -> int:
    release = fleet.queue(name, 11)
    held = fleet.claim(host)
    assert held is not None
    (attempt,) = (a for a in held.builds if a.name == name)
    fleet.finish(attempt.attempt, failure_class=failure, blocks="target", **more)
    assert fleet.needs(release) == {11: "none"}
    return release


@pytest.mark.parametrize("join", [True, False], ids=["provisioned on the way", "installed between two runs"])
def test_a_new_package_brings_back_what_lacked_one_and_says_so(fleet: Fleet, join: bool):
    lacking = fail(fleet, "demo", "missing-header")
    other = fail(fleet, "other", "python2-syntax")
    assert arrive(fleet, "arm1", packages=["gcc", "libfoo-dev"], join=join) == 1
    assert (fleet.needs(lacking), fleet.needs(other)) == ({11: "now"}, {11: "none"})
    (event,) = events(fleet.catalog.db)
    assert (event.host, event.sentence) == ("arm1", "1 failure goes back to the queue: the builder now has libfoo-dev.")
    assert arrive(fleet, "arm1", packages=["gcc", "libfoo-dev"]) == 0


def test_a_package_that_goes_brings_nothing_back(fleet: Fleet):
    fail(fleet, "demo", "missing-header")
    assert arrive(fleet, "arm1", packages=[]) == 0


def test_a_new_compiler_brings_back_what_it_may_compile(fleet: Fleet):
    compiled = fail(fleet, "demo", "compile-error")
    headers = fail(fleet, "other", "missing-header")
    assert arrive(fleet, "arm1", toolchain={"gcc": "gcc 14.2.0"}) == 1
    assert (fleet.needs(compiled), fleet.needs(headers)) == ({11: "now"}, {11: "none"})
    assert events(fleet.catalog.db)[0].sentence.endswith("the builder now has gcc 14.2.0.")


def test_renewed_tools_bring_back_what_they_may_have_caused(fleet: Fleet):
    arrive(fleet, "arm1", tools={"uv": "0.13.9", "auditwheel": "6.8.2"})
    refused = fail(fleet, "demo", "refused")
    other = fail(fleet, "other", "compile-error")
    assert arrive(fleet, "arm1", tools={"uv": "0.13.9", "auditwheel": "6.9.0"}) == 1
    assert (fleet.needs(refused), fleet.needs(other)) == ({11: "now"}, {11: "none"})
    assert events(fleet.catalog.db)[0].sentence.endswith("the builder now has auditwheel 6.9.0.")
    assert arrive(fleet, "arm2", tools={"uv": "0.13.9", "auditwheel": "6.9.0"}) == 0


def test_what_failed_with_these_tools_stays(fleet: Fleet):
    # What a wheelfleet reported that did not know of tools is no news.
    assert arrive(fleet, "arm1", tools={"uv": "0.13.9"}) == 0
    release = fail(fleet, "demo", "refused")
    with fleet.catalog.writing() as db:
        assert requeue_for_changes(db, [requeue.BuilderChange("arm1", "tools", ("uv 0.13.9",))], **TERMS) == 0
    assert fleet.needs(release) == {11: "none"}


def test_a_new_builder_brings_back_only_what_no_other_one_had(fleet: Fleet):
    lacking = fail(fleet, "demo", "missing-header")
    assert arrive(fleet, "arm2", packages=["gcc"]) == 0
    assert arrive(fleet, "arm3", packages=["gcc", "libfoo-dev"]) == 1
    assert fleet.needs(lacking) == {11: "now"}


def test_what_failed_with_the_package_there_stays(fleet: Fleet):
    arrive(fleet, "arm1", packages=["gcc", "libfoo-dev"])
    release = fail(fleet, "demo", "missing-header")
    with fleet.catalog.writing() as db:
        assert requeue_for_changes(db, [requeue.BuilderChange("arm1", "packages", ("libfoo-dev",))], **TERMS) == 0
    assert fleet.needs(release) == {11: "none"}


def test_a_builder_that_says_nothing_of_its_packages_changes_nothing(fleet: Fleet):
    fail(fleet, "demo", "missing-header")
    assert arrive(fleet, "arm1", packages=None) == 0
    assert arrive(fleet, "arm1", packages=["gcc"]) == 0


def test_another_recipe_brings_back_its_project_alone(fleet: Fleet, tmp_path: Path):
    release = fail(fleet, "demo", "unknown")
    other = fail(fleet, "other", "unknown")
    (tmp_path / "recipes").mkdir()
    recipe = tmp_path / "recipes" / "demo.yml"
    for text in ("reason: it needs X\nenvironment: {X: '1'}\n", "reason: it needs X\nenvironment: {X: '2'}\n"):
        recipe.write_text(text)
        with fleet.catalog.writing() as db:
            changed = record_recipes(db, read_recipes(recipe.parent))
            assert changed == ["demo"]
            assert requeue_for_recipes(db, changed, **TERMS) == 1
        assert (fleet.needs(release), fleet.needs(other)) == ({11: "now"}, {11: "none"})
        (a,) = fleet.claim("arm1", run=text).builds
        assert a.adjustments.environment["X"] in text
        fleet.finish(a.attempt, failure_class="unknown", blocks="target")
    with fleet.catalog.writing() as db:
        assert record_recipes(db, read_recipes(recipe.parent)) == []
    assert "the recipe of demo" in events(fleet.catalog.db)[0].sentence


def test_new_rules_of_remedies_bring_back_the_classes_they_are_for(fleet: Fleet, monkeypatch: pytest.MonkeyPatch):
    with fleet.catalog.writing() as db:
        requeue_for_remedies(db, **TERMS)
    linked = fail(fleet, "demo", "link-error")
    other = fail(fleet, "other", "unknown")
    with fleet.catalog.writing() as db:
        assert requeue_for_remedies(db, **TERMS) == 0
    new = remedy_table.Remedy("new", frozenset({"link-error"}), "Why.", lambda case: None)
    monkeypatch.setattr(remedy_table, "REMEDIES", (*remedy_table.REMEDIES, new))
    with fleet.catalog.writing() as db:
        assert requeue_for_remedies(db, **TERMS) == 1
        assert requeue_for_remedies(db, **TERMS) == 0
    assert (fleet.needs(linked), fleet.needs(other)) == ({11: "now"}, {11: "none"})


def test_a_remedy_that_the_operator_decides_on_brings_back_nothing_itself(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
):
    others = tuple(remedy for remedy in remedy_table.REMEDIES if remedy.name != remedy_table.ADOPTED)
    with monkeypatch.context() as older, fleet.catalog.writing() as db:
        older.setattr(remedy_table, "REMEDIES", others)
        requeue_for_remedies(db, **TERMS)
    release = fail(fleet, "demo", "undeclared-build-requirement")
    with fleet.catalog.writing() as db:
        assert requeue_for_remedies(db, **TERMS) == 0
    assert fleet.needs(release) == {11: "none"}


def test_a_run_without_changes_costs_the_same_for_few_and_many_failures(fleet: Fleet):
    with fleet.catalog.writing() as db:
        requeue_for_remedies(db, **TERMS)

    def cost() -> int:
        def again() -> None:
            arrive(fleet, "arm1")
            with fleet.catalog.writing() as db:
                requeue_for_recipes(db, record_recipes(db, {}), **TERMS)
                requeue_for_remedies(db, **TERMS)

        return steps(fleet.catalog.db, again)

    fail(fleet, "first", "missing-header")
    few = cost()
    for number in range(60):
        fail(fleet, f"p{number}", "missing-header")
    assert cost() <= few + 50


def test_what_comes_back_costs_by_what_comes_back_and_not_by_all_failures(fleet: Fleet):
    fail(fleet, "demo", "missing-header")

    def cost(package: str) -> int:
        return steps(fleet.catalog.db, lambda: arrive(fleet, "arm1", packages=["gcc", package]))

    few = cost("liba-dev")
    for number in range(60):
        fail(fleet, f"p{number}", "unknown")
    fail(fleet, "demo2", "missing-header")
    assert cost("libb-dev") < 3 * few


def test_bad_luck_waits_longer_and_longer_over_runs(fleet: Fleet):
    fleet.queue("demo", 11)
    now = NOW
    for failed, wait in enumerate(WAITS[: MAX_ATTEMPTS - 1], 1):
        held = fleet.claim("arm1", run=f"run{failed}", now=now)
        assert held is not None
        fleet.finish(held.builds[0].attempt, blocks=None, now=now)
        if wait:
            assert fleet.claim("arm1", run=f"early{failed}", now=now + wait - 1) is None
            assert progress(fleet.catalog, f"early{failed}", now + wait - 1).left == 0
        now += wait + 1
    assert fleet.claim("arm1", run="last", now=now) is not None


def test_within_a_long_run_what_waited_long_enough_is_tried_again(fleet: Fleet):
    fleet.queue("demo", 11)
    for run in ("run1", "run2"):
        fleet.finish(fleet.claim("arm1", run=run).builds[0].attempt, blocks=None)
    assert fleet.claim("arm1", run="run2", now=NOW + 299) is None
    assert fleet.claim("arm1", run="run2", now=NOW + 301) is not None


def test_a_network_failure_is_tried_at_once_by_another_builder(fleet: Fleet):
    arrive(fleet, "arm2")
    fleet.queue("demo", 11)
    fleet.finish(fleet.claim("arm1").builds[0].attempt, failure_class="network")
    assert fleet.claim("arm1") is None
    (a,) = fleet.claim("arm2").builds
    assert (a.name, a.alone) == ("demo", False)


def test_a_failure_keeps_what_it_depended_on(fleet: Fleet):
    fail(fleet, "demo", "missing-header")
    depended = json.loads(fleet.catalog.db.execute("SELECT depended_on FROM attempt").fetchone()[0])
    assert depended.keys() == {"toolchain", "packages", "tools", "recipe", "remedies"}
