"""Tests can be found: by names that can be typed after `-k`, and by a map of what they are made of."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
LONGEST = 70


def test_no_test_has_a_name_too_long_to_type():
    names = {
        name: path.relative_to(TESTS)
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"^ *def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    assert [f"{path}: {name}" for name, path in names.items() if len(name) > LONGEST] == []


def test_contributing_names_every_support_module_and_no_other():
    text = (TESTS.parent / "docs/CONTRIBUTING.md").read_text()
    table = text.partition("| module | what it gives |")[2].partition("\n\n")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = {name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == {path.stem for path in (TESTS / "support").glob("*.py")} - {"__init__"}
