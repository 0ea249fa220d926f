"""Recipes: what they say is checked, and becomes what a build differs in."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from wheelfleet.contract.adjustments import RECIPE_KEYS, Patch
from wheelfleet.planner.recipes import BadRecipe, Recipe, read_recipes, record_recipes
from wheelfleet.planner.scope import Policy

from tests.support.fleet_catalog import Fleet

CHECKOUT = Path(__file__).parents[2]

WHOLE = """
reason: It is old.
environment: {WITH_X: 1, FLAG: "yes"}
apt: [libfoo-dev, swig]
constraints: ["setuptools<58"]
requires: [numpy]
patches: [fix.patch]
config_settings: {setup-args: -Dx=1}
jobs: 1
memory: 2 GiB
time: 90 min
cases:
  - versions: "<2"
    constraints: ["Cython<3"]
  - target: armv6l
    skip: It needs more memory than a Pi Zero has.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fix.patch").write_text("--- a/x\n+++ b/x\n")
    return tmp_path


def test_a_recipe_says_what_differs_for_which_releases_and_targets(folder: Path):
    (folder / "Demo_Project.yml").write_text(WHOLE)
    recipe = read_recipes(folder)["demo-project"]
    change, apt = recipe.for_build("1.9", "cp311-cp311-linux_armv7l") or (None, None)
    assert change is not None
    assert change.constraints == ("setuptools<58", "Cython<3")
    assert (change.requires, change.jobs, change.seconds, change.memory) == (("numpy",), 1, 5400, 2 << 30)
    assert change.environment == {"WITH_X": "1", "FLAG": "yes"}
    assert change.patches == (Patch("fix.patch", "--- a/x\n+++ b/x\n"),)
    assert apt == ("libfoo-dev", "swig")
    newer = recipe.for_build("2.0", "cp311-cp311-linux_armv7l")
    assert newer is not None
    assert newer[0].constraints == ("setuptools<58",)
    assert Recipe.from_data(json.loads(json.dumps(recipe.as_data()))) == recipe


def test_a_recipe_that_skips_is_an_entry_of_the_skip_list(folder: Path):
    (folder / "demo.yml").write_text(WHOLE)
    skips = read_recipes(folder)["demo"].skips()
    (skip,) = Policy.from_data({"skip": skips}).skip
    assert (skip.name, skip.target, skip.reason) == ("demo", "armv6l", "It needs more memory than a Pi Zero has.")


def test_no_folder_is_no_recipe(tmp_path: Path):
    assert read_recipes(tmp_path / "none") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "must be a mapping"),
        ("a: [", "cannot be read"),
        ("environment: {A: b}", "reason is missing"),
        ("reason: x\nenv: {A: b}", "env is no key of a recipe; there are apt, config_settings"),
        ("reason: x\nenvironment: [A]", "environment is ['A']; write a mapping"),
        ("reason: x\nenvironment: {A-B: c}", "names the variable 'A-B'"),
        ("reason: x\nconstraints: setuptools", "constraints is 'setuptools'; write a list"),
        ("reason: x\nconstraints: ['setuptools < <']", "which is no requirement"),
        ("reason: x\nrequires: ['a @ file:///x']", "builds get nothing but what the index has"),
        ("reason: x\napt: ['Lib Foo']", "no name of a package"),
        ("reason: x\npatches: [../x.patch]", "a patch is a file beside the recipe"),
        ("reason: x\npatches: [gone.patch]", "names gone.patch, which cannot be read"),
        ("reason: x\njobs: 0", "jobs is 0; write how many"),
        ("reason: x\nmemory: much", "memory is 'much'; write it like '2 GiB'"),
        ("reason: x\ntime: 3 days", "time is '3 days'; write it like '90 min'"),
        ("reason: x\nversions: <2", "versions belongs into an entry of cases"),
        ("reason: x\ncases: [{jobs: 1}]", "cases, entry 1 needs versions"),
        ("reason: x\ncases: [{versions: two, jobs: 1}]", "cases, entry 1, versions is 'two'"),
        ("reason: x\nskip: true", "skip is True; write some text"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_file_the_key_and_the_cure(folder: Path, text: str, said: str):
    (folder / "demo.yml").write_text(text)
    with pytest.raises(BadRecipe) as caught:
        read_recipes(folder)
    message = str(caught.value)
    assert message.startswith("demo.yml")
    assert said in message
    assert message.endswith(".")
    assert "\n" not in message


def test_two_recipes_for_one_project_are_a_mistake(folder: Path):
    for name in ("a-b.yml", "A_B.yaml"):
        (folder / name).write_text("reason: x\njobs: 1\n")
    with pytest.raises(BadRecipe, match="another recipe for a-b"):
        read_recipes(folder)


def test_a_build_by_a_recipe_differs_as_it_says(fleet: Fleet, folder: Path):
    fleet.builder("pi1", 11)
    (folder / "demo.yml").write_text("reason: It needs X.\nenvironment: {X: '1'}\n")
    with fleet.catalog.writing() as db:
        record_recipes(db, read_recipes(folder))
    fleet.queue("demo", 11)
    (a,) = fleet.claim().builds
    assert a.adjustments.environment == {"X": "1"}
    fleet.finish(a.attempt, failure_class="removed-api", blocks="target", evidence="use_2to3")
    (b,) = fleet.claim().builds
    assert (b.adjustments.environment, b.adjustments.constraints) == ({"X": "1"}, ("setuptools<58",))


@pytest.mark.parametrize(
    ("packages", "advice"),
    [
        (
            ["apt", "gcc"],
            "Install libyaml-dev on the builder, as the project's recipe says (apt-get install libyaml-dev).",
        ),
        (["apt", "gcc", "libyaml-dev"], None),
        (
            ["dnf", "gcc"],
            "The project's recipe says that it needs libyaml-dev, as Debian calls them; install on the builder what "
            "has the same there.",
        ),
    ],
    ids=["missing", "there", "without apt"],
)
def test_what_a_recipe_needs_is_said_as_the_builder_calls_it(
    fleet: Fleet, folder: Path, packages: list[str], advice: str | None
):
    fleet.builder("pi1", 11)
    (folder / "demo.yml").write_text("reason: It needs YAML.\napt: [libyaml-dev]\n")
    with fleet.catalog.writing() as db:
        record_recipes(db, read_recipes(folder))
        db.execute("UPDATE builder SET packages = ?", (json.dumps(packages),))
    fleet.queue("demo", 11)
    (a,) = fleet.claim().builds
    fleet.finish(a.attempt, failure_class="missing-header", blocks="target", subject="yaml.h", missing_kind="header")
    assert fleet.catalog.db.execute("SELECT advice FROM attempt").fetchone()[0] == advice


def test_the_recipes_that_come_with_wheelfleet_can_be_read():
    for recipe in read_recipes(CHECKOUT / "recipes").values():
        assert recipe.reason.endswith(".")


def test_the_page_about_recipes_has_every_key() -> None:
    page = (CHECKOUT / "docs/how-to/recipes.md").read_text()
    assert [key for key in RECIPE_KEYS if not re.search(rf"^    {key}: ", page, re.MULTILINE)] == []
