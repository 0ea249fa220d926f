"""What the phases before the build have fetched for it: crates, Go modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..contract.reasons import Failed
from ..contract.result import Phase
from .attempt import Attempt


class Fetched(NamedTuple):
    """The settings for the build's commands, after a fetch."""

    variables: dict[str, str] = {}
    writable: tuple[Path, ...] = ()
    #: By phase, the error to raise if the build fails and may have needed what is missing.
    missing: tuple[tuple[Phase, Failed], ...] = ()

    def also(self, other: Fetched) -> Fetched:
        """Both."""
        return Fetched(
            {**self.variables, **other.variables}, self.writable + other.writable, self.missing + other.missing
        )


@contextmanager
def blamed(attempt: Attempt, fetched: Fetched) -> Iterator[None]:
    """Raise the error about what could not be fetched, if any, in place of a failure of the build in this block."""
    try:
        yield
    except Failed as error:
        result = attempt.result
        if not fetched.missing or result["stopped_by"] or result["phase"] not in ("requires", "build"):
            raise
        phase, missing = fetched.missing[0]
        attempt.note(phase=phase)
        raise missing from error
