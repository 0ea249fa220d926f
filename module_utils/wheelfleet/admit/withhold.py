"""A wheel that was built but cannot be imported: whether it is offered all the same, and what is said if not."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace

from ..plan.inputs import PlanInputs
from .classify import Failure, failure
from .result import Imported

#: The class of such failures.
WITHHELD = "import-failed"

_CHECK = "::wheelfleet phase check"
_OURS = "::wheelfleet "
_MISSING_LIBRARY = re.compile(r"the shared library (\S+) is not there")
_MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")
#: Lines of the log that are shown.
_MOST_LINES = 8


def withheld(db: sqlite3.Connection, imported: Imported | None, log_end: str) -> Failure | None:
    """Why the wheel is not offered; None if it is (`controller_failed_imports`)."""
    if imported is None or imported.verdict != "failed" or _flagged(db):
        return None
    sentence = imported.message or "The wheel cannot be imported."
    why = failure(WITHHELD, sentence, _evidence(log_end))
    if library := _MISSING_LIBRARY.search(sentence):
        return replace(why, subject=library[1][:200], lacks="library")
    if module := _MISSING_MODULE.search(sentence):
        return replace(why, subject=module[1][:200], lacks="module")
    return why


def _flagged(db: sqlite3.Connection) -> bool:
    inputs = PlanInputs.remembered(db)
    return inputs is not None and inputs.policy.get("failed_imports") == "flag"


def _evidence(log_end: str) -> list[str]:
    """The last lines of what the import said."""
    lines = log_end.rpartition(_CHECK)[2].splitlines()[1:] if _CHECK in log_end else []
    said = [line for line in lines if line.strip() and not line.startswith((_OURS, "check: "))]
    return said[-_MOST_LINES:]
