"""How a wheel came about: what is written down when a build ends, and what the document says of it ever after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.admission.failure import failure
from wheelfleet.builder import probe
from wheelfleet.planner.outcome import Outcome, record_outcome
from wheelfleet.site.html import provenance

from tests.support.catalogs import EPOCH, TARGET, ControllerState

FACTS = {
    "machine": "aarch64",
    "board": "Raspberry Pi 4 Model B Rev 1.4",
    "os": {"id": "debian", "version": "12"},
    "toolchain": {"gcc": "gcc (Debian 12.2.0-14) 12.2.0", "ld": "GNU ld (GNU Binutils for Debian) 2.40"},
    "slots": 2,
    "interpreters": {TARGET: {"cflags": "-O2", "tools": {"auditwheel": "6.8.2"}}},
}


@pytest.fixture
def state(state: ControllerState) -> ControllerState:
    state.builder("pi1", facts=FACTS)
    return state


def build(state: ControllerState) -> str:
    """A wheel whose attempt ended as attempts do; returns its file name."""
    filename = state.wheel("Spam", "1.0", "cp311-cp311-linux_aarch64", serves=[TARGET])
    attempt = str(state.one("SELECT attempt_id FROM wheel"))
    state.execute("UPDATE upstream_file SET filename = 'sdist.tar.gz', url = 'https://files.example/spam.tar.gz'")
    state.execute("UPDATE attempt SET state = 'open', begun_at = ?, sdist_sha256 = 'aa'", EPOCH + 5)
    outcome = Outcome(
        "built",
        seconds=61.5,
        cpu_seconds=59.0,
        peak_memory=123_456_789,
        interpreter="CPython 3.11.2",
        build_requires=({"name": "setuptools", "version": "80.9.0"},),
        log=f"spam/{attempt}.log.gz",
    )
    with state.catalog.writing() as db:
        record_outcome(db, attempt, outcome, now=EPOCH + 70, max_attempts=3)
    return filename


def read(state: ControllerState) -> dict[str, Any]:
    data = provenance.document(state.catalog.db, int(str(state.one("SELECT id FROM wheel"))))
    document: dict[str, Any] = json.loads(data)
    return document


def test_the_document_says_what_was_built_from_what_where_how_and_how_long(state: ControllerState) -> None:
    filename = build(state)
    attempt, sha256, size = state.catalog.db.execute("SELECT attempt_id, sha256, size FROM wheel").fetchone()
    assert read(state) == {
        "schema": 1,
        "project": "spam",
        "release": "1.0",
        "target": TARGET,
        "file": {
            "filename": filename,
            "size": size,
            "sha256": sha256,
            "tags": ["cp311-cp311-linux_aarch64"],
            "url": f"../../files/spam/{filename}",
        },
        "built_as": None,
        "sdist": {"filename": "sdist.tar.gz", "sha256": "aa", "url": "https://files.example/spam.tar.gz"},
        "builder": {"host": "pi1", **{key: value for key, value in FACTS.items() if key != "interpreters"}},
        "interpreter": "CPython 3.11.2",
        "cflags": "-O2",
        "tools": {"auditwheel": "6.8.2"},
        "build_requires": [{"name": "setuptools", "version": "80.9.0"}],
        "repair": None,
        "apt": [],
        "check": None,
        "attempt": attempt,
        "log": f"../../logs/spam/{attempt}.log.gz",
        "began": "2023-11-14T22:13:25.000000Z",
        "ended": "2023-11-14T22:14:30.000000Z",
        "seconds": 61.5,
        "cpu_seconds": 59.0,
        "peak_memory": 123_456_789,
        "rebuild": None,
    }


def test_its_addresses_lead_from_its_place_to_the_files_of_the_site(state: ControllerState) -> None:
    filename = build(state)
    place = Path("/site") / provenance.path("spam", filename)
    document = read(state)
    assert (place.parent / document["file"]["url"]).resolve() == Path("/site/files/spam") / filename
    assert (place.parent / document["log"]).resolve().parent == Path("/site/logs/spam")


def test_nothing_that_changes_later_changes_the_document(state: ControllerState) -> None:
    build(state)
    before = read(state)
    state.execute("""UPDATE builder SET facts = '{"board": "another"}'""")
    state.execute("UPDATE upstream_file SET url = 'https://elsewhere.example/'")
    state.execute("UPDATE target SET python_version = '3.11.9', tags = '[\"other\"]'")
    state.execute("UPDATE project SET display_name = 'SPAM'")
    assert read(state) == before
    state.upstream_removes("spam", "1.0")
    state.execute("DELETE FROM builder")
    assert read(state) == before


def test_a_build_from_before_provenance_has_a_document_too(state: ControllerState) -> None:
    state.wheel("spam", "1.0")
    document = read(state)
    assert document["builder"] == {"host": "pi1"}
    assert document["build_requires"] is None
    assert document["sdist"] == {"filename": "sdist.tar.gz", "sha256": None, "url": None}


def test_what_a_failed_build_was_tried_with_is_written_down_as_well(state: ControllerState) -> None:
    attempt = state.attempt("spam", "1.0")
    why = failure("refused", "It is not what was asked for.")
    with state.catalog.writing() as db:
        record_outcome(db, attempt, Outcome("refused", failure_class=why.failure_class), now=EPOCH, max_attempts=3)
    assert json.loads(str(state.one("SELECT built_with FROM attempt")))["builder"] == FACTS


def test_the_board_is_what_the_device_tree_says_without_its_closing_nul(tmp_path: Path) -> None:
    model, product = tmp_path / "model", tmp_path / "product_name"
    product.write_text("Standard PC\n")
    assert probe._board((model, product)) == "Standard PC"
    model.write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    assert probe._board((model, product)) == "Raspberry Pi 4 Model B Rev 1.4"
    assert probe._board((tmp_path / "nowhere",)) is None


def tool(folder: Path, name: str, script: str) -> None:
    place = folder / name
    place.write_text(f"#!/bin/sh\n{script}\n")
    place.chmod(0o755)


def test_tools_say_their_version_in_one_line_and_missing_ones_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(tmp_path, "gcc", 'echo "gcc $1 $LC_ALL"; echo "Copyright"')
    tool(tmp_path, "ld", "echo broken; exit 1")
    tool(tmp_path, "cmake", "printf '\\ncmake version 3.25.1\\n'")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert probe._toolchain() == {"gcc": "gcc --version C", "cmake": "cmake version 3.25.1"}


@pytest.mark.slow
def test_a_tool_that_hangs_is_given_up_and_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool(tmp_path, "gcc", f"echo $$ > {tmp_path}/pid; exec /bin/sleep 600")
    tool(tmp_path, "ld", "echo GNU ld 2.40")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert probe._toolchain(patience=0.5) == {"ld": "GNU ld 2.40"}
    begun = tmp_path / "pid"
    assert not begun.exists() or not Path("/proc", begun.read_text().strip()).exists()


def test_the_facts_of_a_host_stay_the_same_while_it_does() -> None:
    facts = probe.host_facts()
    assert facts == probe.host_facts()
    assert facts["toolchain"].keys() <= set(probe.TOOLCHAIN)


def test_it_says_what_the_wheel_carries_and_needs_and_that_it_was_imported(state: ControllerState) -> None:
    build(state)
    repair = {
        "tool": "auditwheel 6.8.2",
        "outcome": "repaired",
        "platform": "manylinux_2_36_aarch64",
        "vendored": ["libjpeg.so.62.3.0"],
        "message": None,
    }
    state.execute(
        "UPDATE wheel SET repaired = ?, apt_packages = ?, imports = 'imported', import_facts = ?",
        json.dumps(repair), '["libssl3"]', '{"modules": ["spam"], "message": null}',
    )  # fmt: skip
    document = read(state)
    assert document["repair"] == repair
    assert document["apt"] == ["libssl3"]
    assert document["check"] == {"verdict": "imported", "modules": ["spam"], "message": None}
