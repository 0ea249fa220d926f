"""A wheel that was built and cannot be installed or imported: whether it is offered all the same, and why not."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Literal

from ..planner.inputs import PlanInputs
from .classify import Failure, failure
from .result import Imported

#: The classes of such failures: the wheel cannot be imported, or an installer refuses it.
WITHHELD = ("import-failed", "not-installable")
_LACKS: dict[str, Literal["library", "module"]] = {"missing-library": "library", "missing-module": "module"}

_CHECK = "::wheelfleet phase check"
_OURS = "::wheelfleet "
#: Lines of the log that are shown.
_MOST_LINES = 8


def withheld(db: sqlite3.Connection, imported: Imported | None, log_end: str) -> Failure | None:
    """Why the wheel is not offered; None if it is (`controller_failed_imports`)."""
    if imported is None or imported.verdict != "failed" or _flagged(db):
        return None
    failure_class = "not-installable" if imported.reason == "not-installable" else "import-failed"
    why = failure(failure_class, imported.message or "The wheel cannot be imported.", _evidence(log_end))
    lacks = _LACKS.get(imported.reason or "")
    return replace(why, subject=imported.subject[:200], lacks=lacks) if lacks and imported.subject else why


def _flagged(db: sqlite3.Connection) -> bool:
    inputs = PlanInputs.remembered(db)
    return inputs is not None and inputs.policy.get("failed_imports") == "flag"


def _evidence(log_end: str) -> list[str]:
    """The last lines of what the import said."""
    lines = log_end.rpartition(_CHECK)[2].splitlines()[1:] if _CHECK in log_end else []
    said = [line for line in lines if line.strip() and not line.startswith((_OURS, "check: "))]
    return said[-_MOST_LINES:]
