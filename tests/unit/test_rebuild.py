"""Wheels built again by another builder: which, by whom, what comes of it, and what it must leave alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from wheelfleet.admission.compare_rebuild import MOST_NAMES, RebuildReport, compare_rebuild, differing_files
from wheelfleet.catalog import events
from wheelfleet.planner import batches, queue, rebuild_sample
from wheelfleet.site.run_summary import summary_lines

from tests.support.catalogs import ControllerState
from tests.support.fleet_catalog import MAX_ATTEMPTS, NOW, Fleet
from tests.support.query_cost import steps
from tests.support.wheels import wheel_file

EVERY = 100.0


@pytest.fixture
def fleet(fleet: Fleet) -> Fleet:
    fleet.builder("pi1", 11)
    fleet.builder("pi2", 11)
    return fleet


def build(fleet: Fleet, name: str, *, run: str = "run1", seconds: float = 5.0, sha256: str = "aa") -> int:
    """A wheel that pi1 built; returns its id."""
    fleet.queue(name, 11)
    held = fleet.claim("pi1", run)
    assert held is not None
    (attempt,) = (a.attempt for a in held.builds if a.name == name)
    fleet.finish(attempt, outcome="built", failure_class=None, serves=(11,), seconds=seconds)
    requires = [{"name": "setuptools", "version": "80.9.0"}, {"name": "x\n--index-url evil", "version": "1"}]
    with fleet.catalog.writing() as db:
        db.execute("UPDATE attempt SET build_requires = ? WHERE id = ?", (json.dumps(requires), attempt))
        db.execute("UPDATE wheel SET sha256 = ? WHERE attempt_id = ?", (sha256, attempt))
    return int(fleet.catalog.db.execute("SELECT id FROM wheel WHERE attempt_id = ?", (attempt,)).fetchone()["id"])


def due(fleet: Fleet, host: str = "pi2", *, run: str = "run1", percent: float = EVERY) -> list[int]:
    return rebuild_sample.due(fleet.catalog, host=host, run=run, percent=percent)


def claim(fleet: Fleet, wheel: int, host: str = "pi2", run: str = "run1") -> rebuild_sample.Rebuild:
    rebuild = rebuild_sample.claim(fleet.catalog, wheel, host=host, run=run, now=NOW)
    assert rebuild is not None
    return rebuild


# ------------------------------------------------------------------------------------------------- which, by whom


def test_the_sample_has_about_its_share_and_is_the_same_each_time() -> None:
    names = [f"project{number}-1.0-cp311-cp311-linux_aarch64.whl" for number in range(5000)]
    sample = [name for name in names if rebuild_sample.in_sample(name, 2)]
    assert 60 < len(sample) < 140
    assert sample == [name for name in names if rebuild_sample.in_sample(name, 2)]
    assert set(sample) < {name for name in names if rebuild_sample.in_sample(name, 10)}
    assert not any(rebuild_sample.in_sample(name, 0) for name in names)
    assert all(rebuild_sample.in_sample(name, 100) for name in names)


def test_another_builder_of_the_target_is_asked_never_the_same_one(fleet: Fleet) -> None:
    fleet.builder("pi3", 9)
    wheel = build(fleet, "demo")
    assert (due(fleet, "pi1"), due(fleet, "pi2"), due(fleet, "pi3")) == ([], [wheel], [])
    assert due(fleet, run="another") == []
    assert due(fleet, percent=0) == []


def test_a_builder_with_other_tools_or_another_python_is_not_asked(fleet: Fleet) -> None:
    name = fleet.catalog.db.execute("SELECT name FROM target WHERE id = 11").fetchone()["name"]

    def say(host: str, cflags: str, auditwheel: str) -> None:
        facts = {"interpreters": {name: {"cflags": cflags, "tools": {"auditwheel": auditwheel}}}}
        with fleet.catalog.writing() as db:
            db.execute("UPDATE builder SET facts = ? WHERE host = ?", (json.dumps(facts), host))

    say("pi1", "-O2", "6.8.2")
    wheel = build(fleet, "demo")
    for cflags, auditwheel, asked in (("-O2", "6.8.1", []), ("-O3", "6.8.2", []), ("-O2", "6.8.2", [wheel])):
        say("pi2", cflags, auditwheel)
        assert due(fleet) == asked


def test_what_takes_too_long_on_the_other_builder_is_left_out(fleet: Fleet) -> None:
    build(fleet, "demo", seconds=rebuild_sample.LONGEST_SECONDS)
    assert len(due(fleet)) == 1
    with fleet.catalog.writing() as db:
        db.execute("UPDATE builder SET speed = 0.9 WHERE host = 'pi2'")
    assert due(fleet) == []


def test_a_wheel_is_rebuilt_once_from_the_same_sdist_and_requirements(fleet: Fleet) -> None:
    fleet.builder("pi3", 11)
    wheel = build(fleet, "demo")
    rebuild = claim(fleet, wheel)
    assert rebuild.build.attempt.startswith(rebuild_sample.REBUILD)
    assert (rebuild.build.name, rebuild.build.version, rebuild.build.tools) == (
        "demo",
        "1.0",
        "/tools/python",
    )
    assert rebuild.build.sdist_filename == "demo-1.0.tar.gz"
    # What a builder has told becomes a line that another's installer reads.
    assert rebuild.build.adjustments.constraints == ("setuptools==80.9.0",)
    assert rebuild_sample.claim(fleet.catalog, wheel, host="pi3", run="run1", now=NOW) is None
    assert due(fleet, "pi3") == []


def test_what_was_begun_and_never_ended_is_forgotten(fleet: Fleet) -> None:
    wheel = build(fleet, "demo")
    claim(fleet, wheel)
    rebuild_sample.forget_unfinished(fleet.catalog, "pi3", "run1")
    assert due(fleet) == []
    rebuild_sample.forget_unfinished(fleet.catalog, "pi2", "run1")
    assert due(fleet) == [wheel]
    rebuild = claim(fleet, wheel)
    rebuild_sample.give_up(fleet.catalog, rebuild.build.attempt)
    assert due(fleet) == [wheel]


def test_it_is_no_attempt_whatever_comes_of_it(fleet: Fleet, tmp_path: Path) -> None:
    wheel = build(fleet, "demo")
    fleet.queue("next", 11)
    before = whole(fleet)
    rebuild = claim(fleet, wheel)
    assert whole(fleet) == before
    compared = compare_rebuild(
        fleet.catalog, tmp_path, tmp_path / "nothing", rebuild.build.attempt, host="pi2", now=NOW
    )
    assert compared is not None
    assert compared.verdict == "failed"
    assert whole(fleet) == before
    assert queue.progress(fleet.catalog, "run1").left == 1
    assert batches.open_attempts(fleet.catalog, "pi2") == {}
    assert not queue.retry_failures(fleet.catalog.db, ["all"], MAX_ATTEMPTS)


def whole(fleet: Fleet) -> dict[str, list[tuple[object, ...]]]:
    """All rows of what is learned from attempts."""
    tables = ("attempt", "release_target", "builder", "wheel", "wheel_target", "batch", "build_day")
    return {table: [tuple(row) for row in fleet.catalog.db.execute(f"SELECT * FROM {table}")] for table in tables}


@pytest.mark.slow
def test_asking_costs_what_the_run_built_and_not_what_the_catalog_holds(fleet: Fleet) -> None:
    build(fleet, "demo")
    few = steps(fleet.catalog.db, lambda: due(fleet))
    for number in range(200):
        build(fleet, f"older{number}", run="run0")
    assert steps(fleet.catalog.db, lambda: due(fleet)) <= few + 20


# ------------------------------------------------------------------------------------------------- what comes of it


def result(folder: Path, ident: str, filename: str, data: bytes | None) -> Path:
    """A result as it was fetched; without data the build failed."""
    folder.mkdir()
    document = {
        "schema": 1, "attempt": ident, "outcome": "built" if data is not None else "failed", "phase": "build",
        "stopped_by": None, "exit_code": 1, "seconds": 1.0, "cpu_seconds": 1.0, "peak_memory": 1,
        "interpreter": "CPython 3.11.2", "build_requires": [], "summary": None, "message": "It failed.",
        "wheels": [{"filename": filename, "size": 1, "sha256": "a lie"}] if data is not None else [],
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(document))
    if data is not None:
        (folder / filename).write_bytes(data)
    return folder


def compared(fleet: Fleet, tmp_path: Path, ours: bytes, theirs: bytes | None, filename: str = "") -> RebuildReport:
    """What comes of a wheel of which pi1 made `ours` and pi2 makes `theirs`."""
    wheel = build(fleet, "demo", sha256=hashlib.sha256(ours).hexdigest())
    name = fleet.catalog.db.execute("SELECT filename FROM wheel WHERE id = ?", (wheel,)).fetchone()["filename"]
    (tmp_path / "files" / "demo").mkdir(parents=True)
    (tmp_path / "files" / "demo" / name).write_bytes(ours)
    ident = claim(fleet, wheel).build.attempt
    staging = result(tmp_path / "staging", ident, filename or name, theirs)
    said = compare_rebuild(fleet.catalog, tmp_path / "files", staging, ident, host="pi2", now=NOW + 9)
    assert said is not None
    return said


def demo(**files: str) -> bytes:
    return wheel_file("demo", "1.0", files={f"demo/{name}.py": text for name, text in files.items()}).data


def test_the_same_bytes_agree_whatever_the_builder_says_of_them(fleet: Fleet, tmp_path: Path) -> None:
    assert compared(fleet, tmp_path, demo(a="1"), demo(a="1")).verdict == "agrees"
    row = fleet.catalog.db.execute("SELECT * FROM rebuild").fetchone()
    assert (row["verdict"], row["host"], row["finished_at"], row["sentence"]) == ("agrees", "pi2", NOW + 9, None)
    assert "Built again on another builder: 1 wheel; 1 gave the same bytes." in summary_lines(fleet.catalog.db, "run1")


def test_other_bytes_are_named_by_file(fleet: Fleet, tmp_path: Path) -> None:
    said = compared(fleet, tmp_path, demo(a="1", b="1", c="1"), demo(a="2", b="1", d="1"))
    assert (said.verdict, said.differences) == ("differs", ("demo/a.py", "demo/c.py", "demo/d.py"))
    assert said.sentence == "Other bytes in demo/a.py, demo/c.py, demo/d.py."
    assert (said.builder, said.sha256) != ("pi2", "a lie")


def test_the_names_of_files_are_bounded_and_printable(fleet: Fleet, tmp_path: Path) -> None:
    many = {f"x{number:03}": "" for number in range(MOST_NAMES + 10)}
    said = compared(fleet, tmp_path, demo(a="1"), demo(a="1", **many))
    assert len(said.differences) == MOST_NAMES
    assert said.sentence is not None
    assert said.sentence.endswith(f"and {MOST_NAMES + 7} more files.")


def test_an_archive_that_is_none_differs_and_harms_nobody(fleet: Fleet, tmp_path: Path) -> None:
    said = compared(fleet, tmp_path, demo(a="1"), b"PK no archive")
    assert (said.verdict, said.differences) == ("differs", ())


def test_a_wheel_of_another_name_differs(fleet: Fleet, tmp_path: Path) -> None:
    said = compared(fleet, tmp_path, demo(a="1"), demo(a="1"), "demo-1.0-cp311-cp311-manylinux_2_36_x86_64.whl")
    assert (said.verdict, said.sentence) == (
        "differs",
        "Its wheel is named demo-1.0-cp311-cp311-manylinux_2_36_x86_64.whl.",
    )


def test_a_build_that_fails_there_says_why(fleet: Fleet, tmp_path: Path) -> None:
    said = compared(fleet, tmp_path, demo(a="1"), None)
    assert (said.verdict, said.sentence) == ("failed", "unknown: It failed.")


def test_dates_alone_are_told_from_contents(tmp_path: Path) -> None:
    one, other = tmp_path / "one.whl", tmp_path / "other.whl"
    one.write_bytes(demo(a="1"))
    other.write_bytes(demo(a="1"))
    assert differing_files(one, other) == []


def test_a_result_from_elsewhere_or_a_second_one_is_heard_by_nobody(fleet: Fleet, tmp_path: Path) -> None:
    compared(fleet, tmp_path, demo(a="1"), demo(a="1"))
    ident = fleet.catalog.db.execute("SELECT id FROM rebuild").fetchone()["id"]
    for host, which in (("pi1", ident), ("pi2", ident), ("pi2", "rebuild--00000000")):
        assert (
            compare_rebuild(fleet.catalog, tmp_path / "files", tmp_path / "staging", which, host=host, now=NOW) is None
        )
    assert events.events(fleet.catalog.db) == []


# --------------------------------------------------------------------------------------------------- how it is shown


DOCUMENT = "provenance/spidev/spidev-3.8-py3-none-any.whl.json"


def test_page_json_and_document_say_it_and_nothing_else_is_written(tmp_path: Path) -> None:
    with ControllerState(tmp_path / "var") as state:
        state.wheel("spidev", "3.8", serves=[])
        state.wheel("other", "1.0")
        state.publish()
        assert json.loads((state.site / DOCUMENT).read_bytes())["rebuild"] is None
        state.execute(
            "INSERT INTO rebuild (wheel_id, id, run, host, claimed_at) "
            "SELECT id, 'rebuild--1', 'run1', 'pi2', 1 FROM wheel WHERE filename LIKE 'spidev%'"
        )
        assert state.publish().changed == []
        state.execute(
            "UPDATE rebuild SET verdict = 'differs', finished_at = 1700000000, sha256 = 'bb', "
            "sentence = 'Other bytes in <b>.so.', differences = '[\"<b>.so\"]'"
        )
        changed = state.publish().changed
        assert DOCUMENT in changed
        assert not [path for path in changed if "other" in path or path.startswith(("files/", "simple/"))]
        told = json.loads((state.site / DOCUMENT).read_bytes())["rebuild"]
        assert told == {
            "host": "pi2", "verdict": "differs", "at": "2023-11-14T22:13:20.000000Z", "sha256": "bb",
            "sentence": "Other bytes in <b>.so.", "differences": ["<b>.so"],
        }  # fmt: skip
        (file,) = json.loads((state.site / "project/spidev/json").read_bytes())["releases"]["3.8"]["files"]
        assert file["rebuild"] == {**{k: v for k, v in told.items() if k != "host"}, "builder": "pi2"}
        page = (state.site / "project/spidev/index.html").read_text()
        assert "Built again by pi2: not the same. Other bytes in &lt;b&gt;.so." in page
        assert state.publish(full=True).changed == []
