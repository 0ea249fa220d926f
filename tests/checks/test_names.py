"""The names of tests can be typed after `-k`."""

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
