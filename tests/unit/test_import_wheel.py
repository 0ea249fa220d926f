"""Wheels built elsewhere: the same checks as a builder's, a provenance that says so, and no name with other bytes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.admission import import_wheel as module
from wheelfleet.admission.import_wheel import Imported, Terms, import_wheel
from wheelfleet.catalog import events
from wheelfleet.control.rule import BadOrder
from wheelfleet.site.html import provenance

from tests.support.artifacts import Artifact
from tests.support.controller import NOW, Controller
from tests.support.site_pages import listed
from tests.support.wheels import wheel_file

TAG = "cp311-cp311-linux_x86_64"
WHEEL = f"demo-1.0-{TAG}.whl"


class Importer(Controller):
    """A controller that waits for demo 1.0, and a folder with wheels from elsewhere."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.catalog.db.execute("PRAGMA synchronous = OFF")
        self.folder = root / "elsewhere"
        self.folder.mkdir()

    def import_(self, wheel: Artifact, *, dry_run: bool = False, **terms: Any) -> Imported:
        path = self.folder / wheel.filename
        path.write_bytes(wheel.data)
        chosen = Terms(**{"who": "alice", "reason": "built on a big machine", "now": NOW, **terms})
        return import_wheel(self.catalog, self.storage, path, chosen, dry_run=dry_run)

    def refusal(self, wheel: Artifact, **terms: Any) -> str:
        before = list(self.catalog.db.iterdump())
        with pytest.raises(BadOrder) as error:
            self.import_(wheel, **terms)
        assert list(self.catalog.db.iterdump()) == before
        return str(error.value)

    def listed(self) -> list[str]:
        self.state.publish(html_pages=False)
        return listed(self.state.site, "demo")


@pytest.fixture
def fleet(tmp_path: Path) -> Importer:
    return Importer(tmp_path)


def good(**how: Any) -> Artifact:
    return wheel_file("demo", "1.0", TAG, **how)


def test_an_imported_wheel_is_listed_and_settles_its_targets(fleet: Importer) -> None:
    fleet.lose()
    assert fleet.one("SELECT need FROM release_target") == "now"
    assert fleet.import_(good()).changed
    assert fleet.listed() == [WHEEL]
    assert (fleet.state.site / "files/demo" / WHEEL).read_bytes() == good().data
    assert fleet.one("SELECT need FROM release_target") == "none"


def test_pages_and_provenance_say_who_imported_it(fleet: Importer) -> None:
    fleet.import_(good())
    fleet.state.publish()
    page = (fleet.state.site / "project/demo/index.html").read_text()
    assert "was not built by the fleet: alice imported it on 2027-01-15 08:00 (built on a big machine)" in page
    assert "where it came from" in page
    document = json.loads((fleet.state.site / provenance.path("demo", WHEEL)).read_text())
    assert document["imported"] == {
        "who": "alice",
        "at": "2027-01-15T08:00:00.000000Z",
        "reason": "built on a big machine",
        "sha256": good().sha256,
    }
    (file,) = json.loads((fleet.state.site / "project/demo/json").read_text())["releases"]["1.0"]["files"]
    assert file["imported"]["who"] == "alice"
    assert json.loads(fleet.one("SELECT imported FROM wheel"))["reason"] == "built on a big machine"
    (event,) = events.events(fleet.catalog.db)
    assert (event.who, event.why, event.at) == ("alice", "built on a big machine", NOW)
    assert fleet.one("SELECT verb || ' ' || subject FROM control") == f"import {WHEEL}"


def test_the_same_import_again_changes_nothing(fleet: Importer) -> None:
    fleet.import_(good())
    before = list(fleet.catalog.db.iterdump())
    assert not fleet.import_(good()).changed
    assert list(fleet.catalog.db.iterdump()) == before


def test_a_dry_run_keeps_nothing(fleet: Importer) -> None:
    before = list(fleet.catalog.db.iterdump())
    assert fleet.import_(good(), dry_run=True).changed
    assert list(fleet.catalog.db.iterdump()) == before
    assert not (fleet.storage.files / "demo" / WHEEL).exists()


def test_a_name_with_other_bytes_is_refused_with_a_free_build_tag(fleet: Importer) -> None:
    fleet.send(good())
    sentence = fleet.refusal(good(files={"demo.py": "other = 1"}))
    assert sentence == (
        f"The name {WHEEL} was given to other bytes before, and a name never changes its bytes; give it a build tag: "
        "python -m wheel tags --build 1 FILE (PEP 427)."
    )
    tagged = good(build="1", files={"demo.py": "other = 1"})
    assert fleet.import_(tagged).changed
    assert fleet.listed() == [tagged.filename, WHEEL]


@pytest.mark.parametrize("spelling", [f"Demo-1.0-{TAG}.whl", f"demo-1-{TAG}.whl", f"demo-1.0-cp311.{TAG}.whl"])
def test_another_spelling_of_a_published_name_is_refused(fleet: Importer, spelling: str) -> None:
    fleet.send(good())
    sentence = fleet.refusal(replace(good(files={"demo.py": "other = 1"}), filename=spelling))
    assert sentence.startswith(f"The fleet has published {WHEEL}, and installers could not tell {spelling} from it; ")
    assert "--build 1 FILE" in sentence


@pytest.mark.parametrize(
    ("wheel", "sentence"),
    [
        (good(flaws=["wrong-record-hash"]), "with another content than RECORD states"),
        (good(metadata_name="other"), "is called 'other' in its METADATA"),
        (good(wheel_tags=["py3-none-any"]), "has other tags in its file name than in its WHEEL file"),
        (good(flaws=["path-traversal"]), "../../escaped.py"),
        (wheel_file("demo", "1.0", "cp39-cp39-linux_armv7l"), "No target of the fleet can install demo-1.0-cp39"),
        (wheel_file("demo", "2.0", TAG), "Upstream has no release 2.0 of demo; its newest is 1.0."),
        (wheel_file("demoo", "1.0", TAG), "The fleet knows no project demoo of upstream; do you mean demo?"),
        (good(filename="demo.whl"), "demo.whl is not a wheel's name"),
        (good(requires_python=">=4"), "No target of the fleet can install"),
    ],
)
def test_what_is_not_right_is_refused_in_a_sentence(fleet: Importer, wheel: Artifact, sentence: str) -> None:
    assert sentence in fleet.refusal(wheel)


def test_a_wheel_that_pip_refuses_is_refused(fleet: Importer) -> None:
    bad = good(extra_entries={})
    broken = wheel_file(
        "demo", "1.0", TAG, files={"demo.py": "", "demo-1.0.dist-info/entry_points.txt": "[console_scripts]\nx = ?\n"}
    )
    assert bad.filename == broken.filename
    assert "install the wheel" in fleet.refusal(broken)


def test_machine_code_for_another_machine_is_refused(fleet: Importer) -> None:
    elf = Path(os.path.realpath(shutil.which("true") or "/bin/true")).read_bytes()
    armv7 = elf[:18] + (40).to_bytes(2, "little") + elf[20:]
    assert "is code for" in fleet.refusal(good(files={"demo.so": armv7}))


def test_what_upstream_serves_is_refused_unless_it_is_said_otherwise(fleet: Importer) -> None:
    fleet.state.upstream_file(fleet.state.release("demo", "1.0"), "demo-1.0-cp311-none-any.whl")
    sentence = fleet.refusal(good())
    assert sentence.startswith("Upstream serves cp311 by demo-1.0-cp311-none-any.whl, so")
    assert fleet.import_(good(), beside_upstream=True).changed
    assert fleet.listed() == [WHEEL]


def test_a_pure_wheel_of_upstream_is_never_shadowed(fleet: Importer) -> None:
    fleet.state.upstream_file(fleet.state.release("demo", "1.0"), "demo-1.0-py2.py3-none-any.whl")
    assert "never shadowed" in fleet.refusal(wheel_file("demo", "1.0", "py3-none-any"), beside_upstream=True)


def test_a_wheel_that_no_target_takes_is_imported_if_it_is_said(fleet: Importer) -> None:
    other = wheel_file("demo", "1.0", "cp39-cp39-linux_armv7l")
    assert fleet.import_(other, without_target=True).changed
    assert fleet.listed() == [other.filename]


@pytest.mark.parametrize("step", ["give_name", "_put", "_record"])
@pytest.mark.parametrize("after", [False, True])
def test_a_kill_at_any_step_loses_nothing(
    fleet: Importer, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    """The site stays whole, and the same import once more carries on."""
    real: Callable[..., Any] = getattr(module, step)

    def killed(*arguments: Any) -> Any:
        if after:
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, step, killed)
        fleet.import_(good())
    assert fleet.listed() == []
    assert fleet.import_(good()).changed
    assert fleet.listed() == [WHEEL]
    assert fleet.one("SELECT count(*) FROM control") == 1
