"""Under which name a wheel is published: other bytes never get a name that was given, and nothing is built in vain."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from wheelfleet.catalog.release_targets import settle
from wheelfleet.engine.audit import Audit
from wheelfleet.failure_classes import FAILURE_CLASSES
from wheelfleet.planner import batches
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.planner.outcome import ALONE, Outcome, record_outcome
from wheelfleet.planner.queue import retry_failures
from wheelfleet.planner.rejudge import judge_again
from wheelfleet.planner.work_to_return import settled_meanwhile
from wheelfleet.site.html import provenance

from tests.support.artifacts import Artifact
from tests.support.catalogs import insert
from tests.support.controller import NOW, TAGS, Controller
from tests.support.raw_wheels import check
from tests.support.wheels import wheel_file

DAY = 86400.0


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    controller = Controller(tmp_path)
    yield controller
    controller.catalog.close()


def wheel(answer: int, tag: str = "py3-none-any", **how: str) -> Artifact:
    return wheel_file("demo", "1.0", tag, files={"demo.py": f"answer = {answer}\n"}, **how)


def lose(controller: Controller) -> None:
    """What `playbooks/publish.yml -e site_repair=true` does when a wheel's bytes are lost everywhere."""
    for file in controller.storage.files.rglob("*.whl"):
        file.unlink()
    audit = Audit(
        controller.catalog, controller.storage.files, controller.storage.logs, controller.staging, repair=True
    )
    assert "lost" in [finding.kind for finding in audit.run()]
    settle_all(controller)


def settle_all(controller: Controller) -> None:
    with controller.catalog.writing() as db:
        settle(db, 1, 5)


def rebuild(controller: Controller, artifact: Artifact, run: str, host: str = "pi1") -> str:
    """The wheel is built once more; returns the name it is published by."""
    sent = controller.send(artifact, host=host, answering=controller.claim(host, run))
    assert sent.outcome == "built", sent
    assert controller.one("SELECT need FROM release_target") == "none"
    return sent.wheel


def published(controller: Controller) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in controller.storage.files.rglob("*.whl")}


def test_a_lost_wheel_built_again_with_other_bytes_gets_the_next_build_tag(
    controller: Controller, tmp_path: Path
) -> None:
    controller.send(wheel(1))
    lose(controller)
    assert rebuild(controller, wheel(2), "run2") == "demo-1.0-1-py3-none-any.whl"
    lose(controller)
    assert rebuild(controller, wheel(3), "run3") == "demo-1.0-2-py3-none-any.whl"
    ((name, data),) = published(controller).items()
    assert check(tmp_path, data, name).build == "2", "in WHEEL too, and RECORD agrees"


def test_a_lost_wheel_built_again_with_the_same_bytes_has_its_name_back(controller: Controller) -> None:
    controller.send(wheel(1))
    lose(controller)
    assert rebuild(controller, wheel(1), "run2") == wheel(1).filename
    lose(controller)
    tagged = rebuild(controller, wheel(2), "run3")
    lose(controller)
    assert rebuild(controller, wheel(2), "run4") == tagged, "packed again it has the same bytes again"


def test_a_requested_rebuild_gets_a_build_number_above_the_listed_one(
    controller: Controller,
) -> None:
    controller.send(wheel(1))
    with controller.catalog.writing() as db:
        assert retry_failures(db, ["demo"], 5) == 1
    assert controller.one("SELECT need FROM release_target") == "now"
    rebuild(controller, wheel(2), "run2")
    lose_one = controller.storage.files / "demo" / wheel(1).filename
    assert lose_one.read_bytes() == wheel(1).data, "who locked it still gets it"
    with controller.catalog.writing() as db:
        retry_failures(db, ["demo"], 5)
    newest = rebuild(controller, wheel(1), "run3")
    assert newest == "demo-1.0-2-py3-none-any.whl", "installers would else go on taking build 1"
    assert len(published(controller)) == 3


def test_a_requested_rebuild_with_the_same_bytes_is_done(controller: Controller) -> None:
    controller.send(wheel(1))
    for run in ("run2", "run3"):
        with controller.catalog.writing() as db:
            assert retry_failures(db, ["demo"], 5) == 1
        assert rebuild(controller, wheel(1), run) == wheel(1).filename
        said = controller.one(f"SELECT sentence FROM event WHERE run = '{run}'")
        assert said == "The requested rebuild of demo-1.0-py3-none-any.whl gave the same bytes, so it stays."
    assert list(published(controller)) == [wheel(1).filename]


def test_of_a_project_with_failures_only_these_are_tried_again(controller: Controller) -> None:
    controller.send(None, stopped_by="timeout", message="It took too long.")
    with controller.catalog.writing() as db:
        assert retry_failures(db, ["demo"], 5) == 1
        assert retry_failures(db, ["all"], 5) == 0, "all failures, and not all that is built"


def test_a_name_stays_given_when_the_release_was_removed(controller: Controller) -> None:
    controller.send(wheel(1))
    with controller.catalog.writing() as db:
        db.execute("DELETE FROM wheel_target")
        db.execute("UPDATE wheel SET removed_at = ?", (NOW,))
        settle(db, 1, 5)
    assert rebuild(controller, wheel(2), "run2") == "demo-1.0-1-py3-none-any.whl"


def test_a_restored_catalog_gives_no_name_again_that_it_does_not_know(controller: Controller) -> None:
    stray = controller.storage.files / "demo" / wheel(1).filename
    stray.parent.mkdir(parents=True)
    stray.write_bytes(wheel(1).data)
    assert controller.send(wheel(2)).wheel == "demo-1.0-1-py3-none-any.whl"
    assert stray.read_bytes() == wheel(1).data
    audit = Audit(
        controller.catalog, controller.storage.files, controller.storage.logs, controller.staging, repair=True
    )
    assert "stray-file" in [finding.kind for finding in audit.run()]
    lose(controller)
    assert rebuild(controller, wheel(3), "run2") == "demo-1.0-2-py3-none-any.whl"


def test_a_build_tag_of_the_projects_own_is_counted_on_from(controller: Controller) -> None:
    assert controller.send(wheel(1, build="7")).wheel == "demo-1.0-7-py3-none-any.whl"
    lose(controller)
    assert rebuild(controller, wheel(2, build="7"), "run2") == "demo-1.0-8-py3-none-any.whl"


@pytest.mark.parametrize(
    "theirs", ["demo-1.0-py3-none-any.whl", "Demo-1.0-py3-none-any.whl"], ids=["the same", "spelled otherwise"]
)
def test_a_wheel_named_as_upstreams_gets_a_build_tag_of_the_fleets(controller: Controller, theirs: str) -> None:
    upstream_has(controller, theirs)
    sent = controller.send(wheel(1))
    assert (sent.outcome, sent.wheel) == ("built", "demo-1.0-1-py3-none-any.whl")
    assert controller.one("SELECT need FROM release_target") == "none"


def test_upstreams_pure_wheel_for_other_pythons_is_not_shadowed_for_them(
    controller: Controller, tmp_path: Path
) -> None:
    upstream_has(controller, "demo-1.0-py2.py3-none-any.whl", yanked=None, requires_python=">=3.13")
    assert controller.send(wheel(1)).wheel == "demo-1.0-1-cp311-none-any.whl"
    ((name, data),) = published(controller).items()
    assert check(tmp_path, data, name, target_tags=["cp311-none-any"]).tags == ["cp311-none-any"]
    lose(controller)
    assert rebuild(controller, wheel(2), "run2") == "demo-1.0-2-cp311-none-any.whl"


def test_other_tags_are_no_names_to_keep_clear_of(controller: Controller) -> None:
    upstream_has(controller, "demo-1.0-cp39-cp39-win_amd64.whl")
    assert controller.send(wheel(1)).wheel == wheel(1).filename


def upstream_has(
    controller: Controller, filename: str, *, yanked: str | None = "broken", requires_python: str | None = None
) -> None:
    with controller.catalog.writing() as db:
        insert(
            db,
            "upstream_file",
            release_id=1,
            filename=filename,
            kind="wheel",
            url="/",
            yanked=yanked,
            requires_python=requires_python,
        )


def test_the_provenance_of_a_renamed_wheel_says_what_the_builder_sent(controller: Controller) -> None:
    upstream_has(controller, wheel(1).filename)
    controller.send(wheel(1))
    said = json.loads(provenance.document(controller.catalog.db, controller.one("SELECT id FROM wheel")))
    assert said["built_as"] == {"filename": wheel(1).filename, "sha256": wheel(1).sha256}
    assert said["file"]["filename"] == "demo-1.0-1-py3-none-any.whl"
    assert said["file"]["sha256"] != wheel(1).sha256


# --------------------------------------------------------------------------------- two targets, one file name


def test_a_build_whose_work_was_done_meanwhile_is_nobodys_failure(controller: Controller) -> None:
    controller.state.target("cp311-newer", python_version="3.11.9", preference=2, tags=TAGS)
    controller.state.builder("pi2", "cp311-newer")
    with controller.catalog.writing() as db:
        insert(db, "release_target", release_id=1, target_id=2, verdict="build", reason="", sdist_id=1, need="now")
        db.execute("DELETE FROM builder_target WHERE host = 'pi2' AND target_id = 1")
    other = controller.claim("pi2")
    assert controller.send(wheel(1)).outcome == "built"
    assert controller.one("SELECT count(*) FROM release_target WHERE need <> 'none'") == 0
    assert settled_meanwhile(controller.catalog, "pi2") == [other], "withdrawn, if it has not begun"
    sent = controller.send(wheel(2), host="pi2", answering=other)
    assert (sent.outcome, sent.sentence) == ("dropped", "its work was done meanwhile")
    row = controller.catalog.db.execute("SELECT * FROM attempt WHERE id = ?", (other,)).fetchone()
    assert (row["state"], row["outcome"], row["failure_class"]) == ("done", "built", None)
    assert controller.one("SELECT failures FROM builder WHERE host = 'pi2'") == 0
    assert published(controller) == {wheel(1).filename: wheel(1).data}


def test_a_failure_that_comes_after_anothers_wheel_is_nobodys_failure(controller: Controller) -> None:
    """The target has its wheel, so neither the project's page nor the builder's record says that it failed."""
    controller.state.target("cp311-newer", python_version="3.11.9", preference=2, tags=TAGS)
    controller.state.builder("pi2", "cp311-newer")
    with controller.catalog.writing() as db:
        insert(db, "release_target", release_id=1, target_id=2, verdict="build", reason="", sdist_id=1, need="now")
        db.execute("DELETE FROM builder_target WHERE host = 'pi2' AND target_id = 1")
    other = controller.claim("pi2")
    controller.send(wheel(1))
    assert controller.send(host="pi2", answering=other).outcome == "failed"
    assert controller.one("SELECT failures FROM builder WHERE host = 'pi2'") == 0
    controller.state.publish()
    assert controller.one("SELECT group_concat(DISTINCT status) FROM site_release") == "built"


# ------------------------------------------------------------------------------ an sdist replaced under its name


def replace_sdist(controller: Controller, sha256: str | None) -> None:
    with controller.catalog.writing() as db:
        db.execute("UPDATE upstream_file SET sha256 = ?", (sha256,))
        settle(db, 1, 5)


def test_a_wheel_of_a_replaced_sdist_is_built_again_under_another_name(
    controller: Controller,
) -> None:
    controller.send(wheel(1))
    replace_sdist(controller, "bb")
    assert controller.one("SELECT need FROM release_target") == "now"
    assert rebuild(controller, wheel(2), "run2") == "demo-1.0-1-py3-none-any.whl"
    replace_sdist(controller, "aa")
    assert controller.one("SELECT need FROM release_target") == "none", "a wheel of that one is there"


def test_a_replaced_sdist_that_gives_the_same_bytes_is_built_once(controller: Controller) -> None:
    controller.send(wheel(1))
    replace_sdist(controller, "bb")
    assert rebuild(controller, wheel(1), "run2") == wheel(1).filename


@pytest.mark.parametrize("sha256", [None, "aa"])
def test_an_sdist_of_which_upstream_tells_no_other_hash_is_not_replaced(
    controller: Controller, sha256: str | None
) -> None:
    controller.send(wheel(1))
    replace_sdist(controller, sha256)
    assert controller.one("SELECT need FROM release_target") == "none"


# ------------------------------------------------------------------------------------- nothing is built in vain

POLICY = {
    "prereleases": "if-only",
    "yanked": False,
    "build": "missing",
    "cooldown_hours": 0,
    "skip": [],
    "max_attempts": 5,
}


def remember_inputs(controller: Controller) -> None:
    with controller.catalog.writing() as db:
        PlanInputs(["demo"], [], False, "1", POLICY).remember(db)


def verdict(controller: Controller) -> tuple[str, str, str]:
    return tuple(
        controller.catalog.db.execute(
            "SELECT verdict, reason, need FROM release_target WHERE release_id = 1"
        ).fetchone()
    )


def test_a_wheel_for_no_python_of_the_fleet_passes_the_release_over(controller: Controller) -> None:
    remember_inputs(controller)
    with controller.catalog.writing() as db:
        insert(db, "release", id=2, project_id=1, version="0.9")
        insert(db, "upstream_file", release_id=2, filename="demo-0.9.tar.gz", kind="sdist", url="/", sha256="cc")
    sent = controller.send(wheel(1, requires_python=">=3.99"))
    assert (sent.outcome, sent.failure_class) == ("refused", "other-python")
    assert verdict(controller) == ("passed", "needs Python >=3.99, the target has 3.11.2", "none")
    assert published(controller) == {}
    assert controller.one("SELECT failures FROM builder WHERE host = 'pi1'") == 0, "it did nothing wrong"
    assert controller.one("SELECT need FROM release_target WHERE release_id = 2") == "now", (
        "as pip, the release before it"
    )


def test_what_a_builder_reads_in_the_sdist_settles_the_target(controller: Controller) -> None:
    remember_inputs(controller)
    sent = controller.send(None, reason="other-python", about=">=3.99", phase="unpack", message="It asks for another.")
    assert (sent.outcome, sent.failure_class) == ("failed", "other-python")
    assert verdict(controller) == ("passed", "needs Python >=3.99, the target has 3.11.2", "none")
    assert controller.one("SELECT failures FROM builder WHERE host = 'pi1'") == 0


def test_what_a_build_told_of_pythons_counts_for_its_sdist_alone(controller: Controller) -> None:
    remember_inputs(controller)
    controller.send(wheel(1, requires_python=">=3.99"))
    for sha256, now in (("bb", ("build", "now")), ("aa", ("passed", "none"))):
        with controller.catalog.writing() as db:
            db.execute("UPDATE upstream_file SET sha256 = ?", (sha256,))
            judge_again(db, 1, NOW)
        said = verdict(controller)
        assert (said[0], said[2]) == now


def test_a_wheel_for_another_python_of_the_fleet_settles_both(controller: Controller) -> None:
    remember_inputs(controller)
    controller.state.target("cp313", python_version="3.13.1", preference=2, tags=["py3-none-any"])
    controller.state.builder("pi2", "cp313")
    sent = controller.send(wheel(1, requires_python=">=3.12"))
    assert sent.outcome == "built"
    rows = controller.catalog.db.execute(
        "SELECT target_id, verdict, need FROM release_target ORDER BY target_id"
    ).fetchall()
    assert [tuple(row) for row in rows] == [(1, "passed", "none"), (2, "build", "none")]


IN_VAIN = {
    "another Python": wheel(1, requires_python=">=3.99"),
    "another ABI": wheel(1, "cp39-cp39-linux_x86_64"),
    "another machine": wheel(1, "py3-none-linux_armv7l"),
    "a newer libc": wheel(1, "cp311-cp311-manylinux_2_99_x86_64"),
    "another project": wheel_file("other", "1.0"),
    "another version": wheel_file("demo", "2.0"),
    "damaged": wheel_file("demo", "1.0", flaws=("wrong-crc",)),
    "no wheel": None,
    "good": wheel(1),
}


@pytest.mark.parametrize("what", IN_VAIN)
def test_whatever_a_build_gives_is_not_asked_for_again_meanwhile(controller: Controller, what: str) -> None:
    remember_inputs(controller)
    sent = IN_VAIN[what]
    controller.send(sent, wheels=named(sent))
    for day in range(1, 5):
        assert batches.claim(controller.catalog, host="pi1", run=f"day{day}", now=NOW + day * DAY) is None
        with controller.catalog.writing() as db:
            judge_again(db, 1, NOW + day * DAY)


def test_what_serves_no_target_is_settled_before_anything_is_planned_again(controller: Controller) -> None:
    controller.send(wheel(1, requires_python=">=3.99"))
    assert verdict(controller) == ("build", "", "none")
    assert batches.claim(controller.catalog, host="pi1", run="run2", now=NOW + DAY) is None


def named(sent: Artifact | None) -> list[dict[str, str]]:
    return [{"filename": sent.filename}] if sent else []


@pytest.mark.parametrize(
    ("failure", "alone"), [*((name, False) for name in FAILURE_CLASSES), *((name, True) for name in sorted(ALONE))]
)
def test_every_failure_ends_after_some_tries_for_ever(controller: Controller, failure: str, alone: bool) -> None:
    blocks = FAILURE_CLASSES[failure].blocks
    attempt, tried = controller.attempt, 0
    for day in range(1, 60):
        with controller.catalog.writing() as db:
            db.execute("UPDATE attempt SET alone = ?, begun_at = ? WHERE id = ?", (alone, NOW + day * DAY, attempt))
            outcome = Outcome("failed", failure, blocks, sentence="It failed.", seconds=1.0)
            record_outcome(db, attempt, outcome, now=NOW + day * DAY, max_attempts=5)
        tried += 1
        batches.close_finished(controller.catalog, "pi1")
        with controller.catalog.writing() as db:
            db.execute("UPDATE builder SET failures = 0, suspended = NULL")
        held = batches.claim(controller.catalog, host="pi1", run=f"day{day}", now=NOW + (day + 1) * DAY)
        if held is None:
            break
        (assignment,) = held.builds
        attempt = assignment.attempt
    assert tried <= 12
    for day in (100, 1000):
        assert batches.claim(controller.catalog, host="pi1", run=f"later{day}", now=NOW + day * DAY) is None
