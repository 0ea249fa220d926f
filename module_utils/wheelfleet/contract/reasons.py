"""Why a builder ended an attempt, as a closed set of codes: `reason` of a result.

The controller goes by the code and never by the sentence beside it (admission/classify says which class each one is).
"""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    # What upstream serves
    "sdist-missing",
    "sdist-differs",
    "sdist-too-large",
    "index-unreachable",
    # What is in the sdist: archive, pyproject.toml, the folders that it names
    "sdist-broken",
    # PKG-INFO is for other Pythons than the target has; `about` is its Requires-Python.
    "other-python",
    # The operator's recipe
    "patch-refused",
    "no-patch-command",
    # Crates. `about` of "crates-unusable" is what Cargo says.
    "cargo-too-old",
    "crates-misconfigured",
    "crates-unreachable",
    "crates-refused",
    "crates-unusable",
    # The log says why: while the build requirements were installed, and in the project's own build
    "requirements-failed",
    "backend-failed",
    # `about` is the backend as pyproject.toml names it.
    "backend-missing",
    "no-wheel",
    # The builder itself
    "not-provisioned",
    "builder-failed",
]


class Failed(Exception):
    """The attempt has failed; the message is one sentence, for the result.

    `reason` is None where a limit ended it, which `stopped_by` of the result says.
    """

    def __init__(self, message: str, reason: Reason | None, about: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.about = about
