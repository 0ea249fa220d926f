"""What a commit's subject has to look like."""

from __future__ import annotations

import pytest

from tests.checks.commit_subject import problem


@pytest.mark.parametrize(
    "message",
    [
        "site: show the version in the footer",
        "\n# a comment of git\nroles/webnode, docs: renew certificates\n\nA body as long as it likes.",
        "fixup! whatever it amends, however long the subject is, because nobody else will ever see this one",
        'Revert "site: show the version"',
    ],
)
def test_a_subject_that_names_its_area_is_fine(message: str):
    assert problem(message) is None


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("site: " + "x" * 67, "has 73 characters"),
        ("Show the version in the footer", "`area: what`"),
        ("site:", "`area: what`"),
        ("# comments only", "`area: what`"),
    ],
)
def test_any_other_subject_is_refused_with_the_reason(message: str, sentence: str):
    assert sentence in (problem(message) or "")
