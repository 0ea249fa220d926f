"""Backup and restore: consistent while a run goes on, at the cost of what changed; the lost controller comes back."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from wheelfleet.catalog import schema
from wheelfleet.catalog.database import Catalog
from wheelfleet.engine.backup import CATALOG, MANIFEST, WORK, BackupError, back_up
from wheelfleet.engine.restore import BEFORE, restore

from tests.support.catalogs import ControllerState

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync; apt-get install rsync"),
]


@pytest.fixture
def controller(state: ControllerState) -> Iterator[ControllerState]:
    """A controller with wheels, a failure with its log, and a site."""
    state.wheel("spidev", "3.8")
    state.wheel("numpy", "2.4.0")
    state.attempt("failer", "1.0", failure_class="timeout", sentence="It took too long.", log="It took long.\n")
    state.publish()
    yield state


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def tree(folder: Path, hidden: bool = False) -> dict[str, bytes]:
    """The files below a folder with their bytes."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    found = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    return {path: data for path, data in found.items() if hidden or not path.startswith(".")}


def lose(state: ControllerState) -> None:
    """Lose the controller's folder."""
    state.catalog.close()
    shutil.rmtree(state.root)


def again(state: ControllerState) -> ControllerState:
    """The controller on the same folder."""
    return ControllerState(state.root)


# ------------------------------------------------------------------------------------------------- backup


def test_a_lost_controller_comes_back_and_its_site_byte_by_byte(controller: ControllerState, target: Path) -> None:
    backed_up = back_up(controller.root, str(target))
    assert (backed_up.wheels, backed_up.logs) == (2, 3)
    site = tree(controller.site)
    rows = list(controller.catalog.db.iterdump())
    lose(controller)
    restored = restore(controller.root, str(target))
    assert (restored.wheels, restored.damaged) == (2, [])
    assert len([path for path in restored.fetched if path.endswith(".whl")]) == 2
    with again(controller) as state:
        assert list(state.catalog.db.iterdump()) == rows
        state.publish()
        assert tree(state.site) == site


def test_a_second_backup_costs_what_changed(controller: ControllerState, target: Path) -> None:
    first = back_up(controller.root, str(target))
    assert {path.partition("/")[0] for path in first.sent} == {"files", "logs", CATALOG}
    assert back_up(controller.root, str(target)).sent == []
    new = controller.wheel("late", "1.0")
    again = back_up(controller.root, str(target))
    assert [path for path in again.sent if not path.startswith("logs/late/")] == [f"files/late/{new}", CATALOG]
    assert again.removed == []


def test_what_the_controller_removed_leaves_the_backup_last(controller: ControllerState, target: Path) -> None:
    old = controller.wheel("old", "1.0")
    back_up(controller.root, str(target))
    controller.execute("DELETE FROM wheel WHERE filename = ?", old)
    (controller.files_dir / "old" / old).unlink()
    assert back_up(controller.root, str(target)).removed == [f"files/old/{old}"]
    assert not (target / "files/old" / old).exists()


def test_a_backup_is_whole_while_a_run_admits_wheels(controller: ControllerState, target: Path) -> None:
    code = """
import sys
from pathlib import Path
from tests.support.catalogs import ControllerState
with ControllerState(Path(sys.argv[1])) as state:
    print("ready", flush=True)
    for number in range(10_000):
        state.wheel("busy", f"{number}.0")
"""
    controller.catalog.close()
    with subprocess.Popen(
        [sys.executable, "-c", code, str(controller.root)],
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": "module_utils:."},
        stdout=subprocess.PIPE,
    ) as writer:
        try:
            assert writer.stdout
            assert writer.stdout.readline() == b"ready\n"
            for _ in range(3):
                backed_up = back_up(controller.root, str(target))
        finally:
            writer.kill()
    assert backed_up.wheels > 2, "the writer was at work"
    with closing(sqlite3.connect(target / CATALOG)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        named = [row[0] for row in db.execute("SELECT filename FROM wheel")]
    assert set(named) <= {path.name for path in target.rglob("*.whl")}
    lose(controller)
    assert restore(controller.root, str(target)).damaged == []
    controller.catalog = Catalog(controller.root / CATALOG)


def test_a_backup_that_was_cut_off_is_carried_on(controller: ControllerState, target: Path) -> None:
    target.mkdir()
    shutil.copytree(controller.files_dir / "spidev", target / "files/spidev")
    (target / MANIFEST).write_text("{}")
    with pytest.raises(BackupError, match="holds no backup"):
        restore(controller.root, str(target))
    assert not any("files/spidev" in path for path in back_up(controller.root, str(target)).sent)
    lose(controller)
    assert restore(controller.root, str(target)).damaged == []


def test_check_mode_says_what_would_be_sent_and_writes_nothing(controller: ControllerState, target: Path) -> None:
    before = tree(controller.root, hidden=True)
    would = back_up(controller.root, str(target), dry_run=True)
    assert not target.exists()
    assert tree(controller.root, hidden=True).keys() == before.keys()
    assert sorted(back_up(controller.root, str(target)).sent) == sorted(would.sent)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("", "Name the folder for the backup in backup_target"),
        ("relative/folder", "give the whole path"),
        ("{state}/copies", "is in the controller's own folder"),
        ("{tmp}/photos", r"holds files that are no backup of wheelfleet's \(holiday.jpg\)"),
    ],
)
def test_a_bad_target_is_one_clear_sentence(
    controller: ControllerState, tmp_path: Path, place: str, sentence: str
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").touch()
    with pytest.raises(BackupError, match=sentence):
        back_up(controller.root, place.format(state=controller.root, tmp=tmp_path))
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["holiday.jpg"]


def test_a_wheel_that_is_lost_already_stops_the_backup(controller: ControllerState, target: Path) -> None:
    for wheel in (controller.files_dir / "spidev").iterdir():
        wheel.unlink()
    with pytest.raises(BackupError, match=r"missing in .*/files, such as spidev/.*site_repair=true"):
        back_up(controller.root, str(target))


# ------------------------------------------------------------------------------------------------- restore


def test_a_newer_catalog_is_not_overwritten(controller: ControllerState, target: Path) -> None:
    back_up(controller.root, str(target))
    controller.wheel("later", "1.0")
    rows = list(controller.catalog.db.iterdump())
    with pytest.raises(BackupError, match=r"is newer \(.* UTC\) than the backup \(.* UTC\).*move .* away"):
        restore(controller.root, str(target))
    assert list(controller.catalog.db.iterdump()) == rows


def test_an_older_catalog_is_kept_aside(controller: ControllerState, target: Path) -> None:
    old = controller.root.parent / "old.sqlite"
    back_up(controller.root, str(target))
    shutil.copy(target / CATALOG, old)
    controller.wheel("later", "1.0")
    back_up(controller.root, str(target))
    controller.catalog.close()
    for path in controller.root.glob(f"{CATALOG}*"):
        path.unlink()
    shutil.copy(old, controller.root / CATALOG)
    restore(controller.root, str(target))
    assert (controller.root / f"{CATALOG}{BEFORE}").read_bytes() == old.read_bytes()
    with again(controller) as state:
        assert state.catalog.db.execute("SELECT count(*) FROM wheel").fetchone()[0] == 3


@pytest.mark.parametrize("log_went_too", [True, False])
def test_what_a_killed_restore_set_aside_is_kept(
    controller: ControllerState, target: Path, *, log_went_too: bool
) -> None:
    back_up(controller.root, str(target))
    controller.catalog.close()
    (controller.root / CATALOG).rename(controller.root / f"{CATALOG}{BEFORE}")
    end = BEFORE if log_went_too else ""
    (controller.root / f"{CATALOG}{end}-wal").write_bytes(b"what it had not yet in itself")
    old = (controller.root / f"{CATALOG}{BEFORE}").read_bytes()
    restore(controller.root, str(target))
    assert (controller.root / f"{CATALOG}{BEFORE}").read_bytes() == old
    assert (controller.root / f"{CATALOG}{BEFORE}-wal").read_bytes() == b"what it had not yet in itself"
    controller.catalog = Catalog(controller.root / CATALOG)


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("harm", [damage, lambda path: path.write_bytes(path.read_bytes()[:4096])])
def test_a_damaged_backup_of_the_catalog_is_refused(
    controller: ControllerState, target: Path, harm: Callable[[Path], None]
) -> None:
    back_up(controller.root, str(target))
    harm(target / CATALOG)
    lose(controller)
    with pytest.raises(BackupError, match="is damaged"):
        restore(controller.root, str(target))
    assert not (controller.root / CATALOG).exists()


def test_the_backup_of_a_newer_wheelfleet_is_refused(controller: ControllerState, target: Path) -> None:
    back_up(controller.root, str(target))
    with closing(sqlite3.connect(target / CATALOG)) as db:
        db.execute("PRAGMA user_version = 999")
    manifest = json.loads((target / MANIFEST).read_text())
    done = subprocess.run(["sha256sum", target / CATALOG], stdout=subprocess.PIPE, text=True, check=True)
    (target / MANIFEST).write_text(json.dumps({**manifest, "catalog_sha256": done.stdout.split()[0]}))
    with pytest.raises(BackupError, match=rf"schema 999.*knows only schema {schema.VERSION}; update the checkout"):
        restore(controller.root, str(target))


def test_wheels_are_compared_with_their_hashes(controller: ControllerState, target: Path) -> None:
    back_up(controller.root, str(target))
    (good,) = (controller.files_dir / "numpy").iterdir()
    data = good.read_bytes()
    damage(good)
    (bad,) = (target / "files/spidev").iterdir()
    damage(bad)
    (controller.files_dir / "spidev" / bad.name).unlink()
    controller.catalog.close()
    (sentence,) = restore(controller.root, str(target)).damaged
    assert sentence.startswith(f"files/spidev/{bad.name} has other bytes than were admitted; ")
    assert good.read_bytes() == data
    controller.catalog = Catalog(controller.root / CATALOG)


def test_check_mode_verifies_and_restores_nothing(controller: ControllerState, target: Path) -> None:
    back_up(controller.root, str(target))
    lose(controller)
    would = restore(controller.root, str(target), dry_run=True)
    assert not controller.root.exists()
    assert restore(controller.root, str(target)).fetched == would.fetched
    assert not any((controller.root / WORK).iterdir())


def test_a_host_that_ssh_does_not_reach_is_told_in_the_words_of_ssh(
    controller: ControllerState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text("#!/bin/sh\necho 'ssh: Could not resolve hostname nas' >&2\nexit 255\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=":")
    with pytest.raises(BackupError, match=r"\(ssh: Could not resolve hostname nas\); see that ssh reaches"):
        back_up(controller.path.parent, "nas:/backup")


def test_a_restoration_says_what_it_would_bring_and_what_it_brought(controller: ControllerState, target: Path) -> None:
    back_up(controller.path.parent, str(target))
    lose(controller)
    would = restore(controller.root, str(target), dry_run=True).summary(str(target), dry_run=True)
    assert "names 2 wheels. The catalog is whole; 5 wheels and logs would come." in would
    done = restore(controller.root, str(target)).summary(str(target), dry_run=False)
    assert "The catalog is back, and 5 wheels and logs came" in done
