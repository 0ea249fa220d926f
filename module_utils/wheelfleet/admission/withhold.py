"""Decides whether a wheel that cannot be installed or imported is withheld."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from typing import Literal

from ..contract.log_lines import OURS, PHASE
from ..contract.result import Check
from ..failure_classes import ClassName
from ..planner.inputs import PlanInputs
from ..removed_api import REMOVED_MODULES
from .failure import Failure, failure

#: The failure classes of withheld wheels: it cannot be imported, or an installer refuses it.
WITHHELD = ("import-failed", "not-installable")
_MISSING_KINDS: dict[str, Literal["library", "module"]] = {"missing-library": "library", "missing-module": "module"}

_REPORT = "report it to the project; controller_failed_imports: flag publishes such wheels."
#: What an older Python's standard library or C API had.
_OF_OLDER_PYTHON = re.compile(
    r"cannot import name '\w+' from '[\w.]+' \(\S*/lib/python3\.\d+/(?!site-packages/|dist-packages/)"
    rf"|No module named '(?:{'|'.join(sorted(REMOVED_MODULES))})'|undefined symbol: _?Py[A-Z_]"
)
_CHECK = f"{PHASE}check"
#: Lines of the log in the evidence.
_MOST_LINES = 8
#: numpy's words at the beginning, which explain what follows.
_TOLD_FIRST = re.compile(r"A module that was compiled using NumPy 1\.x cannot be run in")


def withheld(db: sqlite3.Connection, check: Check | None, log_end: str) -> Failure | None:
    """Why the wheel is withheld; None if it is offered, because it passed or by `controller_failed_imports`."""
    if check is None or check["verdict"] != "failed" or _flagged(db):
        return None
    failure_class: ClassName = "not-installable" if check["reason"] == "not-installable" else "import-failed"
    why = failure(failure_class, check["message"] or "The wheel cannot be imported.", _evidence(log_end))
    if _OF_OLDER_PYTHON.search(why.sentence):
        why = replace(why, advice=f"Use a later release, or a target with an older Python; else {_REPORT}")
    missing_kind = _MISSING_KINDS.get(check["reason"] or "")
    subject = check["subject"]
    return replace(why, subject=subject[:200], missing_kind=missing_kind) if missing_kind and subject else why


def _flagged(db: sqlite3.Connection) -> bool:
    inputs = PlanInputs.remembered(db)
    return inputs is not None and inputs.policy.get("failed_imports") == "flag"


def _evidence(log_end: str) -> list[str]:
    """The last lines of the import's output."""
    lines = log_end.rpartition(_CHECK)[2].splitlines()[1:] if _CHECK in log_end else []
    check_lines = [line for line in lines if line.strip() and not line.startswith((OURS, "check: "))]
    first = [line for line in check_lines[:-_MOST_LINES] if _TOLD_FIRST.search(line)]
    return [*first[:1], *check_lines[-_MOST_LINES:]]
