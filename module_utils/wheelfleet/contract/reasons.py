"""The reasons why a builder ended an attempt, as a closed set of codes: `reason` of a result.

The controller uses the code and never the sentence beside it; admission/classify maps each to a failure class.
"""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    # The sdist on upstream
    "sdist-missing",
    "sdist-differs",
    "sdist-too-large",
    "index-unreachable",
    # The content of the sdist: archive, pyproject.toml, the folders that it names
    "sdist-broken",
    # PKG-INFO excludes the target's Python; `about` is its Requires-Python.
    "other-python",
    # The operator's recipe
    "patch-refused",
    "no-patch-command",
    # Crates. `about` of "crates-unusable" is Cargo's message.
    "cargo-too-old",
    "crates-misconfigured",
    "crates-unreachable",
    "crates-refused",
    "crates-unusable",
    # Go modules. `about` of "modules-unusable" is Go's message.
    "modules-misconfigured",
    "modules-unreachable",
    "modules-refused",
    "modules-unusable",
    # The log has the cause: the installation of the build requirements, or the project's own build
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
    """The attempt has failed; the message is one sentence for the result.

    `reason` is None if a limit ended it (the result's `stopped_by`). `about` is the subject of some reasons.
    """

    def __init__(self, message: str, reason: Reason | None, about: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.about = about
