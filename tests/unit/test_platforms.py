"""What the lab's hosts can be, and the page of the platforms that were tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab import LabError
from tests.lab.hardware import PLACE, Hardware
from tests.support import platforms, suites

PLAIN = Hardware("amd64", "bookworm", "10.99.0.11", "16G", "2G")


def test_the_page_says_what_was_recorded():
    assert platforms.PAGE.read_text() == platforms.page(), "run make docs"


def test_a_platform_that_did_not_pass_has_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(platforms, "RECORD", tmp_path / "platforms.json")
    first, *_ = platforms.PLATFORMS
    row = {"python": "3.11.2", "provisioned": 61, "built": 9, "repaired": ["manylinux_2_17_x86_64"]}
    platforms.record(first, {**row, "installed": "pip 26.3", "date": "2026-11-30", "test": "test_a"})
    line = "| Debian 12, amd64 | 3.11.2 | 61 s | 9 s | `manylinux_2_17_x86_64` | pip 26.3 | 2026-11-30 |"
    assert line in platforms.page().splitlines()
    platforms.record(first, None)
    assert "Debian 12, amd64" not in platforms.page()


def test_a_host_is_given_what_its_options_say(tmp_path: Path):
    odd = PLAIN.having("board=Raspberry Pi 4 Model B,memory_controller=off,zram=on")
    assert (odd.board, odd.memory_controller, odd.zram) == ("Raspberry Pi 4 Model B", False, True)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    odd.show(tmp_path)
    assert (tmp_path / PLACE.lstrip("/") / "model").read_bytes() == b"Raspberry Pi 4 Model B\0"
    assert PLAIN.having("") == PLAIN
    with pytest.raises(LabError, match="a node has no option colour"):
        PLAIN.having("colour=red")


def test_hosts_are_of_both_releases_or_all_of_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FLEET_SUITE", raising=False)
    assert {suites.suite(name) for name in suites.BY_TURNS} == {"bookworm", "trixie"}
    monkeypatch.setenv("FLEET_SUITE", "trixie")
    assert suites.spec("build1") == "build1:amd64:trixie" and suites.python_tag("build1") == "cp313"
