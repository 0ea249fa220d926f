"""Requires-Python is read in one way on pages and in wheels: pip's, and where uv differs, as both install it."""

from __future__ import annotations

import pytest
from packaging.version import Version
from wheelfleet.requires_python import allows, constraint, is_installable


@pytest.mark.parametrize(
    ("stated", "read", "installable"),
    [
        (">=3.8", ">=3.8", True),
        (" >=3.8, <4 ", ">=3.8, <4", True),
        ("!=3.0.*", "!=3.0.*", True),
        ("", None, True),
        # What pip takes for no constraint, and uv mends (uv 0.13.9).
        (">=3.6.*", None, True),
        (">3.6,<3.99.*", None, True),
        (">='3.6'", None, True),
        # What pip takes for no constraint, and uv does not install.
        ("three", None, False),
        ("3.6", None, False),
        ("~=3", None, False),
        (">=3.6, <4;", None, False),
        (">=" + "3" * 600, None, False),
        (">=3\n", None, False),
    ],
)
def test_unreadable_to_pip_is_no_constraint_to_uv_is_not_installable(
    stated: str, read: str | None, installable: bool
) -> None:
    assert (constraint(stated), is_installable(stated)) == (read, installable)


@pytest.mark.parametrize("stated", [None, 3, ["x"]])
def test_what_is_no_text_is_no_constraint(stated: object) -> None:
    assert constraint(stated) is None


def test_a_constraint_admits_the_pythons_it_names() -> None:
    eleven = Version("3.11.2")
    assert allows(">=3.11", eleven) and allows(None, eleven) and allows(">=3.6.*", eleven)
    assert not allows("<3.11", eleven)
    assert allows(">=3.15", Version("3.15.0b1")) is False
    assert allows(">=3.14", Version("3.15.0b1"))
