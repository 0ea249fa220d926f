"""Which targets our own wheels settle, in the catalog: every one that can install them, and no other."""

from __future__ import annotations

import json

import pytest
from packaging.tags import compatible_tags, cpython_tags
from packaging.version import Version
from wheelfleet.catalog.database import Catalog
from wheelfleet.catalog.priorities import FIRST
from wheelfleet.control import orders
from wheelfleet.planner.carry_out import carry_out
from wheelfleet.planner.judge import Target
from wheelfleet.planner.scope import Policy, ScopeRule
from wheelfleet.planner.verdicts import judge_project

from tests.support.catalogs import insert

PLATFORMS = ("manylinux_2_17_x86_64", "linux_x86_64")
NOW = 1_800_000_000.0


def cpython(minor: int) -> Target:
    tags = [
        *cpython_tags((3, minor), abis=[f"cp3{minor}"], platforms=PLATFORMS),
        *compatible_tags((3, minor), f"cp3{minor}", PLATFORMS),
    ]
    return Target(minor, f"cp3{minor}", Version(f"3.{minor}.1"), frozenset(map(str, tags)), minor)


def pypy() -> Target:
    tags = ["pp39-pypy39_pp73-linux_x86_64", *map(str, compatible_tags((3, 9), "pp39", PLATFORMS))]
    return Target(39, "pp39", Version("3.9.16"), frozenset(tags), 39)


TARGETS = [cpython(9), cpython(11), cpython(13), pypy()]


def catalog_with(tag: str, requires_python: str | None = None) -> Catalog:
    """demo 1.0 is in scope on all targets, and we have built a wheel of it with the tag."""
    catalog = Catalog(":memory:")
    with catalog.writing() as db:
        for target in TARGETS:
            tags = json.dumps(sorted(target.tags))
            insert(
                db,
                "target",
                id=target.id,
                name=target.name,
                python_version=str(target.python_version),
                implementation="",
                platform="",
                preference=target.preference,
                tags=tags,
            )
        insert(db, "builder", host="pi", facts="{}", seen_at=0)
        db.executemany("INSERT INTO builder_target VALUES ('pi', ?, '', '')", [(target.id,) for target in TARGETS])
        insert(db, "project", id=1, name="demo", display_name="demo", in_scope=1)
        insert(db, "release", id=1, project_id=1, version="1.0")
        insert(db, "upstream_file", release_id=1, filename="demo-1.0.tar.gz", kind="sdist", url="/")
        insert(db, "batch", id="b", host="pi", run="r", claimed_at=0, lease_until=0, state="done")
        insert(
            db,
            "attempt",
            id="a",
            batch_id="b",
            run="r",
            host="pi",
            release_id=1,
            target_id=9,
            sdist_filename="demo-1.0.tar.gz",
            predicted_seconds=1,
            state="done",
            outcome="built",
            claimed_at=0,
        )
        insert(
            db,
            "wheel",
            id=1,
            release_id=1,
            attempt_id="a",
            filename=f"demo-1.0-{tag}.whl",
            sha256="",
            size=1,
            metadata_sha256="",
            requires_python=requires_python,
            tags=json.dumps([tag]),
            added_at=0,
        )
    return catalog


@pytest.mark.parametrize(
    ("tag", "requires_python", "settled"),
    [
        ("py3-none-any", None, {9, 11, 13, 39}),
        ("py3-none-any", ">=3.10", {11, 13}),
        ("cp39-abi3-linux_x86_64", None, {9, 11, 13}),
        ("cp311-abi3-linux_x86_64", None, {11, 13}),
        ("cp311-none-linux_x86_64", None, {11}),
        ("cp39-cp39-linux_x86_64", None, {9}),
        ("py3-none-linux_x86_64", None, {9, 11, 13, 39}),
        ("py3-none-linux_armv7l", None, set()),
    ],
)
def test_a_wheel_settles_every_target_that_can_install_it(tag: str, requires_python: str | None, settled: set[int]):
    with catalog_with(tag, requires_python) as catalog:
        with catalog.writing() as db:
            judge_project(db, 1, [ScopeRule("demo")], TARGETS, Policy(), NOW)  # type: ignore[arg-type]
        rows = catalog.db.execute("SELECT target_id, need FROM release_target").fetchall()
        assert {row["target_id"] for row in rows if row["need"] == "none"} == settled
        assert {row["target_id"] for row in rows} == {9, 11, 13, 39}


def test_judging_again_with_nothing_new_changes_nothing():
    with catalog_with("cp39-cp39-linux_x86_64") as catalog, catalog.writing() as db:
        assert judge_project(db, 1, [ScopeRule("demo")], TARGETS, Policy(), NOW)  # type: ignore[arg-type]
        assert not judge_project(db, 1, [ScopeRule("demo")], TARGETS, Policy(), NOW)  # type: ignore[arg-type]


def test_what_leaves_the_scope_leaves_the_queue():
    with catalog_with("cp39-cp39-linux_x86_64") as catalog, catalog.writing() as db:
        judge_project(db, 1, [ScopeRule("demo")], TARGETS, Policy(), NOW)  # type: ignore[arg-type]
        assert judge_project(db, 1, [], TARGETS, Policy(), NOW)
        assert db.execute("SELECT count(*) FROM release_target").fetchone()[0] == 0


def test_what_is_put_first_is_so_again_when_a_builder_that_was_off_returns():
    with catalog_with("cp39-cp39-linux_x86_64") as catalog:

        def judge(*targets: Target) -> None:
            with catalog.writing() as db:
                judge_project(db, 1, [ScopeRule("demo")], targets, Policy(), NOW)

        judge(*TARGETS)
        orders.order(catalog, who="ada", verb="first", noun="project", subject="demo", now=NOW)
        carry_out(catalog, NOW)
        judge(cpython(9), cpython(11))
        judge(*TARGETS)
        rows = catalog.db.execute("SELECT target_id, priority FROM release_target WHERE need <> 'none'").fetchall()
        assert {(row["target_id"], row["priority"]) for row in rows} == {(each, FIRST) for each in (11, 13, 39)}
