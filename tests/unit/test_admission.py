"""Taking results in: exactly once, only what was asked for, and nothing a builder says is believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.admission.admit import admit
from wheelfleet.admission.withhold import withheld
from wheelfleet.contract.result import Check
from wheelfleet.planner.failed_build import FailedBuild
from wheelfleet.planner.remedies import propose

from tests.support.artifacts import Artifact
from tests.support.controller import NOW, Controller
from tests.support.wheels import wheel_file


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    controller = Controller(tmp_path)
    yield controller
    controller.catalog.close()


def test_a_good_wheel_is_in_files_and_catalog_and_settles_the_queue(controller: Controller):
    wheel = wheel_file("demo", "1.0")
    assert controller.send(wheel).outcome == "built"
    assert (controller.storage.files / "demo" / wheel.filename).read_bytes() == wheel.data
    assert controller.one("SELECT sha256 FROM wheel") == wheel.sha256, "computed here, not believed"
    assert controller.one("SELECT need FROM release_target") == "none"
    assert controller.one("SELECT pages_stale FROM project") == 1
    assert (controller.storage.logs / controller.one("SELECT log FROM attempt")).is_file()


def test_the_same_result_again_is_dropped(controller: Controller):
    controller.send(wheel_file("demo", "1.0"))
    assert controller.send(wheel_file("demo", "1.0")).outcome == "dropped"
    assert controller.one("SELECT count(*) FROM wheel") == 1


def test_a_result_for_a_build_the_host_was_not_given_is_dropped(controller: Controller):
    assert controller.send(wheel_file("demo", "1.0"), host="pi2").outcome == "dropped"
    assert controller.send(wheel_file("demo", "1.0"), answering="demo-1.0-deadbeef").outcome == "dropped"
    assert controller.one("SELECT state FROM attempt") == "open"
    assert not controller.storage.files.exists()


def test_a_late_result_is_welcome_while_the_release_still_needs_a_build(controller: Controller):
    controller.lose()
    assert controller.one("SELECT state FROM attempt") == "lost"
    assert controller.send(wheel_file("demo", "1.0")).outcome == "built"


def test_a_late_result_is_dropped_when_another_host_was_faster(controller: Controller):
    controller.lose()
    again = controller.claim("pi2")
    controller.send(wheel_file("demo", "1.0"), host="pi2", answering=again)
    assert controller.send(wheel_file("demo", "1.0")).outcome == "dropped"
    assert controller.one("SELECT count(*) FROM wheel") == 1


@pytest.mark.parametrize(
    ("wheel", "names"),
    [
        (wheel_file("victim", "1.0"), "victim"),
        (wheel_file("demo", "2.0"), "2.0"),
        (wheel_file("demo", "1.0", "cp39-cp39-linux_armv7l"), "target"),
        (wheel_file("demo", "1.0", flaws=("wrong-record-hash",)), "RECORD"),
        (wheel_file("demo", "1.0", flaws=("path-traversal",)), ""),
    ],
    ids=["another project", "another version", "another machine", "a lying RECORD", "a path outside"],
)
def test_a_wheel_that_is_not_what_was_asked_for_is_refused_and_recorded(
    controller: Controller, wheel: Artifact, names: str
):
    admitted = controller.send(wheel)
    assert admitted.outcome == "refused"
    assert names in admitted.sentence
    assert controller.one("SELECT outcome FROM attempt") == "refused"
    assert controller.one("SELECT count(*) FROM wheel") == 0
    assert not list(controller.storage.files.rglob("*.whl"))


@pytest.mark.parametrize(
    "changes",
    [
        {"attempt": "other-1.0-deadbeef"},
        {"schema": 7},
        {"outcome": "splendid"},
        {"seconds": "many"},
        {"seconds": -1},
        {"peak_memory": float("inf")},
        {"wheels": [{"filename": "../../etc/passwd.whl"}]},
        {"wheels": "all of them"},
        {"wheels": []},
    ],
    ids=str,
)
def test_a_result_that_is_none_is_refused(controller: Controller, changes: dict):
    assert controller.send(wheel_file("demo", "1.0"), **changes).outcome == "refused"
    assert controller.one("SELECT count(*) FROM wheel") == 0


def test_a_missing_or_endless_result_document_is_refused(controller: Controller):
    controller.staging.mkdir()
    (controller.staging / "result.json").write_text("[" * 2_000_000)
    answer = admit(
        controller.catalog,
        controller.storage,
        controller.staging,
        controller.attempt,
        host="pi1",
        now=NOW,
        max_attempts=5,
    )
    assert answer.outcome == "refused"


def test_a_failure_gets_a_name_and_its_cost_predicts_the_next_build(controller: Controller):
    admitted = controller.send(None, stopped_by="timeout", message="The build took longer than 10 seconds.")
    assert (admitted.outcome, admitted.failure_class) == ("failed", "time-out")
    assert controller.one("SELECT seconds FROM attempt") == 12.5
    assert controller.one("SELECT need FROM release_target") == "none"


def test_bad_luck_stays_in_the_queue_with_what_was_measured_as_prediction(controller: Controller):
    controller.send(None, stopped_by="killed", message="The build was killed.")
    assert controller.one("SELECT need FROM release_target") == "now"
    assert controller.one("SELECT predicted_seconds FROM release_target") == 12.5


# ------------------------------------------------------------------------------------- what was done with the wheel

REPAIR = {
    "tool": "auditwheel 6",
    "outcome": "repaired",
    "platform": None,
    "vendored": ["libz.so.1"],
    "message": None,
}


def test_what_was_done_with_a_wheel_is_kept_with_it(controller: Controller):
    check = {"verdict": "imported", "modules": ["demo"], "message": None}
    sent = controller.send(wheel_file("demo", "1.0"), repair=REPAIR, apt=["zlib1g", "libssl3"], check=check)
    assert sent.outcome == "built"
    row = controller.catalog.db.execute("SELECT * FROM wheel").fetchone()
    assert json.loads(row["repaired"]) == REPAIR
    assert json.loads(row["apt_packages"]) == ["libssl3", "zlib1g"]
    assert (row["imports"], json.loads(row["import_facts"])) == ("imported", {"modules": ["demo"], "message": None})


@pytest.mark.parametrize(
    ("system", "preinstalled", "named"),
    [
        ({"id": "debian", "version": "12"}, [], ["libopenblas0"]),
        ({"id": "raspbian", "version": "12"}, [], ["libopenblas0"]),
        ({"id": "debian", "version": "13"}, [], ["libopenblas0", "libssl3"]),
        ({"id": "debian", "version": "forky"}, [], ["libopenblas0", "libssl3"]),
        ({"id": "debian", "version": "12"}, ["libopenblas0"], ["libssl3"]),
        ({"id": "fedora", "version": "42"}, [], ["libopenblas0", "libssl3"]),
        ({"id": None, "version": None}, [], ["libopenblas0", "libssl3"]),
    ],
)
def test_what_the_release_has_anyway_is_not_named(
    controller: Controller, system: dict[str, str], preinstalled: list[str], named: list[str]
) -> None:
    controller.state.execute("UPDATE builder SET facts = ?", json.dumps({"os": system}))
    controller.preinstalled = preinstalled
    controller.send(wheel_file("demo", "1.0"), apt=["libssl3", "libopenblas0"])
    assert json.loads(controller.one("SELECT apt_packages FROM wheel")) == named


@pytest.mark.parametrize("fields", [
    {"repair": 5, "apt": 5, "check": 5},
    {"repair": [], "apt": {}, "check": ""},
    {"repair": {"outcome": "splendid"}, "apt": [None, 1, "; rm /", "A", "-o", "x" * 999], "check": {"verdict": "x"}},
])  # fmt: skip
def test_what_is_no_answer_at_all_counts_as_none(controller: Controller, fields: dict[str, Any]):
    assert controller.send(wheel_file("demo", "1.0"), **fields).outcome == "built"
    row = controller.catalog.db.execute("SELECT repaired, apt_packages, imports, import_facts FROM wheel").fetchone()
    assert tuple(row) == (None, "[]", None, None)


def test_words_of_a_builder_are_bounded_and_plain(controller: Controller):
    hostile = "\x1b[2J" + "x" * 20_000
    repair = {**REPAIR, "tool": hostile, "platform": "../x", "vendored": [hostile, "../a.so", *["a.so"] * 999]}
    check = {"verdict": "unchecked", "modules": ["demo", "no module", hostile], "message": hostile}
    repair["message"] = hostile
    controller.send(wheel_file("demo", "1.0"), repair=repair, apt=["a" * 50] * 5_000, check=check)
    row = controller.catalog.db.execute("SELECT repaired, apt_packages, import_facts FROM wheel").fetchone()
    assert all("\x1b" not in text and "\\u001b" not in text and len(text) < 5_000 for text in row)
    kept = json.loads(row["repaired"])
    assert (kept["platform"], set(kept["vendored"])) == (None, {"a.so"})
    assert json.loads(row["import_facts"])["modules"] == ["demo"]


def test_a_wheel_that_cannot_be_imported_is_withheld(controller: Controller):
    sentence = "Importing demo fails: the shared library libfoo.so.1 is not there."
    sent = controller.send(wheel_file("demo", "1.0"), check={"verdict": "failed", "modules": [], "message": sentence})
    assert sent.outcome == "failed"
    assert controller.catalog.db.execute("SELECT count(*) FROM wheel").fetchone()[0] == 0
    assert not list(controller.storage.files.rglob("*.whl"))
    row = controller.catalog.db.execute("SELECT failure_class, sentence FROM attempt WHERE state = 'done'").fetchone()
    assert tuple(row) == ("import-failed", sentence)


@pytest.mark.parametrize(
    ("said", "older"),
    [
        ("cannot import name 'MutableSequence' from 'collections' (/usr/lib/python3.11/collections/__init__.py)", True),
        ("cannot import name 'a' from 'b' (/build/environment/lib/python3.11/site-packages/b.py)", False),
        ("No module named 'imp'", True),
        ("/build/installed/a.so: undefined symbol: _PyInterpreterState_Get", True),
        ("/build/installed/a.so: undefined symbol: snd_pcm_open", False),
    ],
)
def test_a_wheel_for_an_older_python_is_withheld_with_advice(said: str, older: bool, controller: Controller):
    message = f"Importing demo fails: {said}."
    check: Check = {"verdict": "failed", "modules": [], "message": message, "reason": None, "subject": None}
    found = withheld(controller.catalog.db, check, "")
    assert found is not None
    assert ("a target with an older Python" in found.advice) is older


#: What importing netCDF4 1.6.2 printed, without the middle.
_OTHER_NUMPY = f"""::wheelfleet phase check
A module that was compiled using NumPy 1.x cannot be run in
NumPy 2.4.6 as it may crash. To support both 1.x and 2.x
versions of NumPy, modules must be compiled with NumPy 2.0.
AttributeError: _ARRAY_API not found
{"  File" * 9}
Traceback (most recent call last):
ImportError: cannot import name '__netcdf4libversion__' from 'netCDF4._netCDF4'
""".replace("  File", "  File\n")


def test_a_wheel_for_the_other_numpy_is_withheld_and_built_for_both(controller: Controller):
    check: Check = {
        "verdict": "failed",
        "modules": [],
        "message": "Importing netCDF4 fails.",
        "reason": None,
        "subject": None,
    }
    found = withheld(controller.catalog.db, check, _OTHER_NUMPY)
    assert found is not None
    assert found.evidence[0] == "A module that was compiled using NumPy 1.x cannot be run in"
    failed = FailedBuild(found.failure_class, text="\n".join(found.evidence), installed=frozenset({"numpy"}))
    (proposal,) = propose(failed, set())
    assert (proposal.name, proposal.adjustments.constraints) == ("numpy 2", ("numpy>=2",))


@pytest.mark.parametrize("good", [True, False])
def test_a_wheel_that_an_installer_refuses_is_withheld_with_what_it_says(controller: Controller, good: bool):
    sentence = "uv does not install the wheel: The wheel is invalid: invalid console script: 'demo'."
    verdict = {"verdict": "failed", "modules": [], "message": sentence, "reason": "not-installable", "subject": None}
    # Also where the controller would refuse it for something else: what the installer says is what people meet.
    wheel = wheel_file("demo", "1.0", flaws=() if good else ["wrong-record-hash"])
    assert controller.send(wheel, check=verdict).outcome == "failed"
    row = controller.catalog.db.execute("SELECT failure_class, sentence FROM attempt WHERE state = 'done'").fetchone()
    assert tuple(row) == ("not-installable", sentence)
    assert not list(controller.storage.files.rglob("*.whl"))


def test_a_library_for_want_of_which_a_wheel_fails_is_looked_up(controller: Controller):
    verdict = {"verdict": "failed", "modules": [], "message": "It fails.", "reason": "missing-library"}
    controller.send(wheel_file("demo", "1.0"), check={**verdict, "subject": "libfoo.so.1"})
    row = controller.catalog.db.execute("SELECT missing_kind, subject FROM attempt WHERE state = 'done'").fetchone()
    assert tuple(row) == ("library", "libfoo.so.1")
